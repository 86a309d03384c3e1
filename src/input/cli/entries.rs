//! Parses `--env`, `--as-file` and `--env-from` into the layer of the command line.

use std::collections::BTreeSet;

use clap::ArgMatches;

use super::usage::UsageError;
use crate::model::entry::{Entry, EntrySource, EnvFromEntry, FileTarget, Naming, OnMissing, Origin, Target, Transform};
use crate::model::env_name::{EnvName, is_name};
use crate::model::plan::Layer;
use crate::model::reference::Reference;

/// An option that sets one variable, `NAME=REF`.
#[derive(Clone, Copy)]
enum EntryOption {
    Env,
    AsFile,
}

impl EntryOption {
    /// The option as typed.
    fn flag(self) -> &'static str {
        match self {
            Self::Env => "--env",
            Self::AsFile => "--as-file",
        }
    }

    /// The id of clap's argument.
    fn id(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::AsFile => "as-file",
        }
    }
}

pub fn layer(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Layer {
    let mut names = BTreeSet::new();
    let mut layer = Layer::default();
    for option in [EntryOption::Env, EntryOption::AsFile] {
        for text in matches.remove_many::<String>(option.id()).into_iter().flatten() {
            match entry(option, &text) {
                Ok(entry) if !names.insert(entry.target.to_string()) => {
                    errors.push(UsageError::Twice { option: option.flag(), name: entry.target.to_string() });
                }
                Ok(entry) => layer.entries.push(entry),
                Err(error) => errors.push(error),
            }
        }
    }
    for text in matches.remove_many::<String>("env-from").into_iter().flatten() {
        match env_from(&text) {
            Ok(entry) => layer.env_from.push(entry),
            Err(error) => errors.push(error),
        }
    }
    layer
}

/// Parses `NAME=REF`. Only the first `=` separates: the name of a secret may contain others.
fn entry(kind: EntryOption, text: &str) -> Result<Entry, UsageError> {
    let option = kind.flag();
    let (name, reference) =
        text.split_once('=').ok_or_else(|| UsageError::NoEquals { option, text: text.to_owned() })?;
    let parsed = EnvName::parse(name).map_err(|_| UsageError::IllegalName { option, name: name.to_owned() })?;
    if name == "PATH" {
        return Err(UsageError::Path(option));
    }
    let reference = parse_reference(option, text, reference)?;
    let target = match kind {
        EntryOption::Env => Target::Env(parsed),
        EntryOption::AsFile => Target::File(FileTarget::in_memory(parsed)),
    };
    Ok(Entry {
        target,
        source: EntrySource::Reference(reference),
        transform: Transform::default(),
        on_missing: OnMissing::Fail,
        origin: Origin::Argument(option),
    })
}

/// Parses `[PREFIX=]REF`.
///
/// The text before the first `=` is a prefix only if it is empty or a name, since an id may contain `=` as well.
fn env_from(text: &str) -> Result<EnvFromEntry, UsageError> {
    let (prefix, reference) = match text.split_once('=') {
        Some((prefix, reference)) if prefix.is_empty() || is_name(prefix) => (prefix, reference),
        Some(_) | None => ("", text),
    };
    let naming = Naming { prefix: prefix.to_owned(), ..Naming::default() };
    let reference = parse_reference("--env-from", text, reference)?;
    Ok(EnvFromEntry { reference, naming, origin: Origin::Argument("--env-from") })
}

fn parse_reference(option: &'static str, argument: &str, text: &str) -> Result<Reference, UsageError> {
    let (argument, reference) = (argument.to_owned(), text.to_owned());
    Reference::parse(text).map_err(|error| UsageError::Reference { option, argument, reference, error })
}
