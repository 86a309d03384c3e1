//! Links from README and from the pages of `docs/`: each file is there, and each heading; those from README are in the package.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::sandbox::repository_file;

/// README.md and all pages, by their paths.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> =
        files.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    pages.push("README.md".to_owned());
    pages
}

/// The links of a page to files of this repository: path from its root, and heading.
fn links(page: &str) -> Vec<(String, Option<String>)> {
    let text = repository_file(page);
    let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let local = targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace));
    let folder = Path::new(page).parent().unwrap();
    let resolved = local.map(|target| {
        let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
        let path = match path.strip_prefix("../") {
            _ if path.is_empty() => PathBuf::from(page),
            Some(above) => PathBuf::from(above),
            None => folder.join(path),
        };
        (path.to_str().unwrap().to_owned(), heading.map(str::to_owned))
    });
    resolved.collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    let text = repository_file(page);
    text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

#[test]
fn every_link_leads_to_a_file_of_this_repository() {
    for page in pages() {
        for (path, _) in links(&page) {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).exists(), "{page}: {path}");
        }
    }
}

#[test]
fn every_link_to_a_heading_leads_to_one() {
    for page in pages() {
        for (path, heading) in links(&page) {
            let Some(heading) = heading else { continue };
            assert!(anchors(&path).contains(&heading), "{page}: {path}#{heading}");
        }
    }
}

#[test]
fn every_link_of_the_readme_leads_to_a_file_of_the_package() {
    let manifest = repository_file("Cargo.toml");
    let (_, excluded) = manifest.split_once("\nexclude = [").unwrap();
    let excluded: Vec<&str> = excluded.split_once(']').unwrap().0.split('"').skip(1).step_by(2).collect();
    assert!(!excluded.is_empty());
    for (path, _) in links("README.md") {
        assert!(!excluded.iter().any(|folder| Path::new(&path).starts_with(folder)), "{path}");
    }
}
