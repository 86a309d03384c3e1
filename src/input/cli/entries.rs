//! Parses the entries of the command line:
//!
//! ```text
//! --env DB_HOST=prod/db:host                a variable
//! --as-file KEY=prod/tls:key                a file in memory, whose path the variable gets
//! --as-file KEY:/run/app/key=prod/tls:key   a file at this path
//! --env-from DB_=prod/db                    a variable for each key
//! ```
//!
//! An entry is split at the first `=`, because the name of a secret can contain `=`, too. In a
//! path, an `=` within a placeholder such as `${NAME:-a=b}` is skipped.

use crate::model::entry::{Argument, Entry, FileTarget, Naming, Origin, Source, Subject, Target};
use crate::model::environment::{EnvName, assigned_name, is_name};
use crate::model::fault::{Fault, quoted_character};
use crate::model::message::Problem;
use crate::model::reference::Reference;
use crate::model::shown::shown;

/// Parses an entry of `--env` or `--as-file`. If the entry has no valid NAME, messages call it
/// `shown_option`: `--env`, or `--env number 2` if the option is given several times.
pub(super) fn parse_entry(
    option: Argument,
    shown_option: &str,
    text: &str,
) -> Result<Entry, Problem> {
    let refused = |why: &str| refused_entry(option, shown_option, why);
    // Refuse a value with several assignments, as in `--env "A=prod/db:a B=prod/db:b"`, or in a
    // connection string with semicolons.
    let assignments = text
        .split([' ', ',', ';'])
        .filter_map(assigned_name)
        .count();
    if assignments > 1 {
        return Err(refused("sets several variables"));
    }

    let (name, path, reference) = match text.split_once(':') {
        Some((name, rest)) if option == Argument::AsFile && is_before_path(name, rest) => {
            let (path, reference) = split_path(rest);
            (name, Some(path), reference)
        }
        _ => {
            let (name, reference) = text.split_once('=').unzip();
            (name.unwrap_or(text), None, reference)
        }
    };
    let reference = reference.ok_or_else(|| refused("has no \"=\" after the name"))?;
    let name = EnvName::parse(name).ok_or_else(|| refused(&invalid_name(name, reference)))?;

    let path = path
        .map(FileTarget::parse_path)
        .transpose()
        .map_err(|fault| {
            let fault = fault.about(&format!("the path for {name}"));
            Problem::usage(fault)
        })?;
    let argument = match path {
        Some(_) => Argument::AsFileAtPath,
        None => option,
    };
    let target = if option == Argument::AsFile {
        Target::File(FileTarget {
            path,
            env: Some(name),
            ..FileTarget::default()
        })
    } else {
        Target::Env(name)
    };
    let source = Source::Reference(parse_reference(reference, &target, argument)?);
    Ok(Entry::new(target, source, Origin::Argument(argument)))
}

/// The error for a malformed entry. `why` is a predicate about the option's value.
fn refused_entry(option: Argument, shown_option: &str, why: &str) -> Problem {
    let usage = if option == Argument::EnvFrom {
        "write --env-from [PREFIX=]SECRET"
    } else if option == Argument::AsFile {
        "write --as-file NAME=SECRET:KEY or --as-file NAME:/PATH=SECRET:KEY"
    } else {
        "write --env NAME=SECRET:KEY, once for each variable"
    };
    Problem::usage(format!("the value of {shown_option} {why}")).help(usage)
}

/// The mistake in an entry that doesn't begin with a valid name.
///
/// `text`, the part before `=`, may be a password, as in `"$DB_PASSWORD=prod/db:password"`. So it
/// is shown only if `reference`, the part after `=`, is a valid name: then, the user has probably
/// swapped the two.
fn invalid_name(text: &str, reference: &str) -> String {
    let illegal = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && *c != '_');
    if is_name(reference) && !text.is_empty() {
        format!(
            "begins with {:?}, which isn't a valid variable name",
            shown(text)
        )
    } else if let Some(c) = illegal {
        format!("has a name that contains {}", quoted_character(c))
    } else {
        "has no name before \"=\", or one that begins with a digit".to_owned()
    }
}

/// True if an entry, split at its first colon, has the form `NAME:PATH=REF`. PATH must be absolute,
/// or begin with `~` or a placeholder such as `$HOME`. Two slashes mean a URL.
fn is_before_path(name: &str, rest: &str) -> bool {
    !name.contains('=') && rest.starts_with(['/', '$', '~']) && !rest.starts_with("//")
}

/// Splits `PATH=REF` at the first `=` outside a placeholder such as `${NAME:-a=b}`.
fn split_path(text: &str) -> (&str, Option<&str>) {
    let mut is_in_placeholder = false;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with('$') => is_in_placeholder = true,
            '}' => is_in_placeholder = false,
            '=' if !is_in_placeholder => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

/// Parses `[PREFIX=]REF` from `--env-from`. Messages call the option `shown_option`: `--env-from`,
/// or `--env-from number 2` if it is given several times.
pub(super) fn parse_env_from(
    shown_option: &str,
    text: &str,
    keeps_case: bool,
) -> Result<Entry, Problem> {
    let option = Argument::EnvFrom;
    let (prefix, reference) = text.split_once('=').unwrap_or(("", text));
    if !prefix.is_empty() && !is_name(prefix) {
        let why = invalid_name(prefix, reference);
        return Err(refused_entry(option, shown_option, &why));
    }
    let naming = Naming {
        prefix: prefix.to_owned(),
        keeps_case,
        ..Naming::default()
    };
    let target = Target::Variables(prefix.to_owned());
    let object = parse_reference(reference, &target, option)?;
    Ok(Entry::for_object(object, naming, Origin::Argument(option)))
}

/// Parses the argument of `get`.
pub(super) fn parse_get(text: &str) -> Result<Entry, Problem> {
    let reference = Reference::parse(text).map_err(malformed_reference)?;
    let source = Source::Reference(reference);
    Ok(Entry::new(
        Target::Output,
        source,
        Origin::Argument(Argument::Get),
    ))
}

fn parse_reference(text: &str, target: &Target, argument: Argument) -> Result<Reference, Problem> {
    Reference::parse(text).map_err(|error| {
        let subject = Subject::for_target(target, Origin::Argument(argument));
        malformed_reference(error).for_entry(subject)
    })
}

fn malformed_reference(error: Fault) -> Problem {
    Problem::usage(error.about("the reference"))
}
