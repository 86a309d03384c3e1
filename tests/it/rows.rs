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
            "-e A=x",
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
fn all_mistakes_in_a_file_of_rows_are_reported_at_once_with_what_to_write() {
    let text = format!(
        "    never: one
a = 1
a = 2
given a secret:
    secret x: 1
given a secret:
    secret x: 2
a row | -e A=x | A=1 | never: one
    never: two
a row with {{what}} | -e A={{what}} | A=1
    | what |
a row | -e A=x | A=1 | never: {{vlaue}}
    | value |
    | 1     |
a row of {{one}} and {{two}} | -e A=x | A=1
    | one | two |
    | 1         |
a row | -e A=x | A=1 | given: a parameter
a row | -e A=x -- sh -c 'cat | cat' | A=1
a row with a launch | -e A=x
    never
a row
    seen: A=1
2 rows | -e A=x | A=1
{}
",
        "word ".repeat(25)
    );
    // Each mistake, without what to write instead.
    let mut seen = String::new();
    for (number, mistake) in file::read(&text).err().unwrap() {
        let (mistake, _) = mistake.split_once(": ").unwrap();
        seen += &format!("{number}: {mistake}\n");
    }
    let expected = "1: no row is above this column
3: $a is already defined above
6: \"a secret\" is already given above
8: the column \"never\" is there twice
10: the table has no test
12: the row doesn't use {value}
15: the line of the table with [\"1\"] has 1 cells
18: \"a parameter\" isn't given
19: \"A=1\" isn't a column
20: the row has no \"seen\"
21: \"never\" isn't a column
22: the row has no \"launch\"
24: the name of a test can't begin with a digit
25: the row has no \"launch\"
";
    assert_eq!(seen, expected);
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
