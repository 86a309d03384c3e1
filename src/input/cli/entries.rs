//! Parses `--env`, `--as-file` and `--env-from` into the layer of the command line. No error quotes the text of an entry: it may be a
//! secret.

use std::collections::BTreeSet;

use clap::ArgMatches;

use crate::model::entry::{
    Entry, EntrySource, FilePlace, FileTarget, Mode, Naming, Origin, Subject, Target,
};
use crate::model::env_name::{EnvName, is_name};
use crate::model::plan::Layer;
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{Reference, ReferenceError};

pub fn layer(matches: &mut ArgMatches, errors: &mut Vec<Problem>) -> Layer {
    let mut names = BTreeSet::new();
    let mut layer = Layer::default();
    for option in ["--env", "--as-file"] {
        let texts: Vec<String> = matches
            .remove_many(option.trim_start_matches('-'))
            .into_iter()
            .flatten()
            .collect();
        for (number, text) in (1..).zip(&texts) {
            let place = if texts.len() == 1 {
                option.to_owned()
            } else {
                format!("{option} number {number}")
            };
            match entry(option, &place, text) {
                Ok(entry) if !names.insert(entry.target.to_string()) => {
                    let name = entry.target;
                    let text = format!("the command line sets the variable {name} twice");
                    errors.push(
                        Problem::usage(text).help(format!("keep only one option for {name}")),
                    );
                }
                Ok(entry) => layer.entries.push(entry),
                Err(error) => errors.push(error),
            }
        }
    }
    for text in matches
        .remove_many::<String>("env-from")
        .into_iter()
        .flatten()
    {
        match env_from(&text) {
            Ok(entry) => layer.entries.push(entry),
            Err(error) => errors.push(error),
        }
    }
    layer
}

/// Parses the REF of `get` into an entry whose value is only printed.
pub fn value(text: &str) -> Result<Entry, Problem> {
    let reference = Reference::parse(text).map_err(malformed)?;
    Ok(Entry::new(
        Target::Output,
        EntrySource::Reference(reference),
        Origin::Argument("get"),
    ))
}

/// Parses a `NAME=REF` of an option, which an error without the name calls `place`. Only the first `=` separates: the name of a secret may
/// contain others.
fn entry(option: &'static str, place: &str, text: &str) -> Result<Entry, Problem> {
    let example = format!("write for example {option} DB_PASSWORD=prod/db:password");
    if text.starts_with(['\'', '"']) {
        let text = format!("the value of {place} begins with a quote: remove the quotes");
        return Err(Problem::usage(text));
    }
    let Some((name, reference)) = text.split_once('=') else {
        let text = format!("the value of {place} has no \"=\" between a variable and a secret");
        return Err(Problem::usage(text).help(format!("{example}, as one word")));
    };
    let Some(parsed) = EnvName::parse(name) else {
        // Without a shell, a list such as CMD of an image may have "-e NAME=REF" as one word.
        if option == "--env" && name.starts_with(' ') && is_name(name.trim_start()) {
            return Err(one_word("-e", &format!("{}=…", name.trim_start())));
        }
        let text = format!("the value of {place} doesn't begin with a legal variable name");
        let help =
            "a variable name has only letters, digits and \"_\", and doesn't begin with a digit";
        return Err(Problem::usage(text).help(help));
    };
    let subject = Subject::plain(name.to_owned(), Origin::Argument(option));
    if name == "PATH" {
        let text = "PATH can't come from a secret, because it decides which program runs";
        let help = "set PATH in a declaration: env: { PATH: { value: /usr/bin } }";
        return Err(Problem::usage(text).help(help).of(subject, Impact::None));
    }
    let reference =
        Reference::parse(reference).map_err(|error| malformed(error).of(subject, Impact::None))?;
    let target = match option {
        "--env" => Target::Env(parsed),
        _ => Target::File(FileTarget {
            place: FilePlace::Memory,
            env: Some(parsed),
            mode: Mode::PRIVATE,
            owner: None,
        }),
    };
    Ok(Entry::new(
        target,
        EntrySource::Reference(reference),
        Origin::Argument(option),
    ))
}

/// Parses `[PREFIX=]REF`.
///
/// The text before the first `=` is a prefix only if it is empty or a name, since an id may contain `=` as well.
fn env_from(text: &str) -> Result<Entry, Problem> {
    let (prefix, reference) = match text.split_once('=') {
        Some((prefix, reference)) if prefix.is_empty() || is_name(prefix) => (prefix, reference),
        Some(_) | None => ("", text),
    };
    let naming = Naming {
        prefix: prefix.to_owned(),
        ..Naming::default()
    };
    let reference = Reference::parse(reference).map_err(|error| {
        let subject = Subject::plain("env-from".to_owned(), Origin::Argument("--env-from"));
        malformed(error).of(subject, Impact::None)
    })?;
    Ok(Entry::of_object(
        reference,
        naming,
        Origin::Argument("--env-from"),
    ))
}

/// Returns the problem of a text that is not a reference, without the text.
fn malformed(error: ReferenceError) -> Problem {
    Problem::usage(error.hidden()).replace_help(error.help)
}

/// Returns the problem of an option and its value in one argument. `value` is the part of the value that may be shown.
pub fn one_word(option: &str, value: &str) -> Problem {
    let text = format!("\"{option} {value}\" is one word, but must be two");
    Problem::usage(text).help(format!("in a list, write \"{option}\", \"{value}\""))
}
