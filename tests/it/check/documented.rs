//! docs/programs.md has the fields of the JSON document, and the error codes.

use std::collections::BTreeSet;
use std::fs;

use super::{check, served};
use crate::architecture::{all_files, repository};
use crate::support::console::{outputs, pages_in};
use crate::support::*;

#[test]
fn docs_programs_md_names_every_field_of_the_json_that_check_prints() {
    let page = repository_file("docs/programs.md");
    let (_, page) = page.split_once("\n## The JSON of `check`\n").unwrap();
    let (page, _) = page.split_once("\n## ").unwrap();
    let pages = pages_in("check")
        .into_iter()
        .filter(|page| page.ends_with("json.console") || page.ends_with("metadata.console"));
    // Another section has the members of a message.
    let shown: String = pages
        .flat_map(outputs)
        .filter(|output| !output.contains("\"level\""))
        .collect();
    let names: Vec<&str> = shown
        .match_indices("\": ")
        .map(|(end, _)| shown[..end].rsplit_once('"').unwrap().1)
        .collect();
    assert!(names.contains(&"overdue"), "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

/// The words of a text that stand between one of `openings` and the next `closing`.
fn words_between<'t>(text: &'t str, openings: &[&str], closing: char) -> BTreeSet<&'t str> {
    let mut words = BTreeSet::new();
    for opening in openings {
        for rest in text.split(opening).skip(1) {
            words.insert(rest.split(closing).next().unwrap());
        }
    }
    words
}

#[test]
fn docs_programs_md_lists_exactly_the_error_codes_that_src_gives_to_problems() {
    let sources: String = all_files(&repository("src"))
        .iter()
        .filter(|path| path.extension().is_some_and(|found| found == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let given = [
        ".code(\"",
        "code: \"",
        "credentials_refused(\"",
        "CREDENTIALS_REFUSED: &str = \"",
        "Unsafe(_) => \"",
        "SameName => \"",
    ];
    let mut of_src = words_between(&sources, &given, '"');
    // A predicate can have the same variant as a code.
    of_src.retain(|code| !code.contains(' '));

    let page = repository_file("docs/programs.md");
    let (_, table) = page.split_once("| exit status | codes |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    // Every second part of the table is in backticks.
    let mut of_page: BTreeSet<&str> = table.split('`').skip(1).step_by(2).collect();
    for other in ["--wait", "env-from", "pattern"] {
        assert!(of_page.remove(other));
    }
    assert_same(&of_page, &of_src, "docs/programs.md, and src");
}

#[test]
fn check_json_does_not_print_colours_even_on_a_terminal() {
    let run = check(&served())
        .args(["--json", "-e", "A=x:k"])
        .through(terminal("1x80", "", ""))
        .env("TERM", "xterm")
        .run();
    assert!(
        run.launched().document()["ok"] == true && !run.stdout().contains('\x1b'),
        "{run}"
    );
}
