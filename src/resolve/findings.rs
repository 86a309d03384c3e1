//! Finds what is probably a mistake, although the entry could be resolved: the remarks on a value,
//! a value that the program probably can't use, such as a whole JSON object, and a text that the
//! user probably expected secrets-exec to replace, such as `{{ db.password }}` in a `value`.
//!
//! The form of a text proves nothing, because many programs replace placeholders themselves. So a
//! warning needs evidence from this launch: an alias, a key of an object that was read, or a
//! variable that is set. In a `value` or a `default`, `ssm:/NAME`, an ARN with a KEY and a dynamic
//! reference need no evidence. Messages quote only the names of variables from such a text, because
//! the rest may be a password.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;

use super::extract::{Json, quotable_keys};
use crate::model::answer::Answers;
use crate::model::entry::template::ENV;
use crate::model::entry::{EntryId, OnMissing, Operand, Part, Source, Subject, Target, Written};
use crate::model::environment::EnvName;
use crate::model::message::{Finding, Record};
use crate::model::outcome::{EntryOutcome, Made, Outcome, Outcomes, Values};
use crate::model::plan::{Plan, Planned};
use crate::model::reference::{Reference, SecretRef, Selector, split_colon};
use crate::model::shown::some_of;

/// Adds to each outcome the findings about it, which are probable mistakes. An entry with a
/// `pattern` gets no findings, because the pattern shows what the user wants.
pub fn add_findings(plan: &Plan, fetched: &Answers, outcomes: &mut Outcomes) {
    let entries: BTreeMap<EntryId, &Planned> =
        plan.entries.iter().map(|entry| (entry.id, entry)).collect();
    let search = Search {
        plan,
        fetched,
        outcomes,
        set: outcomes.names_set(),
    };
    let mut found = Vec::new();
    for outcome in &outcomes.list {
        let mut findings = Vec::new();
        for (remark, parts) in outcome.made().into_iter().flat_map(|made| &made.remarks) {
            findings.push(remark.finding(parts, &outcome.subject));
        }
        if let Some(entry) = entries.get(&outcome.id)
            && entry.pattern.is_none()
        {
            findings.extend(misplaced_value(entry, outcome));
            findings.extend(search.unreplaced_text(entry, outcome));
        }
        found.push(findings);
    }
    for (outcome, findings) in outcomes.list.iter_mut().zip(found) {
        outcome.add(findings);
    }
}

/// Finds a variable whose value from a secret probably isn't what the program expects, such as a
/// whole JSON object.
fn misplaced_value(entry: &Planned, outcome: &EntryOutcome) -> Option<Finding> {
    let Target::Env(name) = &entry.target else {
        return None;
    };
    let Outcome::Value(Made { value, .. }) = &outcome.result else {
        return None;
    };
    // An entry without a reference, such as a literal, isn't checked here.
    let reference = *entry.source.references().first()?;
    let Ok(text) = str::from_utf8(value.expose()) else {
        // A NUL byte in a variable is an error anyway.
        if !entry.transform.decode || value.expose().contains(&0) {
            return None;
        }
        let text = "the value isn't UTF-8 text after \"decode\": remove \"decode\", unless the program wants bytes";
        return Some(Finding::new("not UTF-8 text", text));
    };
    let names_file = name.as_str().ends_with("_FILE") || name.as_str().starts_with("FILE__");
    // A short text may be a flag, for example, rather than a file's content.
    if names_file && text.len() >= 8 && !text.contains(['/', '.']) {
        let note = "the value itself, not the path of a file";
        let text =
            format!("the variable gets {note}: list the entry under \"files\", or use --as-file");
        return Some(Finding::new(note, text));
    }
    let is_template = entry.subject.written == Some(Written::Template);
    if reference.selector != Selector::Whole || is_template {
        return None;
    }
    let text = whole_object_text(name, text, reference, &entry.subject)?;
    Some(Finding::new("the whole JSON object", text))
}

fn whole_object_text(
    name: &EnvName,
    text: &str,
    reference: &SecretRef,
    subject: &Subject,
) -> Option<String> {
    let json = Json::parse(text.as_bytes()).ok()?;
    let key = meant_key(name, json.value())?;

    let id = reference.locator.shown_id();
    let found = format!("{name} gets the whole JSON object of {id:?}");
    Some(
        match subject.rewritten(|written| written.selector = Selector::Key(key.to_owned())) {
            Some(write) => format!("{found}: for its key {key:?}, write {write}"),
            None => format!("{found}, which has a key {key:?}"),
        },
    )
}

/// Guesses which key of an object a variable was meant to get, such as `password` for DB_PASSWORD.
///
/// The variable's name must end with the key, ignoring case and punctuation. A short key must
/// consist of whole words of the name. The longest matching key wins. For a Google service account,
/// there is no guess, because programs read it as a whole.
fn meant_key<'j>(name: &EnvName, json: &'j Value) -> Option<&'j str> {
    let object = json.as_object()?;
    if object.contains_key("client_email") && object.contains_key("private_key") {
        return None;
    }
    let name = name.as_str().to_ascii_uppercase();
    let words: Vec<&str> = name.split('_').collect();
    // A database secret has the keys `username` and `password`, but the names of variables often
    // end with a short form of these words.
    let last_word = match *words.last()? {
        "USER" => "USERNAME",
        "PASS" | "PWD" | "PASSWD" => "PASSWORD",
        word => word,
    };

    let mut longest = None;
    for key in quotable_keys(object) {
        let letters = key
            .replace(|c: char| !c.is_ascii_alphanumeric(), "")
            .to_ascii_uppercase();
        let is_last_word = letters == last_word && letters != "ID";
        let is_last_words =
            letters.len() >= 3 && (0..words.len()).any(|at| words[at..].concat() == letters);
        let is_long_ending = letters.len() >= 5 && words.concat().ends_with(&letters);
        let is_ending = is_last_word || is_last_words || is_long_ending;
        if is_ending && (object[key].is_string() || object[key].is_number()) {
            longest = longest.max(Some((key.len(), key)));
        }
    }
    Some(longest?.1)
}

/// Warns about inherited variables that hold a reference, such as `prod/db:password`, but only if
/// this launch read the secret and the secret has the key. Otherwise, the text may mean something
/// else.
pub fn inherited_warning(plan: &Plan, values: &Values) -> Option<Record> {
    let set = values.outcomes.names_set();
    let mut names = Vec::new();
    for (name, value) in plan.retained.iter() {
        let name = name.to_string_lossy();
        let value = value.to_string_lossy();
        let text = value.trim_matches(|c: char| c.is_whitespace() || "\"'".contains(c));
        let (secret, key) = split_colon(text);
        // A short text such as `a:b` may mean something else.
        let is_specific = secret.contains('/') || key.is_some_and(|key| key.len() >= 5);
        let has_own_warning = Reference::is_meant_by(text);
        if is_specific
            && !has_own_warning
            && !set.contains(&*name)
            && names_existing_key(text, plan, &values.fetched)
        {
            names.push(name.into_owned());
        }
    }
    if names.is_empty() {
        return None;
    }

    let text = "an inherited variable holds its own reference instead of a value";
    let help = "unset the variable, and set it with --env NAME=SECRET:KEY or in a declaration";
    let warning = Record::warning(text).help(help);
    Some(warning.for_entries(names.clone()).with("variables", names))
}

/// Matches a variable as written for a shell, Docker Compose or Kubernetes: `${NAME}` (with or
/// without a default), `$(NAME)`, and `$NAME` as the whole text.
const DELIMITED: &str = r"\$\{(\w+)(?:\}|:?[-?]|:\+)|\$\((\w+)\)|^\$(\w+)$";

static DELIMITED_VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DELIMITED).ok());

/// Matches what [`DELIMITED`] matches, `{{NAME}}`, and `$NAME` within a longer text if NAME has at
/// least three characters.
static ANY_VARIABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&(DELIMITED.to_owned() + r"|\$(\w{3,})|\{\{(\w+)\}\}")).ok());

/// A template's text, with a NUL character instead of each lookup. The NUL keeps the text before
/// and after the lookup apart.
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
    outcomes: &'a Outcomes,
    /// The variables that this launch sets.
    set: BTreeSet<&'a str>,
}

impl Search<'_> {
    /// Finds something in an entry's text that was probably meant to be replaced. An entry gets
    /// only one such finding.
    fn unreplaced_text(&self, entry: &Planned, outcome: &EntryOutcome) -> Option<Finding> {
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
        let parts = match (field, &entry.source) {
            (Field::Template, Source::Composed(parts)) => parts.as_slice(),
            (_, _) => &[],
        };
        let has_dollar = parts.windows(2).any(
            |pair| matches!(pair, [Part::Text(text), Part::Lookup(..)] if text.ends_with('$')),
        );
        let (headline, help) = if has_dollar {
            // As in another tool's `${{ … }}`.
            note = "contains a \"$\" before {{";
            (
                format!("the {field} {note}"),
                "remove the \"$\", which stays before the value, or write {{ '$' }}",
            )
        } else if self.has_expression(text) {
            let help = match field {
                Field::Default => "write the text itself: a default has no {{ … }}",
                Field::Value | Field::Template => "write template: \"…{{ ALIAS.KEY }}…\"",
            };
            (format!("the {field} contains {{{{ as plain text"), help)
        } else if let Some(written) = self.replaced_variable(parts, outcome) {
            note = "contains the inherited value of a variable that this launch sets to another";
            part = Some(written);
            (
                format!("the {field} {note}"),
                "write {{ ALIAS.KEY }} of the variable's secret, or put its text into the template",
            )
        } else if field != Field::Template && self.is_reference(text) {
            note = "plain text, although it is a reference";
            (
                format!("the {field} is {note}"),
                "to read a secret, write `from: SECRET:KEY`",
            )
        } else {
            part = Some(self.unexpanded_variables(text, field, &entry.target)?);
            // The headline is the same for all entries, so they share a single warning.
            (
                "a text contains a variable, which secrets-exec doesn't expand".to_owned(),
                "in a template, write {{ env.NAME }} for an inherited variable, and {{ ALIAS.KEY }} for a secret (in a URL, {{ ALIAS.KEY | urlencode }})",
            )
        };
        let mut finding = Finding::new(note, headline).help(help);
        finding.problem = finding.problem.for_part(part);
        Some(finding)
    }

    /// Finds a lookup that reads an inherited variable, although another entry sets this variable
    /// to something else.
    fn replaced_variable(&self, parts: &[Part], outcome: &EntryOutcome) -> Option<String> {
        outcome.made()?;
        parts.iter().find_map(|part| {
            let Part::Lookup(Operand::Variable(name), printing) = part else {
                return None;
            };
            let inherited = self.plan.inherited.get(name)?.as_encoded_bytes();
            self.outcomes.variables().find(|set| {
                set.name.as_str() == name
                    && *set.subject != outcome.subject
                    && set.value != inherited
            })?;
            Some(printing.written.clone())
        })
    }

    /// True for an expression such as `{{ env.HOST }}` or, if `db` is an alias, `{{ db.host }}`.
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

    /// Lists the known variables in a text, such as `$HOST, $PORT`: those that this launch sets
    /// and, in a template, the inherited ones.
    fn unexpanded_variables(&self, text: &str, field: Field, target: &Target) -> Option<String> {
        // A file or a text with several lines may be a script, whose variables are replaced later.
        let may_be_script = !matches!(target, Target::Env(_)) || text.trim_end().contains('\n');
        if may_be_script || !text.contains(['$', '{']) {
            return None;
        }

        let without_blanks = text.replace("{{ ", "{{").replace(" }}", "}}");
        let pattern = if without_blanks.contains(char::is_whitespace) {
            &DELIMITED_VARIABLE
        } else {
            &ANY_VARIABLE
        };
        let mut names = Vec::new();
        for captures in pattern.as_ref()?.captures_iter(&without_blanks) {
            // The pattern has a group for each way to write a variable. Only one group has matched.
            for name in captures.iter().skip(1).flatten() {
                let name = name.as_str();
                let shown = format!("${name}");
                let is_known = self.set.contains(name)
                    || (field == Field::Template && self.plan.inherited.get(name).is_some());
                if is_known && !names.contains(&shown) {
                    names.push(shown);
                }
            }
        }
        if names.is_empty() {
            return None;
        }
        Some(some_of(&names))
    }

    fn is_reference(&self, text: &str) -> bool {
        text.starts_with("ssm:/")
            || Reference::is_meant_by(text)
            || names_existing_key(text, self.plan, self.fetched)
    }
}

/// True for SECRET:KEY if this launch read that secret (or alias), and the secret has that key.
fn names_existing_key(text: &str, plan: &Plan, fetched: &Answers) -> bool {
    // To save time, skip URLs: [`Reference::parse`] would search other tools' prefixes for the
    // scheme.
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
    let Ok(located) = reference.locate(alias, &plan.inherited) else {
        return false;
    };
    let Some(Ok(document)) = fetched.get(&located.locator) else {
        return false;
    };
    document.body.keys().contains(key)
}
