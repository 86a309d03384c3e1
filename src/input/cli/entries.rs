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
use crate::model::problem::{Problem, Status};
use crate::model::reference::Reference;
use crate::model::shown::shown;

/// Parses `NAME=REF` from `--env` or `--as-file`, or `NAME:PATH=REF` from `--as-file`. Without a
/// valid NAME, messages show `shown_option` instead: `--env`, or `--env number 2` if the option is
/// given several times.
pub(super) fn parse_entry(
    option: Argument,
    shown_option: &str,
    text: &str,
) -> Result<Entry, Problem> {
    let assignment = Assignment::parse(option, shown_option, text)?;
    let name = assignment.name;
    let (target, argument) = if option == Argument::AsFile {
        let path = assignment
            .path
            .map(FileTarget::parse_path)
            .transpose()
            .map_err(|fault| {
                let fault = fault.about(&format!("the path for {name}"));
                Problem::from_fault(Status::Usage, fault)
            })?;
        let argument = match path {
            Some(_) => Argument::AsFileAtPath,
            None => option,
        };
        let file = FileTarget {
            path,
            env: Some(name),
            ..FileTarget::default()
        };
        (Target::File(file), argument)
    } else {
        (Target::Env(name), option)
    };

    let origin = Origin::Argument(argument);
    let subject = Subject::for_target(&target, origin.clone());
    let reference = parse_argument_reference(assignment.reference, subject)?;
    Ok(Entry::new(target, Source::Reference(reference), origin))
}

/// The parts of an entry such as `KEY:/run/app/key=prod/tls:key`.
struct Assignment<'t> {
    name: EnvName,
    /// The text between the first colon and the `=`. Only `--as-file` can have a path.
    path: Option<&'t str>,
    reference: &'t str,
}

impl<'t> Assignment<'t> {
    /// Splits `NAME=REF` or, for `--as-file`, `NAME:PATH=REF`. The path and the reference aren't
    /// parsed yet.
    ///
    /// # Errors
    /// If the text has several assignments, has no `=`, or has an invalid name. The error shows
    /// neither a path nor a reference.
    fn parse(option: Argument, shown_option: &str, text: &'t str) -> Result<Self, Problem> {
        // The user may have written `--env "A=prod/db:a B=prod/db:b"`, or a connection string with
        // semicolons.
        let assignments = text
            .split([' ', ',', ';'])
            .filter_map(assigned_name)
            .count();
        if assignments > 1 {
            let text = format!("the value of {shown_option} sets several variables");
            return Err(Problem::usage(text).help(usage(option)));
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
        let Some(reference) = reference else {
            let text = format!("the value of {shown_option} has no \"=\" after the name");
            return Err(Problem::usage(text).help(usage(option)));
        };
        let Some(name) = EnvName::parse(name) else {
            return Err(invalid_name_problem(option, shown_option, name, reference));
        };
        Ok(Self {
            name,
            path,
            reference,
        })
    }
}

/// The error for an entry that doesn't begin with a valid name.
///
/// `text`, the part before `=`, may be a password, as in `"$DB_PASSWORD=prod/db:password"`. So the
/// message shows it only if `reference`, the part after `=`, is a valid name: then, the user has
/// probably swapped the two.
fn invalid_name_problem(
    option: Argument,
    shown_option: &str,
    text: &str,
    reference: &str,
) -> Problem {
    let illegal = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && *c != '_');
    let why = if is_name(reference) && !text.is_empty() {
        format!(
            "begins with {:?}, which isn't a valid variable name",
            shown(text)
        )
    } else if let Some(c) = illegal {
        format!("has a name that contains {}", quoted_character(c))
    } else {
        "has no name before \"=\", or one that begins with a digit".to_owned()
    };
    Problem::usage(format!("the value of {shown_option} {why}")).help(usage(option))
}

fn usage(option: Argument) -> &'static str {
    if option == Argument::EnvFrom {
        "write --env-from [PREFIX=]SECRET"
    } else if option == Argument::AsFile {
        "write --as-file NAME=SECRET:KEY or --as-file NAME:/PATH=SECRET:KEY"
    } else {
        "write --env NAME=SECRET:KEY, once for each variable"
    }
}

/// True if an entry has the form `NAME:PATH=REF`.
///
/// `name` and `rest` are the parts before and after its first colon. PATH must be absolute, or
/// begin with `~` or a placeholder such as `$HOME`. Two slashes after the colon mean a URL.
fn is_before_path(name: &str, rest: &str) -> bool {
    !name.contains('=') && rest.starts_with(['/', '$', '~']) && !rest.starts_with("//")
}

/// Splits `PATH=REF` at the first `=` outside a placeholder such as `${NAME:-a=b}`. REF is `None`
/// if no `=` is found.
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

/// Parses `[PREFIX=]REF` from `--env-from`. For `shown_option`, see [`parse_entry`].
pub(super) fn parse_env_from(
    shown_option: &str,
    text: &str,
    keeps_case: bool,
) -> Result<Entry, Problem> {
    let (prefix, reference) = text.split_once('=').unwrap_or(("", text));
    if !prefix.is_empty() && !is_name(prefix) {
        let option = Argument::EnvFrom;
        return Err(invalid_name_problem(
            option,
            shown_option,
            prefix,
            reference,
        ));
    }
    let naming = Naming {
        prefix: prefix.to_owned(),
        keeps_case,
        ..Naming::default()
    };
    let origin = Origin::Argument(Argument::EnvFrom);
    let target = Target::Variables(prefix.to_owned());
    let subject = Subject::for_target(&target, origin.clone());
    let parsed_reference = parse_argument_reference(reference, subject)?;
    Ok(Entry::for_object(parsed_reference, naming, origin))
}

/// Parses the reference of an entry. If the reference is malformed, the error names the entry
/// (`subject`).
fn parse_argument_reference(text: &str, subject: Subject) -> Result<Reference, Problem> {
    Reference::parse(text).map_err(|error| malformed_reference(error).for_entry(subject))
}

/// Parses the argument of `get`.
pub(super) fn parse_get(text: &str) -> Result<Entry, Problem> {
    let origin = Origin::Argument(Argument::Get);
    let reference = Reference::parse(text).map_err(malformed_reference)?;
    let source = Source::Reference(reference);
    Ok(Entry::new(Target::Output, source, origin))
}

fn malformed_reference(error: Fault) -> Problem {
    Problem::from_fault(Status::Usage, error.about("the reference"))
}
