//! Warns of texts of a declaration in which somebody expected secrets-exec to replace something: a
//! `value`, a `default` that is used, and the text of a template around its expressions.
//!
//! The form of a text proves nothing, because programs replace placeholders, too. So nearly each of
//! these warnings has a witness: an alias, a key of an object that was read, or a variable that the
//! command gets. Nothing else of a text is quoted, because it may be a password. The texts of an
//! entry with a `pattern` are assumed to be as the user wants them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::answer::Answers;
use crate::model::entry::template::{ENV, expression_text};
use crate::model::entry::{EntryId, OnMissing, Part, Source, Target};
use crate::model::environment::is_name;
use crate::model::fault::foreign_beginning;
use crate::model::outcome::{EntryOutcome, Outcome, Outcomes, Warning};
use crate::model::plan::{Plan, Planned, inherited_help, variable_help};
use crate::model::reference::{Reference, Selector, split_secret};

/// Makes a warning for each text that the command gets, although something in it was meant to be
/// replaced. An entry has one of these warnings at most.
pub fn text_warnings(plan: &Plan, fetched: &Answers, outcomes: &Outcomes) -> Vec<Warning> {
    let entries: BTreeMap<EntryId, &Planned> =
        plan.entries.iter().map(|entry| (entry.id, entry)).collect();
    let search = Search {
        plan,
        fetched,
        outcomes,
    };
    let mut warnings = Vec::new();
    for outcome in &outcomes.list {
        if let Some(entry) = entries.get(&outcome.id)
            && entry.pattern.is_none()
        {
            warnings.extend(search.warning(entry, outcome));
        }
    }
    warnings
}

/// The note about a text in which nothing is replaced.
const PLACEHOLDER_NOTE: &str = "contains a placeholder that isn't replaced";

/// The text of a template around its lookups. A NUL character stands in for each lookup, so that the
/// texts before it and after it stay apart.
pub(super) fn literal_text(parts: &[Part]) -> String {
    let mut literal = String::new();
    for part in parts {
        match part {
            Part::Text(text) => literal += text,
            Part::Lookup(..) => literal.push('\0'),
        }
    }
    literal
}

struct Search<'a> {
    plan: &'a Plan,
    fetched: &'a Answers,
    outcomes: &'a Outcomes,
}

impl Search<'_> {
    /// The warning about the first thing in the text of an entry that was meant to be replaced.
    fn warning(&self, entry: &Planned, outcome: &EntryOutcome) -> Option<Warning> {
        let (field, text) = match (&outcome.result, &entry.source, &entry.on_missing) {
            (Outcome::Default(_), _, OnMissing::Default(text)) => ("default", Cow::from(text)),
            (Outcome::Value(_), Source::Literal(text), _) => ("value", text.into()),
            // Without requests, `check` doesn't compose the text.
            (Outcome::Value(_) | Outcome::Unread, Source::Composed(parts), _)
                if entry.subject.written.is_some() =>
            {
                ("template", literal_text(parts).into())
            }
            (_, _, _) => return None,
        };

        let from_help = "to read a secret, write `from: SECRET:KEY`";
        let (predicate, help, note) = if let Some((name, help)) = self.variable(&text, entry) {
            let predicate = format!("contains ${name}, which secrets-exec doesn't expand");
            (
                predicate,
                format!("in a template: {help}"),
                PLACEHOLDER_NOTE,
            )
        } else if let Source::Composed(_) = entry.source
            && !outcome.is_default()
        {
            return None;
        } else if self.has_expression(&text) {
            let help = "use `template` instead of `value`".to_owned();
            let predicate = "is plain text, although it contains {{".to_owned();
            (predicate, help, PLACEHOLDER_NOTE)
        } else if let Some((alias, key)) = self.lookup(&text, entry) {
            let help = format!("in a template, write {}", expression_text(alias, key));
            let predicate = format!("contains {alias}.{key}, which secrets-exec doesn't replace");
            (predicate, help, PLACEHOLDER_NOTE)
        } else if self.is_reference(&text) {
            let note = "plain text, although it is a reference";
            (format!("is {note}"), from_help.to_owned(), note)
        } else if let Some(beginning) = foreign_beginning(&text) {
            let note = "has another tool's syntax";
            let predicate = format!("begins with \"{beginning}\", which is another tool's syntax");
            (predicate, from_help.to_owned(), note)
        } else {
            return None;
        };
        Some(Warning {
            // A default can only be corrected by writing the text itself.
            help: if outcome.is_default() {
                None
            } else {
                Some(help)
            },
            ..outcome.warning(format!("the {field} {predicate}"), note)
        })
    }

    /// True for a text with an expression such as `{{ db.host }}`, with an alias or `env`.
    fn has_expression(&self, text: &str) -> bool {
        text.split("{{").skip(1).any(|rest| {
            let expression = rest.trim_start_matches(['-', ' ']);
            let name = expression
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            name.is_some_and(|name| {
                self.plan.aliases.contains_key(name)
                    || (name == ENV && expression[name.len()..].starts_with('.'))
            })
        })
    }

    /// Finds the first key of an alias after a character with which other tools begin a
    /// placeholder, as in `{ db.password }`, `$(db:password)` or `<%= db.password %>`. Its object
    /// must have been read. In a file with several `${`, another program replaces all of them.
    fn lookup<'t>(&self, text: &'t str, entry: &Planned) -> Option<(&'t str, &'t str)> {
        let is_variable = matches!(entry.target, Target::Env(_));
        let may_be_shell = is_variable || text.matches("${").count() == 1;
        for (at, _) in text.match_indices(['$', '{', '[', '%', '@']) {
            let (before, mark) = text.split_at(at);
            let is_shell =
                mark.starts_with("${") || (before.ends_with('$') && mark.starts_with('{'));
            let rest = mark[1..].trim_start_matches(['(', '{', '[', '=', ' ', '\t']);
            if let Some((alias, after)) = rest.split_once(['.', ':'])
                && (may_be_shell || !is_shell)
                && self.plan.aliases.contains_key(alias)
            {
                let key = after
                    .split(|c: char| !c.is_ascii_alphanumeric() && !"_-.".contains(c))
                    .next()?
                    .trim_end_matches('.');
                let reference = Reference::parse(alias).ok()?;
                if self.object_has(&reference, key) == Some(true) {
                    return Some((alias, key));
                }
            }
        }
        None
    }

    /// Finds `${NAME}`, or `$NAME` as the whole text, of a variable that the command gets. Returns
    /// the name as it is written, and what to write in a template. In a file and in a text with
    /// several lines, which may be a script, a program may replace it.
    fn variable<'t>(&self, text: &'t str, entry: &Planned) -> Option<(&'t str, String)> {
        if !matches!(entry.target, Target::Env(_)) || text.trim_end().contains('\n') {
            return None;
        }
        for (at, _) in text.match_indices('$') {
            let rest = &text[at + 1..];
            let (name, written) = match rest
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
            {
                Some((name, _)) => (name, &rest[..name.len() + 2]),
                None if at == 0 => (rest, rest),
                None => continue,
            };
            let setting = self.outcomes.list.iter().find(|outcome| {
                let is_unset = matches!(outcome.result, Outcome::Absent | Outcome::Overridden(_));
                let variable = outcome.target.variable();
                !is_unset && variable.is_some_and(|variable| variable.as_str() == name)
            });
            match setting {
                // The variable extends its inherited value: `PATH: ${PATH}:/bin`.
                Some(outcome) if outcome.id != entry.id => {
                    return Some((written, variable_help(&outcome.subject)));
                }
                None if self.plan.retained.get(name).is_none() => {}
                _ => return Some((written, inherited_help(name))),
            }
        }
        None
    }

    /// True for `SECRET:KEY` with an alias or a secret that was read, if its object has the key,
    /// for an ARN with a KEY, and for a text with a dynamic reference. If nothing reads the secret
    /// of an alias, any name may be a key.
    fn is_reference(&self, text: &str) -> bool {
        if Reference::is_meant_by(text) {
            return true;
        }
        // Parsing a URL would search the syntax of other tools for it.
        let (_, fields) = split_secret(text);
        if fields.is_none_or(|fields| fields.starts_with("//")) {
            return false;
        }
        let Ok(reference) = Reference::parse(text) else {
            return false;
        };
        let Selector::Key(key) = &reference.selector else {
            return false;
        };
        self.object_has(&reference, key)
            .unwrap_or_else(|| self.plan.aliases.contains_key(&reference.secret) && is_name(key))
    }

    /// True if the object of a secret or alias has a key. `None` if nothing reads the secret.
    fn object_has(&self, reference: &Reference, key: &str) -> Option<bool> {
        let located = reference.locate(&self.plan.aliases, &self.plan.inherited);
        let answer = self.fetched.get(&located.ok()?.locator)?;
        let keys = answer.as_ref().map(|document| document.body.keys());
        Some(keys.is_ok_and(|keys| keys.contains(key)))
    }
}
