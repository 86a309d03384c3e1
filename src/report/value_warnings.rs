//! Makes the warnings about values that exist but are probably wrong: a value that was read and is,
//! for example, empty or in UTF-16 ([`Remark`]), and a text of a declaration that looks as if
//! secrets-exec should replace something in it ([`Placeholder`]). `check` shows both in its rows.

use std::collections::BTreeMap;

use super::terminal::{Record, some_of};
use crate::model::entry::EntryId;
use crate::model::fault::UTF8_HELP;
use crate::model::outcome::EntryOutcome;
use crate::model::placeholder::{Field, Form, Misread, Placeholder, placeholders};
use crate::model::plan::{Plan, inherited_help, variable_help};
use crate::model::remark::Remark;
use crate::model::shown::shown;

/// Makes a warning for each kind of [`Remark`], with the entries whose values have this remark.
pub fn value_warnings<'a>(outcomes: impl IntoIterator<Item = &'a EntryOutcome>) -> Vec<Record> {
    let mut subjects = BTreeMap::<Remark, Vec<String>>::new();
    for outcome in outcomes {
        for (remark, parts) in &outcome.remarks {
            let of_remark = subjects.entry(*remark).or_default();
            of_remark.push(match parts.as_slice() {
                [] => outcome.subject.to_string(),
                parts => format!("{} in {}", parts_text(parts), outcome.subject),
            });
        }
    }
    subjects
        .into_iter()
        .filter_map(|(remark, subjects)| value_warning(remark, &some_of(&subjects)))
        .collect()
}

/// The warning about values of these entries. `None` for a remark that only `check` shows.
fn value_warning(remark: Remark, entries: &str) -> Option<Record> {
    let read = |what: &str| Record::warning(format!("{what} was read for {entries}"));
    Some(match remark {
        Remark::Empty => read("an empty value"),
        Remark::Blank => read("a value with only blanks"),
        Remark::Utf16 => read("a value in UTF-16").help(UTF8_HELP),
        Remark::ByteOrderMark => read("a value with a byte order mark at its beginning")
            .help("store it without the byte order mark, which PowerShell 5 and some editors add"),
        Remark::LineFeed => read("a value with a line feed at its end")
            .help("store it without the line feed, which echo and text files add"),
        Remark::TemplateLineFeed => {
            let text = format!("a template with a line feed at its end was used for {entries}");
            Record::warning(text).help("write >- or |- instead of > or |, which keep the line feed")
        }
        Remark::Newline | Remark::UnfinishedKey => return None,
    })
}

fn parts_text(parts: &[String]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| shown(part)).collect();
    some_of(&parts)
}

/// The text about the remarks on a value, for the row of the value in the table of `check`. `None`
/// if there are no remarks.
pub(super) fn remark_text(outcome: &EntryOutcome) -> Option<String> {
    let mut texts = Vec::new();
    for (remark, parts) in &outcome.remarks {
        let mut text = remark.status().to_owned();
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

/// Warns of each text of a declaration that looks as if secrets-exec should replace something in
/// it.
pub fn placeholder_warnings(plan: &Plan) -> impl Iterator<Item = Record> {
    placeholders(plan)
        .into_iter()
        .map(|misread| placeholder_warning(&misread, plan))
}

fn placeholder_warning(misread: &Misread<'_>, plan: &Plan) -> Record {
    let subject = &misread.entry.subject;
    let text = match misread.field {
        Field::Value => format!("the value of {subject}"),
        Field::Default => format!("the default of {subject}"),
        Field::Template => format!("the template for {subject}"),
    };
    // `write` is the part of the help about the text to use in a template instead.
    let (predicate, write) = match &misread.placeholder {
        Placeholder::Variable { name, form } => {
            let (name, write) = variable_and_help(name, misread, plan);
            let written = match form {
                Form::Braces => format!("${{{name}}}"),
                Form::Whole | Form::Plain => format!("${name}"),
            };
            (
                format!("contains {written}, which secrets-exec doesn't expand"),
                write,
            )
        }
        Placeholder::Key { written, lookup } => {
            let predicate = format!(
                "contains {}, which secrets-exec doesn't replace",
                shown(written)
            );
            (predicate, format!("write {{{{ {} }}}}", shown(lookup)))
        }
        Placeholder::Expression | Placeholder::Reference => {
            let (part, key) = match misread.placeholder {
                Placeholder::Reference => ("a reference", "from"),
                _ => ("{{", "template"),
            };
            let text = format!("{text} is plain text, although it contains {part}");
            let help = match misread.field {
                Field::Default => DEFAULT_HELP.to_owned(),
                Field::Value | Field::Template => format!("use `{key}` instead of `value`"),
            };
            return Record::warning(text).help(help);
        }
        Placeholder::NoExpression => {
            let why = "because it contains neither {{ nor {%";
            let help = "to use a secret, write {{ ALIAS.KEY }}; for plain text, use `value` instead of `template`";
            return Record::warning(format!("{text} is used as plain text, {why}")).help(help);
        }
    };
    Record::warning(format!("{text} {predicate}")).help(match misread.field {
        Field::Value => format!("to insert a variable, use `template`: {write}"),
        Field::Default => DEFAULT_HELP.to_owned(),
        Field::Template => write,
    })
}

const DEFAULT_HELP: &str = "write the text itself, because nothing is replaced in a default";

/// The name of a variable, and the help about inserting this variable with a template. Returns
/// `NAME` instead of the name if there is no such variable, because the name may be part of a
/// password.
fn variable_and_help<'p>(name: &'p str, misread: &Misread<'_>, plan: &Plan) -> (&'p str, String) {
    match plan.variables.get(name) {
        // The variable extends its inherited value: `PATH: ${PATH}:/bin`.
        Some(entry) if *entry == misread.entry.subject => (name, inherited_help(name)),
        Some(entry) => (name, variable_help(entry)),
        None if plan.inherited.get(name).is_some() => (name, inherited_help(name)),
        None => ("NAME", inherited_help("NAME")),
    }
}

/// The notes about placeholders, each for the row of its entry in the table of `check`.
pub fn placeholder_notes(plan: &Plan) -> impl Iterator<Item = (EntryId, String)> {
    placeholders(plan)
        .into_iter()
        .map(|misread| (misread.entry.id, placeholder_note(&misread)))
}

fn placeholder_note(misread: &Misread<'_>) -> String {
    let its_default = match misread.field {
        Field::Default => "its default ",
        Field::Value | Field::Template => "",
    };
    let predicate = match misread.placeholder {
        Placeholder::Variable { .. } => "contains a variable that isn't expanded",
        Placeholder::Key { .. } | Placeholder::Expression => {
            "contains a placeholder that isn't replaced"
        }
        Placeholder::Reference if its_default.is_empty() => REFERENCE_NOTE,
        Placeholder::Reference => "is a reference",
        Placeholder::NoExpression => "a template without {{",
    };
    format!("{its_default}{predicate}")
}

/// The note about a literal that is a reference.
const REFERENCE_NOTE: &str = "plain text, although it is a reference";
