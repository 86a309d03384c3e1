//! Links from the pages of `docs/` and of the root, such as README: every linked file exists, and
//! so does every heading. The same is true on the site that `make book` builds. `packaging/book`
//! prepares its pages, and mdBook only turns `.md` into `.html`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::directory::{Directory, names_in};
use crate::support::*;

/// A folder with pages: the repository, or the site.
struct Pages {
    root: PathBuf,
}

/// A link of a page: the address without a heading, and the heading.
type Link = (String, Option<String>);

impl Pages {
    fn of_repository() -> Self {
        let root = env!("CARGO_MANIFEST_DIR").into();
        Self { root }
    }

    fn text(&self, page: &str) -> String {
        fs::read_to_string(self.root.join(page)).unwrap()
    }

    fn links(&self, page: &str) -> Vec<Link> {
        let text = self.text(page);
        let openings = [
            ("](", ')'),
            ("href=\"", '"'),
            ("src=\"", '"'),
            ("srcset=\"", '"'),
        ];
        let targets = openings.iter().flat_map(|(opening, end)| {
            let after = text.split(opening).skip(1);
            after.filter_map(|rest| Some(rest.split_once(*end)?.0))
        });
        let targets = targets.filter(|target| !target.contains(char::is_whitespace));
        let links = targets.map(|target| match target.split_once('#') {
            Some((address, heading)) => (address.to_owned(), Some(heading.to_owned())),
            None => (target.to_owned(), None),
        });
        links.collect()
    }

    /// The anchors of a page's headings, which GitHub and mdBook make in the same way.
    fn anchors(&self, page: &str) -> Vec<String> {
        let anchor = |heading: &str| {
            let mut anchor = heading.to_lowercase().replace(' ', "-");
            anchor.retain(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
            anchor
        };
        let text = self.text(page);
        // Every second part is a block of code, in which `#` begins a comment.
        let prose = text.split("```").step_by(2).flat_map(str::lines);
        let headings = prose.filter(|line| line.starts_with('#'));
        headings
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }

    /// Asserts that the file to which a link of a page leads exists, and that the file has the
    /// heading.
    fn assert_has(&self, path: &str, (_, heading): &Link, page: &str) {
        assert!(self.root.join(path).exists(), "{page}: {path}");
        if let Some(heading) = heading {
            let has_heading = self.anchors(path).contains(heading);
            assert!(has_heading, "{page}: {path}#{heading}");
        }
    }
}

/// The paths of all pages of the root and of `docs/`.
pub fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    for folder in ["", "docs/"] {
        let names = names_in(&root.join(folder)).into_iter();
        let names = names.filter(|name| name.ends_with(".md"));
        pages.extend(names.map(|name| format!("{folder}{name}")));
    }
    for page in ["README.md", "docs/security.md"] {
        assert!(pages.contains(&page.to_owned()), "{pages:?}");
    }
    pages
}

/// The links of a page to files of this repository, as paths from its root.
pub fn links(page: &str) -> Vec<String> {
    let links = Pages::of_repository().links(page);
    let paths = links.iter().filter_map(|link| path_from_root(page, link));
    paths.collect()
}

/// Where a link leads in the folder of pages; `None` if it leads to another site.
fn path_from_root(page: &str, (address, _): &Link) -> Option<String> {
    if address.contains("://") {
        return None;
    }
    if address.is_empty() {
        return Some(page.to_owned());
    }
    if let Some(above) = address.strip_prefix("../") {
        return Some(above.to_owned());
    }
    let path = Path::new(page).parent().unwrap().join(address);
    Some(path.to_str().unwrap().to_owned())
}

#[test]
fn every_link_in_the_documentation_leads_to_a_file_and_a_heading_that_exist() {
    let repository = Pages::of_repository();
    for page in pages() {
        for link in repository.links(&page) {
            if let Some(path) = path_from_root(&page, &link) {
                repository.assert_has(&path, &link, &page);
            }
        }
    }
}

#[test]
fn every_link_on_the_site_leads_to_a_page_of_the_site_or_to_a_file_on_github() {
    let directory = Directory::new();
    let root = directory.path().join("book");
    let prepared = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/book"))
        .arg(&root)
        .env_remove("GITHUB_REF_NAME")
        .status();
    assert!(prepared.unwrap().success());
    let site = Pages {
        root: root.join("src"),
    };
    let repository = Pages::of_repository();
    let address = manifest("repository").unwrap();
    let configuration = fs::read_to_string(root.join("book.toml")).unwrap();
    assert!(configuration.contains(&format!("\ngit-repository-url = \"{address}\"\n")));
    let github = format!("{address}/blob/main/");

    let contents = site.links("SUMMARY.md");
    let listed: HashSet<&String> = contents.iter().map(|(address, _)| address).collect();
    assert_eq!(listed.len(), contents.len(), "a page is listed twice");
    let mut pages = names_in(&site.root);
    pages.retain(|page| page.ends_with(".md") && page != "SUMMARY.md");
    for page in pages {
        assert!(listed.contains(&page), "not in SUMMARY.md: {page}");
        for link in site.links(&page) {
            if let Some(path) = path_from_root(&page, &link) {
                site.assert_has(&path, &link, &page);
            } else if let Some(path) = link.0.strip_prefix(&github) {
                repository.assert_has(path, &link, &page);
            }
        }
    }
}
