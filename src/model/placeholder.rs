//! Finds texts of a declaration that look as if secrets-exec should replace something in them, but
//! that it passes on as they are: other tools' placeholders, expressions outside of templates, and
//! references instead of text.
//!
//! The texts of an entry with a `pattern`, and text in a `{% raw %}` block, are assumed to be as
//! the user wants them.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use crate::model::entry::template::{ENV, expressions, literal_text};
use crate::model::entry::{OnMissing, Source, Target};
use crate::model::environment::is_name;
use crate::model::plan::{Plan, Planned};
use crate::model::reference::{Arn, Locator, Reference, split_secret};

/// A text of an entry, and the first placeholder in it.
pub struct Misread<'a> {
    pub entry: &'a Planned,
    pub field: Field,
    pub placeholder: Placeholder<'a>,
}

/// The key of an entry that has the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Value,
    Default,
    Template,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placeholder<'a> {
    Variable {
        name: &'a str,
        form: Form,
    },
    /// A lookup in an alias that isn't written as `{{ db.password }}`: `${db.password}`,
    /// `{db.password}` or `{{ "db.password" }}`. `lookup` is `db.password`.
    Key {
        written: String,
        lookup: String,
    },
    /// `{{ db.password }}` or `{{ env.NAME }}` in text that isn't a template.
    Expression,
    /// Plain text that has the form of a reference.
    Reference,
    /// A template without any Jinja.
    NoExpression,
}

/// The syntax of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `${NAME}` or `${NAME:-default}`.
    Braces,
    /// `$NAME`, and nothing else in the text.
    Whole,
    /// `$NAME`.
    Plain,
}

/// Finds the first placeholder in each text of the plan's entries.
pub fn placeholders(plan: &Plan) -> Vec<Misread<'_>> {
    let mut found = Vec::new();
    // Most plans have no literal for which the ids are needed.
    let read_ids = LazyCell::new(|| {
        plan.locators()
            .into_iter()
            .map(Locator::written_id)
            .collect::<BTreeSet<_>>()
    });
    for entry in &plan.entries {
        if entry.pattern.is_some() {
            continue;
        }
        let source = match &entry.source {
            Source::Literal(text) => {
                plain_placeholder(text, entry, plan, &|id| read_ids.contains(id))
            }
            Source::Template(template, _) => template_placeholder(&template.text, entry, plan),
            Source::Reference(_) | Source::Composed(_) | Source::Object(_) => None,
        };
        if let Some(placeholder) = source {
            let field = match entry.source {
                Source::Template(..) => Field::Template,
                _ => Field::Value,
            };
            found.push(Misread {
                entry,
                field,
                placeholder,
            });
        }
        if let OnMissing::Default(text) = &entry.on_missing
            && let Some(placeholder) =
                plain_placeholder(text, entry, plan, &|id| read_ids.contains(id))
        {
            found.push(Misread {
                entry,
                field: Field::Default,
                placeholder,
            });
        }
    }
    found
}

/// Finds the first placeholder in the text of a `value` or a `default`. `is_read` is true for the
/// id of a secret that this launch reads.
fn plain_placeholder<'a>(
    text: &'a str,
    entry: &Planned,
    plan: &'a Plan,
    is_read: &dyn Fn(&str) -> bool,
) -> Option<Placeholder<'a>> {
    // Most texts have none of these characters.
    if !text.contains(['$', '{', ':']) || is_for_other_program(text, entry, plan) {
        return None;
    }
    for (name, form) in variables(text) {
        let is_known = plan.variables.contains_key(name)
            || (form == Form::Whole && plan.inherited.get(name).is_some());
        if form == Form::Braces || is_known {
            return Some(Placeholder::Variable { name, form });
        }
    }
    // Without a `$` before them, single braces may belong to JSON.
    if let Some((written, lookup)) = alias_key(text, plan)
        && written.starts_with('$')
    {
        return Some(Placeholder::Key { written, lookup });
    }
    if has_expression(text, plan) {
        return Some(Placeholder::Expression);
    }
    if is_meant_as_reference(text, is_read) {
        return Some(Placeholder::Reference);
    }
    None
}

/// Finds the first placeholder in a template.
fn template_placeholder<'a>(
    text: &'a str,
    entry: &Planned,
    plan: &'a Plan,
) -> Option<Placeholder<'a>> {
    // Most templates have only expressions without quotes.
    if text.contains('{') && !text.contains(['$', '\'', '"']) && !has_single_brace(text) {
        return None;
    }
    if is_for_other_program(text, entry, plan) {
        return None;
    }
    let literal = literal_text(text);
    for (name, form) in variables(&literal) {
        let is_known = plan.variables.contains_key(name) || plan.inherited.get(name).is_some();
        // In a file, `$NAME` may be a variable of nginx or of a shell.
        let may_be_meant = form == Form::Whole || is_variable(entry);
        if form == Form::Braces || (is_known && may_be_meant) {
            // `literal` is dropped at the end of this function, so the result borrows the name from
            // `text`.
            let start = text.find(name)?;
            let name = &text[start..start + name.len()];
            return Some(Placeholder::Variable { name, form });
        }
    }
    if let Some((written, lookup)) = alias_key(&literal, plan) {
        return Some(Placeholder::Key { written, lookup });
    }
    if !text.contains("{{") && !text.contains("{%") {
        return Some(Placeholder::NoExpression);
    }

    for expression in expressions(text) {
        let lookup = expression.trim_matches(['\'', '"']);
        if lookup != expression && lookup_at_start(lookup, plan) == Some(lookup) {
            return Some(Placeholder::Key {
                written: format!("{{{{ {expression} }}}}"),
                lookup: lookup.to_owned(),
            });
        }
    }
    None
}

/// True for a text with a brace that doesn't belong to Jinja.
fn has_single_brace(text: &str) -> bool {
    let mut previous = b' ';
    for (byte, next) in text.bytes().zip(text.bytes().skip(1)) {
        let is_jinja = previous == b'{' || matches!(next, b'{' | b'%' | b'#');
        if byte == b'{' && !is_jinja {
            return true;
        }
        previous = byte;
    }
    false
}

fn is_variable(entry: &Planned) -> bool {
    matches!(entry.target, Target::Env(_))
}

/// True for a file whose text has a `${` that is neither a variable nor a key of an alias, such as
/// Spring's `${server.port}`. If there is one, another program probably replaces all placeholders
/// of the file.
fn is_for_other_program(text: &str, entry: &Planned, plan: &Plan) -> bool {
    !is_variable(entry)
        && text.split("${").skip(1).any(|rest| {
            let inner = rest.split('}').next().unwrap_or_default();
            let name = inner.split(":-").next().unwrap_or_default();
            !is_name(name) && lookup_at_start(rest, plan).is_none()
        })
}

/// Lists the variables in a text, each with its form.
fn variables(text: &str) -> impl Iterator<Item = (&str, Form)> {
    text.split('$')
        .skip(1)
        .filter_map(move |rest| variable_after_dollar(text, rest))
}

/// The variable whose `$` comes before `rest`, which ends at the next `$` of the text. `None` for a
/// `${` that isn't followed by a variable.
fn variable_after_dollar<'t>(text: &str, rest: &'t str) -> Option<(&'t str, Form)> {
    if let Some(inner) = rest.strip_prefix('{') {
        // The name in `${NAME}` or `${NAME:-default}`.
        let name = inner.split_once('}')?.0.split(":-").next()?;
        if !is_name(name) {
            return None;
        }
        return Some((name, Form::Braces));
    }
    let name = rest
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .next()?;
    if text.trim_end().len() == 1 + name.len() {
        return Some((name, Form::Whole));
    }
    Some((name, Form::Plain))
}

/// Finds the first key of an alias in single braces, as it is written and as a lookup.
fn alias_key(text: &str, plan: &Plan) -> Option<(String, String)> {
    let (brace, lookup) = text
        .match_indices('{')
        .find_map(|(at, _)| Some((at, lookup_at_start(&text[at + 1..], plan)?)))?;
    let mut start = brace;
    if text[..brace].ends_with('$') {
        start -= 1;
    }
    let mut end = brace + 1 + lookup.len();
    if text[end..].starts_with('}') {
        end += 1;
    }
    Some((text[start..end].to_owned(), lookup.to_owned()))
}

/// Finds `db.password` at the beginning of a text if `db` is an alias.
fn lookup_at_start<'t>(text: &'t str, plan: &Plan) -> Option<&'t str> {
    let lookup = text
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.'))
        .next()?;
    let (alias, key) = lookup.split_once('.')?;
    if key.is_empty() || !plan.aliases.contains_key(alias) {
        return None;
    }
    Some(lookup)
}

/// True for text with an expression such as `{{ db.host }}`, with an alias or `env`.
fn has_expression(text: &str, plan: &Plan) -> bool {
    text.split("{{").skip(1).any(|expression| {
        let expression = expression.trim_start_matches(['-', ' ']);
        let alias = expression.split(['.', ' ', '}', '[', '|']).next();
        alias.is_some_and(|alias| alias == ENV || plan.aliases.contains_key(alias))
    })
}

/// True for a reference to a parameter, to a key such as `password`, or to a key of a secret that
/// this launch reads, and for an ARN with a KEY, a STAGE or a VERSION-ID.
fn is_meant_as_reference(text: &str, is_read: &dyn Fn(&str) -> bool) -> bool {
    /// Only these keys, because other texts can have a colon, too, such as the name of an image.
    const KEYS: [&str; 4] = [":api_key", ":password", ":secret", ":token"];
    // A reference that ends with `/` or `*` selects several parameters, but a variable gets only
    // one.
    let is_parameter = text.starts_with("ssm:/") && !text.ends_with(['/', '*']);
    let is_arn = Arn::has_prefix(text) && Reference::is_meant_by(text);
    let has_key = text.contains('/') && KEYS.iter().any(|key| text.ends_with(key));
    let (secret, fields) = split_secret(text);
    (is_parameter || is_arn || has_key || (fields.is_some_and(is_name) && is_read(secret)))
        && Reference::parse(text).is_ok()
}
