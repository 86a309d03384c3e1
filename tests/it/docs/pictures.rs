//! The pictures of README and `docs/`, which `packaging/pictures.py` draws: they show what the
//! program prints and what the pages say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::links::pages;
use crate::support::directory::names_in;
use crate::support::*;

const FOLDER: &str = "docs/img";

/// The part of a text between two others, which follows the first one.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start);
    let (_, rest) = rest.unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).unwrap().0
}

#[test]
fn the_pictures_in_docs_show_what_the_program_prints_and_what_the_tables_of_the_pages_say() {
    if !skip::can(&["python3", "-c", "import pty"], "the pictures") {
        return;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = Directory::new();

    let script = repository.join("packaging/pictures.py");
    let arguments = [&script, &program(), directory.path()];
    let status = Command::new("python3").args(arguments).status();
    assert!(status.unwrap().success());

    let names = names_in(directory.path());
    assert_eq!(names, names_in(&repository.join(FOLDER)));
    for name in names {
        let drawn = fs::read_to_string(directory.path().join(&name)).unwrap();
        let shown = repository_file(&format!("{FOLDER}/{name}"));
        let both = format!("--- in the repository\n{shown}\n--- now\n{drawn}");
        let is_current = drawn == shown;
        assert!(
            is_current,
            "{FOLDER}/{name} is outdated: `make pictures` draws it again\n{both}"
        );
    }
}

#[test]
fn every_picture_has_a_dark_version_and_a_text_for_readers_who_cannot_see_it() {
    let mut shown = BTreeSet::new();
    for page in pages() {
        let text = repository_file(&page);
        for picture in text.split("<picture>").skip(1) {
            let light = between(picture, "<img src=\"", "\"");
            let source = "<source media=\"(prefers-color-scheme: dark)\" srcset=\"";
            let dark = between(picture, source, "\"");
            assert_eq!(dark, light.replace("-light.svg", "-dark.svg"), "{page}");

            let alternative = between(picture, "alt=\"", "\"");
            assert!(alternative.len() > 80, "{page}: {light}: {alternative}");

            let folder = Path::new(&page).parent().unwrap();
            for path in [light, dark] {
                let path = folder.join(path).to_str().unwrap().to_owned();
                let size = repository_file(&path).len();
                assert!(size < 20_000, "{path} has {size} bytes");
                shown.insert(path);
            }
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let drawn = names_in(&folder).into_iter();
    let drawn = drawn.map(|name| format!("{FOLDER}/{name}"));
    assert_eq!(shown, drawn.collect());
}
