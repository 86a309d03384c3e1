//! Somebody who searches `src` for four words of a message finds the place where it is made. The
//! words must be in a string, in a text file, or in a comment that begins with `As printed: `. Such
//! a comment shows a message that the code puts together from several strings.

use std::collections::BTreeSet;
use std::fs;

use proc_macro2::{TokenStream, TokenTree};

use crate::architecture::{all_files, repository};

/// The least part of the lines that can be found, in percent.
const MIN_PERCENT: usize = 85;

#[test]
fn most_errors_and_helps_can_be_found_in_the_source_by_four_of_their_words() {
    let mut phrases = BTreeSet::new();
    for path in all_files(&repository("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let texts = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => {
                let comments = text
                    .lines()
                    .filter_map(|line| line.split_once("// As printed: "));
                let comments = comments.map(|(_, message)| message.to_owned());
                let mut texts = Vec::from_iter(comments);
                add_strings(text.parse().unwrap(), &mut texts);
                texts
            }
            _ => text.lines().map(str::to_owned).collect(),
        };
        phrases.extend(texts.iter().flat_map(|text| four_words(text)));
    }

    let mut messages = BTreeSet::new();
    for path in all_files(&repository("tests/it/mistakes")) {
        if path
            .extension()
            .is_some_and(|extension| extension == "console")
        {
            let page = fs::read_to_string(&path).unwrap();
            let lines = page
                .lines()
                .filter_map(|line| line.strip_prefix("secrets-exec:"));
            let labelled = lines.filter_map(|line| line.trim_start().split_once(": "));
            let messages_of_page = labelled.filter(|(label, _)| ["error", "help"].contains(label));
            messages.extend(messages_of_page.map(|(_, message)| message.to_owned()));
        }
    }
    messages.retain(|message| own_words(message).len() >= 4);
    let is_found = |message: &&String| {
        four_words(message)
            .iter()
            .any(|four| phrases.contains(four))
    };
    let (found, others): (Vec<&String>, Vec<&String>) = messages.iter().partition(is_found);
    let percent = found.len() * 100 / messages.len();
    assert!(
        percent >= MIN_PERCENT,
        "{percent} %; not found: {others:#?}"
    );
}

/// Adds the contents of all string literals, also of those in macros.
fn add_strings(tokens: TokenStream, strings: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => add_strings(group.stream(), strings),
            TokenTree::Literal(literal) => {
                // A backslash at the end of a line continues the string in the next one.
                let text = literal.to_string().replace("\\\"", "\"");
                let lines = text.split("\\\n").map(str::trim_start);
                let string = lines.collect::<String>();
                let content = string
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'));
                strings.extend(content.map(str::to_owned));
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Returns all sequences of four words that aren't names, in lower case.
fn four_words(text: &str) -> Vec<[String; 4]> {
    let words = own_words(text);
    let fours = words.windows(4);
    fours
        .map(|four| four.to_vec().try_into().unwrap())
        .collect()
}

/// Returns the words of a message without quoted texts, names, numbers and options.
fn own_words(text: &str) -> Vec<String> {
    let outside_of_quotes = text.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let words = outside_of_quotes
        .split_whitespace()
        .map(|word| word.trim_matches(is_punctuation));
    let is_name = |word: &str| {
        let is_special = |c: char| c.is_ascii_digit() || "/=:_<>$@{}[]*…".contains(c);
        let is_constant = word.len() > 1 && word == word.to_uppercase();
        word.is_empty() || word.starts_with(['-', '.']) || word.contains(is_special) || is_constant
    };
    words
        .filter(|word| !is_name(word))
        .map(str::to_lowercase)
        .collect()
}

fn is_punctuation(c: char) -> bool {
    ".,:;()'`?".contains(c)
}
