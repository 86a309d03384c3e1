//! The pages of `docs/`: their commands run, and print what the pages say.

use std::fs;
use std::path::Path;

use crate::support::sandbox::repository_file;

pub mod page;

mod ci;
mod commands;
mod containers;
mod kubernetes;
mod lambda;
pub mod links;
mod local;
mod logs;
mod migrating;
mod outages;
mod recipes;
mod security;
mod systemd;
mod troubleshooting;

/// The paths of the files of a directory of the repository.
fn files(directory: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).unwrap();
    entries.map(move |entry| format!("{directory}/{}", entry.unwrap().file_name().display()))
}

#[test]
fn the_commands_of_every_page_are_run() {
    let tests: Vec<String> =
        files("tests/it/docs").filter(|path| path.ends_with(".rs")).map(|path| repository_file(&path)).collect();
    let pages = files("docs").chain(["README.md".to_owned()]).filter(|path| path.ends_with(".md"));
    let pages: Vec<String> = pages.filter(|page| repository_file(page).contains("```console\n")).collect();
    assert!(pages.len() > 10, "{pages:?}");
    for page in pages {
        let reads = format!("Page::read(\"{page}\")");
        let is_run = tests.iter().any(|test| test.contains(&reads) && test.contains(".runs("));
        assert!(is_run, "no test runs the commands of {page}");
    }
}
