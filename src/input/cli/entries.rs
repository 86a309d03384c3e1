//! Parses `--env`, `--as-file` and `--env-from` into the layer of the command line. No error quotes the text of an entry: it may be a
//! secret.

use std::collections::BTreeSet;

use clap::ArgMatches;

use crate::model::entry::{
    Entry, EntrySource, FilePlace, FileTarget, Mode, Naming, Origin, Target,
};
use crate::model::env_name::{EnvName, is_name};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::reference::Reference;

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
                    let text =
                        format!("{option} {name}=…: {name} is given twice; keep one of them");
                    errors.push(Problem::usage(text));
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
    let reference = parse_reference("REF".to_owned(), text)?;
    Ok(Entry::new(
        Target::Output,
        EntrySource::Reference(reference),
        Origin::Argument("get"),
    ))
}

/// Parses a `NAME=REF` of an option, which an error without the name calls `place`. Only the first `=` separates: the name of a secret may
/// contain others.
fn entry(option: &'static str, place: &str, text: &str) -> Result<Entry, Problem> {
    let example = format!("as in: {option} DB_PASSWORD=prod/db:password");
    let Some((name, reference)) = text.split_once('=') else {
        return Err(Problem::usage(format!(
            "{place}: expected NAME=REF, in one word and without blanks"
        ))
        .help(example));
    };
    let Some(parsed) = EnvName::parse(name) else {
        let text = format!(
            "{place}: the text before `=` cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)"
        );
        return Err(Problem::usage(text).help(example));
    };
    if name == "PATH" {
        let why = "PATH decides which command runs and cannot come from a secret; set it with `value` in a declaration";
        return Err(Problem::usage(format!("{option} PATH=…: {why}")));
    }
    let reference = parse_reference(format!("{option} {name}=…"), reference)?;
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
    let equals = if prefix.is_empty() { "" } else { "=" };
    let reference = parse_reference(format!("--env-from {prefix}{equals}…"), reference)?;
    Ok(Entry::of_object(
        reference,
        naming,
        Origin::Argument("--env-from"),
    ))
}

fn parse_reference(place: String, text: &str) -> Result<Reference, Problem> {
    Reference::parse(text).map_err(|error| {
        Problem::usage(format!("{place}: {}", error.hidden())).replace_help(error.help)
    })
}
