//! Parses `--env`, `--as-file` and `--env-from` into the entries of the command line.
//!
//! No error quotes the text of an entry. A user who is used to `docker run -e` writes a password
//! there, and the message would end up in a log.

use std::collections::BTreeSet;

use clap::ArgMatches;

use crate::model::entry::{Entry, EntrySource, FileTarget, Mode, Naming, Origin, Subject, Target};
use crate::model::env_variables::{EnvName, assigned_name, is_name};
use crate::model::plan::Layer;
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{Fault, Reference};

/// Takes the entries of the command line out of `matches`. Returns the entries that could be
/// parsed, and an error for each of the others. If two entries set the same variable, the second
/// one is an error.
pub fn command_line_layer(matches: &mut ArgMatches) -> (Layer, Vec<Problem>) {
    let mut names = BTreeSet::new();
    let (mut layer, mut errors) = (Layer::default(), Vec::new());
    for option in ["--env", "--as-file"] {
        let texts = take_texts(matches, option.trim_start_matches('-'));
        for (number, text) in (1..).zip(&texts) {
            let shown_option = if texts.len() == 1 {
                option.to_owned()
            } else {
                format!("{option} number {number}")
            };
            match parse_entry(option, &shown_option, text) {
                Ok(entry) if !names.insert(entry.target.to_string()) => {
                    let name = entry.target;
                    let headline = format!("the command line sets the variable {name} twice");
                    let help = format!("keep only one option for {name}");
                    errors.push(Problem::usage(headline).help(help));
                }
                Ok(entry) => layer.entries.push(entry),
                Err(error) => errors.push(error),
            }
        }
    }

    for text in take_texts(matches, "env-from") {
        match parse_env_from(&text) {
            Ok(entry) => layer.entries.push(entry),
            Err(error) => errors.push(error),
        }
    }
    (layer, errors)
}

/// Takes the values of a repeatable option out of `matches`.
pub fn take_texts(matches: &mut ArgMatches, option: &str) -> Vec<String> {
    matches.remove_many(option).into_iter().flatten().collect()
}

/// Parses the REF of `get` into an entry whose value is only printed. The error doesn't show the
/// REF.
pub fn parse_get_reference(text: &str) -> Result<Entry, Problem> {
    let source = EntrySource::Reference(Reference::parse(text).map_err(malformed)?);
    Ok(Entry::new(Target::Output, source, Origin::Argument("get")))
}

/// Parses the `NAME=REF` of `--env` or `--as-file`. `shown_option` is the option's name for
/// [`split_assignment`].
///
/// # Errors
/// If the text is not of this form, if REF is not a reference, or if NAME is PATH, which can't come
/// from a secret.
fn parse_entry(option: &'static str, shown_option: &str, text: &str) -> Result<Entry, Problem> {
    let (name, reference_text) = split_assignment(option, shown_option, text)?;
    let subject = Subject::plain(name.to_string(), Origin::Argument(option));
    if name.as_str() == "PATH" {
        let headline = "PATH can't come from a secret, because it decides which program runs";
        let help = "set PATH in a declaration: env: { PATH: { value: /usr/bin } }";
        return Err(Problem::usage(headline)
            .help(help)
            .for_entry(subject, Impact::None));
    }
    let reference = Reference::parse(reference_text)
        .map_err(|error| malformed(error).for_entry(subject, Impact::None))?;

    let target = match option {
        "--env" => Target::Env(name),
        _ => Target::File(FileTarget {
            path: None,
            env: Some(name),
            mode: Mode::PRIVATE,
            owner: None,
        }),
    };
    let source = EntrySource::Reference(reference);
    Ok(Entry::new(target, source, Origin::Argument(option)))
}

/// Splits `NAME=REF` into the name and the text of the reference. Only the first `=` separates the
/// two, because the name of a secret may contain more.
///
/// # Errors
/// If the assignment has quotes around it, sets several variables, has no `=`, or doesn't begin
/// with a valid name. Because the name isn't known yet, the error calls the option `shown_option`:
/// `--env`, or `--env number 2` if there are several.
fn split_assignment<'t>(
    option: &str,
    shown_option: &str,
    assignment: &'t str,
) -> Result<(EnvName, &'t str), Problem> {
    let example = format!("write, for example, {option} DB_PASSWORD=prod/db:password");
    if assignment.starts_with(['\'', '"', '‘', '“']) {
        let text = format!("the value of {shown_option} begins with a quote: remove the quotes");
        return Err(Problem::usage(text));
    }

    // `--env "A=prod/db:a B=prod/db:b"`
    let words = assignment.split([' ', ',']);
    if words.filter_map(assigned_name).count() > 1 {
        let help = format!(
            "write {option} before each of them, as in {option} A=prod/db:a {option} B=prod/db:b"
        );
        return Err(Problem::usage(format!("one {option} can't set several variables")).help(help));
    }

    let Some((name, reference)) = assignment.split_once('=') else {
        let text = format!("the value of {shown_option} has no \"=\" after the name of a variable");
        return Err(Problem::usage(text).help(format!("{example}, without spaces around \"=\"")));
    };
    // clap reads the argument "-e NAME=REF", which a list such as CMD of an image may have, as `-e`
    // with the value " NAME=REF".
    if option == "--env" && name.starts_with(' ') {
        return Err(one_word("-e"));
    }
    let Some(parsed_name) = EnvName::parse(name) else {
        if is_name(name.trim()) {
            let text =
                format!("the value of {shown_option} has a space next to the name of the variable");
            let help = format!("{example}, without spaces around \"=\"");
            return Err(Problem::usage(text).help(help));
        }
        let text = format!("the value of {shown_option} doesn't begin with a valid variable name");
        return Err(Problem::usage(text).help(format!(
            "{example}. The name of a variable contains only letters, digits and \"_\", and doesn't begin with a digit"
        )));
    };
    Ok((parsed_name, reference))
}

/// Parses the `[PREFIX=]REF` of `--env-from`.
///
/// The text before the first `=` is a prefix only if it is empty or a legal name, because the name
/// of a secret may contain `=`, too.
///
/// # Errors
/// When the reference is malformed. The message doesn't show the text.
fn parse_env_from(text: &str) -> Result<Entry, Problem> {
    let (prefix, reference) = match text.split_once('=') {
        Some((prefix, reference)) if prefix.is_empty() || is_name(prefix) => (prefix, reference),
        Some(_) | None => ("", text),
    };
    let naming = Naming {
        prefix: prefix.to_owned(),
        ..Naming::default()
    };
    let parsed_reference = Reference::parse(reference).map_err(|error| {
        let subject = Subject::plain("env-from".to_owned(), Origin::Argument("--env-from"));
        malformed(error).for_entry(subject, Impact::None)
    })?;
    let origin = Origin::Argument("--env-from");
    Ok(Entry::for_object(parsed_reference, naming, origin))
}

/// Returns the problem for text that is not a reference. The message doesn't show the text.
fn malformed(error: Fault) -> Problem {
    Problem::usage(error.reference_sentence()).replace_help(error.help)
}

/// Returns the problem for an option that is in one argument with its value.
pub fn one_word(option: &str) -> Problem {
    let text = format!("\"{option} …\" is one argument, but must be two");
    Problem::usage(text).help(format!("in an array, write \"{option}\", \"…\""))
}
