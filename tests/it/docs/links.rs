//! Links from the pages of `docs/` and of the root, such as README: each file is there, and each heading.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::*;

/// All pages of the root and of `docs/`, by their paths.
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

/// The links of a page to files of this repository: path from its root, and heading.
pub fn links(page: &str) -> Vec<(String, Option<String>)> {
    let text = repository_file(page);
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0));
    let local =
        targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace));
    let folder = Path::new(page).parent().unwrap();
    let resolved = local.map(|target| {
        let (path, heading) = target
            .split_once('#')
            .map_or((target, None), |(path, heading)| (path, Some(heading)));
        let path = match path.strip_prefix("../") {
            _ if path.is_empty() => PathBuf::from(page),
            Some(above) => PathBuf::from(above),
            None => folder.join(path),
        };
        (
            path.to_str().unwrap().to_owned(),
            heading.map(str::to_owned),
        )
    });
    resolved.collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
            .collect()
    };
    let text = repository_file(page);
    // Every second part is a block of code, in which `#` begins a comment.
    let prose = text.split("```").step_by(2).flat_map(str::lines);
    prose
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

#[test]
fn every_link_of_a_page_leads_to_an_existing_file_and_heading_of_the_repository() {
    for page in pages() {
        for (path, heading) in links(&page) {
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists(),
                "{page}: {path}"
            );
            assert!(
                heading.is_none_or(|heading| anchors(&path).contains(&heading)),
                "{page}: {path}"
            );
        }
    }
}

#[test]
fn a_link_of_a_packaged_page_leads_to_a_packaged_file_or_is_removed() {
    let script = repository_file("packaging/dist");
    let (_, names) = script.split_once(r"(\.\.\/)?(").unwrap();
    let left_out = names.split_once(')').unwrap().0.replace('\\', "");
    let is_in_package = |path: &str| {
        path.starts_with("docs/")
            || ["README.md", "CHANGELOG.md", "SECURITY.md"].contains(&path)
            || path.starts_with("LICENSE")
    };
    for page in pages().iter().filter(|page| is_in_package(page)) {
        for (path, _) in links(page).iter().filter(|(path, _)| !is_in_package(path)) {
            assert!(
                left_out.split('|').any(|name| path.starts_with(name)),
                "{page}: {path}"
            );
        }
    }
}
