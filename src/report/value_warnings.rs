//! Words the warnings about values that were read but are probably wrong, such as an empty password
//! ([`Remark`]). `check` shows the same remarks in its rows.

use crate::model::fault::{character_name, quoted_character};
use crate::model::message::{Problem, Remark};
use crate::model::outcome::{EntryOutcome, Made};
use crate::model::shown::{shown, some_of};

/// A problem for each [`Remark`] on a value. Ignores an empty or blank value of an
/// `env-from` key, since such keys are mostly switches.
pub(super) fn value_problems<'a>(
    values: impl IntoIterator<Item = (&'a EntryOutcome, &'a Made)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (outcome, made) in values {
        for (remark, parts) in &made.remarks {
            if matches!(remark, Remark::Empty | Remark::Blank) && outcome.id.key.is_some() {
                continue;
            }
            let mut problem = value_problem(*remark, outcome, parts);
            if !parts.is_empty() && !matches!(remark, Remark::CutsUrl(_) | Remark::CutsText(_)) {
                problem = problem.for_part(Some(parts_text(parts)));
            }
            problems.push(problem.for_entry(outcome.subject.clone()));
        }
    }
    problems
}

const ESCAPE: &str = "escape it with the filter replace or, in JSON, write {{ ALIAS.KEY | tojson }} without the quotes";

/// The problem with a value or with `parts` of it, such as `an empty value was read`. The caller
/// adds the entry.
fn value_problem(remark: Remark, outcome: &EntryOutcome, parts: &[String]) -> Problem {
    let status = remark_status(remark);
    let read = |what: &str| Problem::warning(format!("{what} was read"));
    let names = parts_text(parts);
    let contains = || Problem::warning(format!("the value of {names} contains {status}"));
    match remark {
        Remark::Empty => read("an empty value"),
        Remark::Blank => read("a value with only blanks"),
        Remark::Begins(c) | Remark::Ends(c) => read(&format!("a value with {status}"))
            .help(format!("store it without the {}", character_name(c))),
        Remark::TemplateLineFeed => {
            Problem::warning(format!("a template with {status} was used"))
                .help("write >- or |- instead of > or |, which keep the line feed")
        }
        Remark::Quoted => read(&status).help("store it without the quotes"),
        Remark::Escape => read(&status).help("store it without the colors of a terminal"),
        Remark::Reference => read(&status).help("store the value that it refers to"),
        Remark::OwnName => read(&status).help("store only the text after \"=\". For a whole .env file, use secrets-exec migrate FILE --secret ID"),
        Remark::BrokenPem => read(&status).help("each -----BEGIN …----- and each -----END …----- must be a whole line, which in an OpenSSH key ends with a line feed and no carriage return. AWS's console drops line breaks, so store the file with the AWS CLI"),
        Remark::CutsUrl(_) => {
            let help = match &outcome.subject.written {
                Some(_) if parts.len() == 1 => format!("write {{{{ {names} | urlencode }}}}"),
                _ => "write {{ ALIAS.KEY | urlencode }} in a template".to_owned(),
            };
            contains().help(help)
        }
        Remark::CutsText(_) => contains().help(ESCAPE),
        Remark::BreaksJson => read(&status).help(ESCAPE),
    }
}

/// The wording of a remark in the table of `check`, such as `a line feed at its end`.
fn remark_status(remark: Remark) -> String {
    match remark {
        Remark::Empty => "empty",
        Remark::Blank => "only blanks",
        Remark::Begins(c) => return format!("a {} at its beginning", character_name(c)),
        Remark::Ends(c) => return format!("a {} at its end", character_name(c)),
        Remark::Escape => "text with an escape character",
        Remark::TemplateLineFeed => "a line feed at its end",
        Remark::Quoted => "text in quotes",
        Remark::Reference => "a reference that nothing resolves",
        Remark::OwnName => "a line with the variable's own name and \"=\"",
        Remark::BrokenPem => "a key or certificate that isn't valid PEM",
        Remark::CutsUrl(character) => {
            let found = character.map_or("a special character".to_owned(), quoted_character);
            return format!("{found}, which cuts the URL short");
        }
        Remark::CutsText(c) => {
            return format!("{}, which cuts the text short", quoted_character(c));
        }
        Remark::BreaksJson => "a value with which the text isn't JSON",
    }
    .to_owned()
}

/// Lists parts of a template for a message: `db.user and db.password`.
fn parts_text(parts: &[String]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| shown(part)).collect();
    some_of(&parts)
}

/// Describes the remarks on a value in a few words, for the table that `check` prints. `None` if
/// there are no remarks.
pub(super) fn remark_text(outcome: &EntryOutcome) -> Option<String> {
    let mut texts = Vec::new();
    for (remark, parts) in &outcome.made()?.remarks {
        let mut text = remark_status(*remark);
        if !parts.is_empty() {
            text += &format!(": {}", parts_text(parts));
        }
        texts.push(text);
    }
    if texts.is_empty() {
        return None;
    }
    Some(texts.join(", "))
}
