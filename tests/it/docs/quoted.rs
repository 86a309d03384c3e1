//! Messages that the pages quote in a sentence, a heading or a table: the program prints them.

use std::fs;

use super::page::Page;
use super::samples::has_parts;
use super::user_pages;
use crate::rows::file;
use crate::support::console::{outputs, pages_in};
use crate::support::*;

/// Code that contains one of these words is a message, not a command or a setting.
const WORDS_OF_A_SENTENCE: [&str; 18] = [
    "after", "because", "can't", "did", "didn't", "does", "doesn't", "ended", "for", "from", "is",
    "isn't", "of", "the", "to", "unable", "was", "wasn't",
];

/// What other programs print.
const OF_OTHERS: [&str; 5] = [
    "EKS does not have permissions to assume the associated role",
    "No OpenIDConnect provider found in your account for …",
    "ResourceInitializationError: unable to pull secrets or registry auth",
    "/opt/secrets-exec-wrapper: does not exist",
    "not authorized to perform: sts:TagSession",
];

/// Messages that neither a row nor a page of a console prints, because they are about a rotation
/// or a network, each with a file that has its text.
const IN_FILES: [(&str, &str); 6] = [
    (
        "a poll failed, so … keeps its values: …",
        "tests/it/rotation/polls.rs",
    ),
    (
        "the certificate of … isn't trusted: …",
        "tests/it/promises.rs",
    ),
    (
        "… doesn't answer, although its name resolves …",
        "src/net/errors.rs",
    ),
    ("doesn't answer", "src/net/errors.rs"),
    (
        "… didn't answer the first message of TLS …",
        "src/net/errors.rs",
    ),
    (
        "SIGTERM ended secrets-exec after …",
        "tests/it/process/log_format.rs",
    ),
];

/// The messages that a page quotes.
fn quotes(page: &str) -> Vec<String> {
    let mut quotes = Vec::new();
    for paragraph in Page::read(page).prose().split("\n\n") {
        for code in paragraph.split('`').skip(1).step_by(2) {
            let words = Vec::from_iter(code.split_whitespace());
            let is_sentence = words.iter().any(|word| WORDS_OF_A_SENTENCE.contains(word));
            if words.len() > 1 && is_sentence {
                quotes.push(words.join(" "));
            }
        }
    }
    quotes
}

/// The lines that the pages of a console print, and what the rows expect, with `…` for what they
/// leave out.
fn printed() -> Vec<String> {
    let mut printed = Vec::new();
    for page in ["check", "export", "mistakes"].map(pages_in).concat() {
        for output in outputs(page) {
            printed.extend(output.lines().map(str::to_owned));
        }
    }
    let rows = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/**/*.rows");
    for path in glob::glob(rows).unwrap() {
        let text = fs::read_to_string(path.unwrap()).unwrap();
        let (_, rows) = file::read(&text).unwrap();
        for row in rows {
            printed.push(row.seen);
            printed.extend(row.own.into_iter().map(|(_, value)| value));
        }
    }
    printed
}

/// True if [`IN_FILES`] has this message, and its file has the text.
fn is_in_file(quote: &str) -> bool {
    let mut listed = IN_FILES.iter();
    let listed = listed.find(|(message, _)| *message == quote);
    listed.is_some_and(|(_, file)| has_parts(quote, &repository_file(file)))
}

#[test]
fn every_message_that_a_page_quotes_is_printed() {
    let printed = printed();
    let mut number = 0;
    let mut unprinted = Vec::new();
    for page in user_pages() {
        for quote in quotes(&page) {
            number += 1;
            let is_printed = printed.iter().any(|text| has_parts(&quote, text));
            if !is_printed && !OF_OTHERS.contains(&&*quote) && !is_in_file(&quote) {
                unprinted.push(format!("{page}: {quote}"));
            }
        }
    }
    assert!(number > 30, "only {number} quotes were found");
    assert_eq!(unprinted, [""; 0], "nothing prints these messages");
}
