//! Warns of texts of a declaration in which somebody expected secrets-exec to replace something: a
//! `value`, a `default` that is used, and a template.
//!
//! The form of a text proves nothing, because programs replace placeholders, too. So each of these
//! warnings has a witness: an alias, a key of an object that was read, or a variable that is set.
//! Only `ssm:/NAME`, an ARN with a KEY and a dynamic reference need none. Nothing else of a text is
//! quoted, because it may be a password. The texts of an entry with a `pattern` are assumed to be
//! as the user wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex_lite::Regex;

use crate::model::answer::Answers;
use crate::model::entry::template::ENV;
use crate::model::entry::{EntryId, OnMissing, Part, Source, Target};
use crate::model::outcome::{EntryOutcome, Outcome, Outcomes, Values, Warning};
use crate::model::plan::{Plan, Planned};
use crate::model::record::Record;
use crate::model::reference::{Reference, Selector, split_colon};
use crate::model::shown::some_of;

/// Makes a warning for each entry whose text still has something that was meant to be replaced,
/// such as `{{ db.password }}` in a literal. The command gets the text as it is. An entry has at
/// most one of these warnings.
pub fn text_warnings(plan: &Plan, fetched: &Answers, outcomes: &Outcomes) -> Vec<Warning> {
    let entries: BTreeMap<EntryId, &Planned> =
        plan.entries.iter().map(|entry| (entry.id, entry)).collect();
    let search = Search {
        plan,
        fetched,
        set: outcomes.set_names(),
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

/// The warning about inherited variables that the command gets with SECRET:KEY as their value,
/// although this launch has read the secret, which has the key. `--keep-existing` may keep them.
pub fn inherited_warning(plan: &Plan, values: &Values) -> Option<Record> {
    let set = values.outcomes.set_names();
    let mut names = Vec::new();
    for (name, value) in plan.retained.iter() {
        let name = name.to_string_lossy();
        let value = value.to_string_lossy();
        let text = value.trim_matches(|c: char| c.is_whitespace() || "\"'".contains(c));
        let (secret, key) = split_colon(text);
        // A short text such as `a:b` may mean something else. An ARN has a warning of its own.
        if (secret.contains('/') || key.is_some_and(|key| key.len() >= 5))
            && !Reference::is_meant_by(text)
            && !set.contains(&*name)
            && has_read(text, plan, &values.fetched)
        {
            names.push(name.into_owned());
        }
    }
    names.first()?;
    let text = "an inherited variable holds its own reference instead of a value";
    let help = "unset the variable, and set it with --env NAME=SECRET:KEY or in a declaration";
    let warning = Record::warning(text).help(help);
    Some(warning.for_entries(names.clone()).with("variables", names))
}

/// A variable as a shell, Docker Compose or Kubernetes writes it: `${NAME}`, also with a default,
/// `$(NAME)`, and `$NAME` as the whole text. The last two groups are `$NAME`, with at least three
/// characters, and `{{NAME}}` in a longer text.
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\$\{(\w+)(?:\}|:?[-?]|:\+)|\$\((\w+)\)|^\$(\w+)$|\$(\w{3,})|\{\{(\w+)\}\}").ok()
});

/// The text of a template around its lookups. A NUL character stands in for each lookup, so that
/// the texts before it and after it stay apart.
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
    /// The variables that this launch sets.
    set: BTreeSet<&'a str>,
}

impl Search<'_> {
    /// The warning about the first thing in the text of an entry that was meant to be replaced.
    fn warning(&self, entry: &Planned, outcome: &EntryOutcome) -> Option<Warning> {
        let literal;
        let (field, text) = match (&outcome.result, &entry.source, &entry.on_missing) {
            (Outcome::Default(_), _, OnMissing::Default(text)) => ("default", text),
            (Outcome::Value(_), Source::Literal(text), _) => ("value", text),
            // A template that is unread, as with `check --offline`, is searched, too.
            (Outcome::Value(_) | Outcome::Unread, Source::Composed(parts), _)
                if entry.subject.written.is_some() =>
            {
                literal = literal_text(parts);
                ("template", &literal)
            }
            (_, _, _) => return None,
        };

        let mut note = "contains a placeholder that isn't replaced";
        let mut part = None;
        let (headline, help) = if self.has_expression(text) {
            (
                format!("the {field} contains {{{{ as plain text"),
                "write template: \"…{{ ALIAS.KEY }}…\"",
            )
        } else if field != "template" && self.is_reference(text) {
            note = "plain text, although it is a reference";
            (
                format!("the {field} is {note}"),
                "to read a secret, write `from: SECRET:KEY`",
            )
        } else {
            part = Some(self.variables(text, field, entry)?);
            // All texts have the same headline and the same help, and so there is one warning.
            (
                "a text contains a variable, which secrets-exec doesn't expand".to_owned(),
                "in a template, write {{ env.NAME }} for an inherited variable, and {{ ALIAS.KEY }} for a secret (in a URL, {{ ALIAS.KEY | urlencode }})",
            )
        };
        let mut warning = outcome.warning(headline, note);
        warning.problem = warning.problem.for_part(part).help(help);
        Some(warning)
    }

    /// True for a text with an expression such as `{{ db.host }}`, with an alias or `env`.
    fn has_expression(&self, text: &str) -> bool {
        text.split("{{").skip(1).any(|rest| {
            let expression = rest.trim_start();
            let name = expression
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            name.is_some_and(|name| {
                self.plan.aliases.contains_key(name)
                    || (name == ENV && expression[name.len()..].starts_with('.'))
            })
        })
    }

    /// Lists each variable in a text that this launch sets or, in a template, that is inherited.
    /// `None` in a file and in a text with several lines, which may be a script: there, a program
    /// may replace the variable.
    fn variables(&self, text: &str, field: &str, entry: &Planned) -> Option<String> {
        if !matches!(entry.target, Target::Env(_))
            || !text.contains(['$', '{'])
            || text.trim_end().contains('\n')
        {
            return None;
        }
        let mut names = Vec::new();
        let text = text.replace("{{ ", "{{").replace(" }}", "}}");
        // A longer text with a blank may be a part of a script.
        let groups = if text.contains(char::is_whitespace) {
            3
        } else {
            5
        };
        for found in VARIABLE.as_ref()?.captures_iter(&text) {
            let Some(name) = found.iter().skip(1).take(groups).flatten().next() else {
                continue;
            };
            let name = name.as_str();
            let shown = format!("${name}");
            if (self.set.contains(name)
                || (field == "template" && self.plan.inherited.get(name).is_some()))
                && !names.contains(&shown)
            {
                names.push(shown);
            }
        }
        names.first()?;
        Some(some_of(&names))
    }

    /// True for `ssm:/NAME`, for an ARN with a KEY, for a text with one of CloudFormation's dynamic
    /// references, and for a reference to a key that was read ([`has_read`]).
    fn is_reference(&self, text: &str) -> bool {
        text.starts_with("ssm:/")
            || Reference::is_meant_by(text)
            || has_read(text, self.plan, self.fetched)
    }
}

/// True for SECRET:KEY if SECRET (or the alias) was read and has the key.
fn has_read(text: &str, plan: &Plan, fetched: &Answers) -> bool {
    // Skip a URL, because parsing it would search the syntax of other tools for its scheme.
    if !text.contains(':') || text.contains("://") {
        return false;
    }
    let Ok(reference) = Reference::parse(text) else {
        return false;
    };
    let Selector::Key(key) = &reference.selector else {
        return false;
    };
    let alias = plan.aliases.get(&reference.secret);
    let located = reference.locate(alias, &plan.inherited);
    located.is_ok_and(|located| {
        let document = fetched.get(&located.locator);
        document.is_some_and(|answer| {
            answer
                .as_ref()
                .is_ok_and(|document| document.body.keys().contains(key))
        })
    })
}
