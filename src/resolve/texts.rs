//! Warns about texts that the user probably expected secrets-exec to replace, such as
//! `{{ db.password }}` in a `value`. The texts are each `value`, each `default` that is used, the
//! text of templates, and inherited variables.
//!
//! The form of a text proves nothing, because many programs replace placeholders themselves. So a
//! warning needs a witness from this launch: an alias, a key of an object that was read, or a
//! variable that is set. In a `value` or a `default`, `ssm:/NAME`, an ARN with a KEY and a dynamic
//! reference need no witness. Messages quote only the names of variables in a text, because the
//! rest may be a password.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use regex_lite::Regex;

use crate::model::answer::Answers;
use crate::model::entry::template::ENV;
use crate::model::entry::{EntryId, OnMissing, Part, Source, Target};
use crate::model::message::Record;
use crate::model::outcome::{EntryOutcome, Outcome, Outcomes, Values, Warning};
use crate::model::plan::{Plan, Planned};
use crate::model::reference::{Reference, Selector, split_colon};
use crate::model::shown::some_of;

/// Warns about each entry whose text still has something that was meant to be replaced, such as
/// `{{ db.password }}` in a literal.
///
/// The command gets the text as it is. There's at most one of these warnings per entry, and none
/// for an entry with a `pattern`, which shows that the user wants such a text.
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

/// Warns about inherited variables that hold a reference instead of a value, such as
/// `prod/db:password`, but only if this launch read the secret and the secret has the key.
/// Otherwise, the text may mean something else.
pub fn inherited_warning(plan: &Plan, values: &Values) -> Option<Record> {
    let set = values.outcomes.set_names();
    let mut names = Vec::new();
    for (name, value) in plan.retained.iter() {
        let name = name.to_string_lossy();
        let value = value.to_string_lossy();
        let text = value.trim_matches(|c: char| c.is_whitespace() || "\"'".contains(c));
        let (secret, key) = split_colon(text);
        // Skip a short text such as `a:b`, which may mean something else, and an ARN, which gets a
        // warning of its own.
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

/// Matches a variable as written for a shell, Docker Compose or Kubernetes: the name in `${NAME}`
/// (with or without a default), in `$(NAME)`, and in `$NAME` as the whole text.
const DELIMITED: &str = r"\$\{(\w+)(?:\}|:?[-?]|:\+)|\$\((\w+)\)|^\$(\w+)$";

static IN_SCRIPT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DELIMITED).ok());

/// Also matches the name in `{{NAME}}`, and in `$NAME` within a longer text (only names of at least
/// three characters).
static IN_WORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&(DELIMITED.to_owned() + r"|\$(\w{3,})|\{\{(\w+)\}\}")).ok());

/// A template's text with a NUL character instead of each lookup, so that the text before the
/// lookup and the text after it stay apart.
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

/// The field of an entry that has a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Value,
    Default,
    Template,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "value",
            Self::Default => "default",
            Self::Template => "template",
        })
    }
}

struct Search<'a> {
    plan: &'a Plan,
    fetched: &'a Answers,
    /// The names of the variables that this launch sets.
    set: BTreeSet<&'a str>,
}

impl Search<'_> {
    /// Warns if something in an entry's text was meant to be replaced: an expression, a
    /// reference or a variable. Reports only the first of these that is found.
    fn warning(&self, entry: &Planned, outcome: &EntryOutcome) -> Option<Warning> {
        let literal;
        let (field, text) = match (&outcome.result, &entry.source, &entry.on_missing) {
            (Outcome::Default(_), _, OnMissing::Default(text)) => (Field::Default, text),
            (Outcome::Value(_), Source::Literal(text), _) => (Field::Value, text),
            // Search a template even if it is unread, as with `check --offline`.
            (Outcome::Value(_) | Outcome::Unread, Source::Composed(parts), _)
                if entry.subject.written.is_some() =>
            {
                literal = literal_text(parts);
                (Field::Template, &literal)
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
        } else if field != Field::Template && self.is_reference(text) {
            note = "plain text, although it is a reference";
            (
                format!("the {field} is {note}"),
                "to read a secret, write `from: SECRET:KEY`",
            )
        } else {
            part = Some(self.variables(text, field, entry)?);
            // The headline and the help text are the same for all entries, so they share a single
            // warning.
            (
                "a text contains a variable, which secrets-exec doesn't expand".to_owned(),
                "in a template, write {{ env.NAME }} for an inherited variable, and {{ ALIAS.KEY }} for a secret (in a URL, {{ ALIAS.KEY | urlencode }})",
            )
        };
        let mut warning = outcome.warning(headline, note);
        warning.problem = warning.problem.for_part(part).help(help);
        Some(warning)
    }

    /// True for a text with an expression such as `{{ env.HOST }}` or, if `db` is an alias,
    /// `{{ db.host }}`.
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

    /// Lists the variables in a text, such as `$DB_HOST`, that this launch sets or, in a template,
    /// that are inherited.
    ///
    /// `None` if there's no such variable. Also `None` for a file or a text with several lines,
    /// which may be a script whose variables are replaced later.
    fn variables(&self, text: &str, field: Field, entry: &Planned) -> Option<String> {
        if !matches!(entry.target, Target::Env(_))
            || !text.contains(['$', '{'])
            || text.trim_end().contains('\n')
        {
            return None;
        }
        let mut names = Vec::new();
        let text = text.replace("{{ ", "{{").replace(" }}", "}}");
        let pattern = if text.contains(char::is_whitespace) {
            &IN_SCRIPT
        } else {
            &IN_WORD
        };
        for found in pattern.as_ref()?.captures_iter(&text) {
            let Some(name) = found.iter().skip(1).flatten().next() else {
                continue;
            };
            let name = name.as_str();
            let shown = format!("${name}");
            if (self.set.contains(name)
                || (field == Field::Template && self.plan.inherited.get(name).is_some()))
                && !names.contains(&shown)
            {
                names.push(shown);
            }
        }
        names.first()?;
        Some(some_of(&names))
    }

    /// True for `ssm:/NAME`, an ARN with a KEY, a text with a CloudFormation dynamic reference, or
    /// a reference to a key that was read ([`has_read`]).
    fn is_reference(&self, text: &str) -> bool {
        text.starts_with("ssm:/")
            || Reference::is_meant_by(text)
            || has_read(text, self.plan, self.fetched)
    }
}

/// True if the text has the form SECRET:KEY, this launch read that secret (or alias), and the
/// secret has that key.
fn has_read(text: &str, plan: &Plan, fetched: &Answers) -> bool {
    // Skip URLs, since [`Reference::parse`] would look for their scheme in the syntax of other
    // tools.
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
