//! Mistakes in a row that would make its test pass without looking.

#[path = "../rows/file.rs"]
pub mod file;

use std::panic;

use crate::support::repository_file;
use crate::support::rows::{Row, test_row};

#[test]
fn a_row_fails_for_a_typo_in_it_and_for_each_message_that_it_does_not_expect() {
    let (two, for_a) = ("-e A=x -e B=ssm:/y", "exits with 78: for A (--env");
    // A launch, what is seen of it, another column, and the failure.
    for (launch, seen, own, failure) in [
        (
            "-e A=x",
            "exits with 78",
            &[("never", "$canray")][..],
            "$canray isn't a word",
        ),
        (
            "-e A=x",
            "exits with 78",
            &[("never at all", "x")],
            "isn't a column",
        ),
        // A second error.
        (two, for_a, &[], "for B (--env, ssm:/y)\n"),
        (two, for_a, &[], "not expected: secrets-exec: error: "),
        (
            "-e A=x --timeout 1s",
            "exits with 75",
            &[
                ("fails GetSecretValue", "unavailable"),
                ("says", "a text of another message"),
            ],
            "not expected: secrets-exec: error: ",
        ),
        (
            "--local l -v -e A=x",
            "A=v-4c7a1e",
            &[("file l", "x: v-4c7a1e"), ("says", "1 value of")],
            "not expected: secrets-exec: warning: ",
        ),
    ] {
        let row = Row {
            place: "a row of this test",
            name: "",
            launch,
            seen,
            words: &[],
            given: &[],
            own,
        };
        let failed = panic::catch_unwind(|| test_row(&row)).expect_err("the row passes");
        let failed = failed.downcast::<String>().unwrap();
        assert!(failed.contains(failure), "{failed}");
    }
}

#[test]
fn a_file_of_rows_is_refused_if_a_part_of_it_would_replace_another_or_not_be_tested() {
    for (text, mistake) in [
        ("a = 1\na = 2\n", "2: $a is already a word"),
        (
            "given a secret:\n    secret x: 1\n\ngiven a secret:\n    secret x: 2\n",
            "4: \"a secret\" is already given above",
        ),
        (
            "a row | -e A=x | A=1 | never: one\n    never: two\n",
            "1: the column \"never\" is there twice",
        ),
        (
            "a row with {what} | -e A={what} | A=1\n    | what |\n",
            "1: a table without a line doesn't make a test",
        ),
        (
            "a row | -e A=x | A=1 | never: {vlaue}\n    | value |\n    | 1     |\n",
            "1: the row doesn't use {value}",
        ),
    ] {
        assert_eq!(file::read(text).err().as_deref(), Some(mistake));
    }
    let long = file::read(&"word ".repeat(25)).err().unwrap();
    assert!(long.starts_with("1: the line has over 120 columns"));
}

/// Columns as a row of the binary has them.
fn leaked(columns: Vec<file::Column>) -> &'static [(&'static str, &'static str)] {
    let columns = columns.into_iter();
    let columns = columns.map(|(name, value)| (&*name.leak(), &*value.leak()));
    columns.collect::<Vec<_>>().leak()
}

#[test]
fn the_rows_that_contributing_md_and_the_grammar_show_do_what_they_say() {
    let grammar = repository_file("tests/rows/file.rs");
    let grammar = grammar.split("//! ```").nth(1).unwrap();
    let grammar = grammar.lines().skip(1).map(|line| match line {
        "//!" => String::new(),
        _ => line.replacen("//! ", "    ", 1),
    });
    let page = repository_file("CONTRIBUTING.md");
    let (_, section) = page.split_once("\n## Your first row\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let shown = grammar.chain(section.lines().map(str::to_owned));
    let shown = shown.filter(|line| line.is_empty() || line.starts_with("    "));
    let text: String = shown
        .map(|line| line.get(4..).unwrap_or_default().to_owned() + "\n")
        .collect();
    let (words, rows) = file::read(&text).unwrap();
    let words = leaked(words);
    assert_eq!(rows.len(), 7);
    for row in rows {
        test_row(&Row {
            place: "CONTRIBUTING.md",
            name: row.name.leak(),
            launch: row.launch.leak(),
            seen: row.seen.leak(),
            words,
            given: leaked(row.given),
            own: leaked(row.own),
        });
    }
}
