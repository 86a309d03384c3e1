//! docs/output.md: the fields of the JSON document.

use super::{check, served};
use crate::support::console::{outputs, pages_in};
use crate::support::*;

#[test]
fn docs_output_md_names_every_field_of_the_json_that_check_prints() {
    let page = repository_file("docs/output.md");
    let (_, page) = page.split_once("\n### The JSON of `check`\n").unwrap();
    let (page, _) = page.split_once("\n## ").unwrap();
    let pages = pages_in("check")
        .into_iter()
        .filter(|page| page.ends_with("json.console") || page.ends_with("metadata.console"));
    // docs/logs.md has the members of a message.
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
