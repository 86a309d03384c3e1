//! Links from the pages of `docs/` and of the root, such as README: every linked file exists, and
//! so does every heading. The same is true on the site that `make book` builds. `packaging/book`
//! prepares its pages, and mdBook only turns `.md` into `.html`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::directory::Directory;
use crate::support::*;

/// A folder with pages: the repository, or the site.
struct Pages {
    root: PathBuf,
}

/// A link of a page: the address without a heading, and the heading.
struct Link {
    address: String,
    heading: Option<String>,
}

impl Pages {
    fn of_repository() -> Self {
        Self {
            root: env!("CARGO_MANIFEST_DIR").into(),
        }
    }

    fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The links and pictures of a page.
    fn links(&self, page: &str) -> Vec<Link> {
        let text = fs::read_to_string(self.root.join(page)).unwrap();
        let openings = ["](", "href=\"", "src=\"", "srcset=\""];
        let targets = openings.iter().flat_map(|opening| {
            let end = if *opening == "](" { ')' } else { '"' };
            let after = text.split(opening).skip(1);
            after.filter_map(move |rest| Some(rest.split_once(end)?.0))
        });
        targets
            .filter(|target| !target.contains(char::is_whitespace))
            .map(|target| {
                let (address, heading) = match target.split_once('#') {
                    Some((address, heading)) => (address, Some(heading.to_owned())),
                    None => (target, None),
                };
                Link {
                    address: address.to_owned(),
                    heading,
                }
            })
            .collect()
    }

    /// The anchors of a page's headings, which GitHub and mdBook make in the same way.
    fn anchors(&self, page: &str) -> Vec<String> {
        let anchor = |heading: &str| {
            let kept = heading.to_lowercase().replace(' ', "-");
            kept.chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
                .collect()
        };
        let text = fs::read_to_string(self.root.join(page)).unwrap();
        // Every second part is a block of code, in which `#` begins a comment.
        let prose = text.split("```").step_by(2).flat_map(str::lines);
        prose
            .filter(|line| line.starts_with('#'))
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }

    /// Asserts that the file to which a link of a page leads exists, and that the file has the
    /// heading.
    fn assert_has(&self, path: &str, link: &Link, page: &str) {
        assert!(self.exists(path), "{page}: {path}");
        if let Some(heading) = &link.heading {
            assert!(
                self.anchors(path).contains(heading),
                "{page}: {path}#{heading}"
            );
        }
    }
}

/// The paths of all pages of the root and of `docs/`.
pub fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages_in = |folder: &'static str| {
        let files = fs::read_dir(root.join(folder)).unwrap();
        let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.ends_with(".md"))
            .map(move |name| format!("{folder}{name}"))
    };
    let pages: Vec<String> = pages_in("").chain(pages_in("docs/")).collect();
    assert!(
        pages.contains(&"README.md".to_owned()) && pages.contains(&"docs/security.md".to_owned()),
        "{pages:?}"
    );
    pages
}

/// The links of a page to files of this repository, as paths from its root.
pub fn links(page: &str) -> Vec<String> {
    let links = Pages::of_repository().links(page);
    links
        .iter()
        .filter_map(|link| path_from_root(page, link))
        .collect()
}

/// Where a link leads in the folder of pages; `None` if it leads to another site.
fn path_from_root(page: &str, link: &Link) -> Option<String> {
    let address = link.address.as_str();
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

/// Where the site's links to files of the repository lead.
fn github() -> String {
    let configuration = repository_file("packaging/book.toml");
    let (_, address) = configuration.split_once("git-repository-url = \"").unwrap();
    let (address, _) = address.split_once('"').unwrap();
    format!("{address}/blob/main/")
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
    let github = github();

    let contents = site.links("SUMMARY.md");
    let listed: HashSet<&str> = contents.iter().map(|link| link.address.as_str()).collect();
    assert_eq!(listed.len(), contents.len(), "a page is listed twice");
    for file in fs::read_dir(&site.root).unwrap() {
        let page = file.unwrap().file_name().into_string().unwrap();
        if !page.ends_with(".md") || page == "SUMMARY.md" {
            continue;
        }
        assert!(listed.contains(page.as_str()), "not in SUMMARY.md: {page}");
        for link in site.links(&page) {
            if let Some(path) = path_from_root(&page, &link) {
                site.assert_has(&path, &link, &page);
            } else if let Some(path) = link.address.strip_prefix(&github) {
                repository.assert_has(path, &link, &page);
            }
        }
    }
}

#[test]
fn every_link_in_the_packaged_documentation_leads_to_a_packaged_file_or_is_removed() {
    let script = repository_file("packaging/dist");
    let (_, names) = script.split_once(r"(\.\.\/)?(").unwrap();
    let left_out = names.split_once(')').unwrap().0.replace('\\', "");
    let is_in_package = |path: &str| {
        path.starts_with("docs/")
            || ["README.md", "CHANGELOG.md", "SECURITY.md"].contains(&path)
            || path.starts_with("LICENSE")
    };
    for page in pages().iter().filter(|page| is_in_package(page)) {
        for path in links(page).iter().filter(|path| !is_in_package(path)) {
            assert!(
                left_out.split('|').any(|name| path.starts_with(name)),
                "{page}: {path}"
            );
        }
    }
}

#[test]
fn every_row_of_a_table_in_the_documentation_is_one_line() {
    for page in pages() {
        let text = repository_file(&page);
        // Every second part is a block of code.
        for prose in text.split("```").step_by(2) {
            for line in prose.lines().filter(|line| line.starts_with('|')) {
                assert!(line.ends_with('|'), "{page}: {line}");
            }
        }
    }
}
