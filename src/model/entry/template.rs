//! Parses a template: a text with references, such as
//! `postgres://{{ db.user }}:{{ db.password | urlencode }}@{{ env.DB_HOST }}`.
//!
//! ```text
//! template   = { text | "{{" string "}}" | "{{" source { "|" filter } "}}" }
//! source     = "env." NAME | ALIAS | ALIAS "." KEY | ALIAS path
//! filter     = urlencode | tojson | trim | b64encode | b64decode
//!            | replace(string, string) | default(string)
//! ```
//!
//! The expression in `{{ db.hosts[0] }}` is a JSONPath with the alias `db` instead of `$`, so it
//! becomes a [`Reference`] like any other. An error may quote the expression, because a template
//! doesn't contain any values yet.

use serde_json::Value;

use crate::model::environment::{is_alphanumeric_or, is_name};
use crate::model::fault::{Fault, similar_word};
use crate::model::reference::{JsonPath, Reference, SecretRef, Selector, outside_quotes};
use crate::model::shown::shown;

/// The word before an inherited variable, as in `{{ env.DB_HOST }}`.
pub const ENV: &str = "env";

/// The help for an invalid expression. It has single quotes, because most templates are in double
/// quotes.
const FORMS: &str = "a template has {{ ALIAS.KEY }} of an alias (secrets: { ALIAS: SECRET }), {{ env.NAME }}, {{ 'text' }} and the filters urlencode, tojson, trim, b64encode, b64decode, replace('…', '…') and, as the first, default('…') for a key that doesn't exist";

/// The help for a Jinja statement or comment.
const NO_LOGIC: &str = "let the program decide, or write {{ ALIAS.KEY | default('…') }}. To keep the text as it is, write {{ '…' }}";

/// A part of a template, or of an inherited variable with references.
#[derive(Clone, Debug, PartialEq)]
pub enum Part<R = SecretRef> {
    Text(String),
    /// A `{{ … }}`, or a CloudFormation dynamic reference in a variable.
    Lookup(Operand<R>, Printing),
}

/// The source of a lookup.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand<R = SecretRef> {
    Secret(R),
    /// The variable NAME of `{{ env.NAME }}`.
    Variable(String),
}

/// A lookup as the user wrote it, and the way to print its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Printing {
    /// The source without the filters: `db.password`.
    pub written: String,
    /// `line 2, column 5 of the template`, if the template has several lines.
    pub position: Option<String>,
    /// The text of the filter `default`, which is printed if the value is absent.
    pub default: Option<String>,
    /// The other filters, in order.
    pub filters: Vec<Filter>,
}

/// A change to the value that a `{{ … }}` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    UrlEncode,
    ToJson,
    Trim,
    Base64Encode,
    Base64Decode,
    /// The text to replace, and the new text.
    Replace(String, String),
}

impl Filter {
    /// True if the filter encodes the value. Remarks are about the value before it is encoded.
    pub fn is_encoding(&self) -> bool {
        matches!(self, Self::UrlEncode | Self::ToJson | Self::Base64Encode)
    }

    /// True if the filter may escape characters that would break the text around the value, such as
    /// a quote.
    pub fn escapes(&self) -> bool {
        self.is_encoding() || matches!(self, Self::Replace(..))
    }
}

/// Parses a template into text and lookups.
pub fn parse_template(text: &str) -> Result<Vec<Part<Reference>>, Fault> {
    let mut parts = Vec::new();
    let mut end = 0;
    for (at, _) in text.match_indices('{') {
        let opened = &text[at..];
        if at < end {
            // This brace is part of the last expression.
            continue;
        }
        let parsed = if let Some(statement) = statement(opened) {
            let what = format!("has {}, but a template has no logic", quoted(statement));
            Err(Fault::new(what).help(NO_LOGIC))
        } else if opened.starts_with("{{") {
            parse_expression(opened)
        } else {
            continue;
        };
        let position = position(text, at);
        let (mut part, length) = parsed.map_err(|fault| fault.about(&position))?;
        if let Part::Lookup(_, printing) = &mut part
            && text.trim_end().contains('\n')
        {
            printing.position = Some(position);
        }
        parts.extend([Part::Text(text[end..at].to_owned()), part]);
        end = at + length;
    }
    if parts.is_empty() {
        let help = "to use a secret, write {{ ALIAS.KEY }}. For plain text, write `value` instead of `template`";
        return Err(Fault::new("has no {{ … }}")
            .help(help)
            .about("the template"));
    }
    parts.push(Part::Text(text[end..].to_owned()));
    Ok(parts)
}

/// Describes a position for the beginning of a message: `line 2, column 5 of the template`.
fn position(text: &str, at: usize) -> String {
    let lines: Vec<&str> = text[..at].split('\n').collect();
    let column = lines.last().map_or(0, |line| line.chars().count()) + 1;
    if text.trim_end().contains('\n') {
        format!("line {}, column {column} of the template", lines.len())
    } else {
        format!("column {column} of the template")
    }
}

/// Recognizes a Jinja statement or comment at the beginning of the text. It must end on the same
/// line, because a `{#` may be part of a shell's `${#list[@]}`.
fn statement(text: &str) -> Option<&str> {
    let end = match text.get(..2)? {
        "{%" => "%}",
        "{#" => "#}",
        _ => return None,
    };
    let line = text.lines().next()?;
    let length = line.get(2..)?.find(end)? + 4;
    line.get(..length)
}

/// Parses a `{{ … }}`. Also returns its length, including the braces.
fn parse_expression(opened: &str) -> Result<(Part<Reference>, usize), Fault> {
    let Some(first_end) = opened.find("}}") else {
        return Err(Fault::new("has {{ without }}").help(FORMS));
    };
    let Some((words, length)) = split_expression(opened) else {
        let why = "in which a quote or a bracket isn't closed";
        return Err(invalid_expression(&opened[..first_end + 2], why));
    };
    let part = parse_words(&words).map_err(|why| {
        let similar = words.iter().find_map(|word| similar_word(FORMS, word));
        invalid_expression(&opened[..length], &why).help_if_some(similar)
    })?;
    Ok((part, length))
}

/// `why` completes a sentence about the expression: `which isn't a reference`.
fn invalid_expression(written: &str, why: &str) -> Fault {
    Fault::new(format!("has {}, {why}", quoted(written))).help(FORMS)
}

/// `{{ db.host | trim }}` becomes `db.host` and `trim`. Also returns the length of the expression.
/// `None` if a quote or a bracket isn't closed.
fn split_expression(opened: &str) -> Option<(Vec<&str>, usize)> {
    let mut words = Vec::new();
    let mut begun = 2;
    for (at, c) in outside_quotes(opened) {
        if c == '|' {
            words.push(opened[begun..at].trim());
            begun = at + 1;
        } else if opened[at..].starts_with("}}") {
            words.push(opened[begun..at].trim());
            return Some((words, at + 2));
        }
    }
    None
}

/// Parses the words of an expression: the source and the filters. The text of an error ends a
/// sentence about the expression: `which isn't a reference`.
fn parse_words(words: &[&str]) -> Result<Part<Reference>, String> {
    // There is always a first word, although it may be empty.
    let (source, filters) = words.split_first().unwrap_or((&"", &[]));
    if let Ok(text) = serde_json::from_str(&as_json(source))
        && filters.is_empty()
    {
        return Ok(Part::Text(text));
    }
    let operand = parse_source(source).ok_or(if source.contains(['/', ':']) {
        "which names a secret, but a template reads it through an alias"
    } else {
        "which isn't a reference"
    })?;
    let mut printing = Printing {
        written: (*source).to_owned(),
        ..Printing::default()
    };
    for (index, word) in filters.iter().enumerate() {
        let (name, after_name) = word.split_once('(').unwrap_or((word, ")"));
        let arguments = parse_arguments(after_name);
        let filter = match (name.trim(), arguments.as_deref()) {
            ("default", Some([text])) if index == 0 => {
                printing.default = Some(text.clone());
                continue;
            }
            ("urlencode", Some([])) => Filter::UrlEncode,
            ("tojson", Some([])) => Filter::ToJson,
            ("trim", Some([])) => Filter::Trim,
            ("b64encode", Some([])) => Filter::Base64Encode,
            ("b64decode", Some([])) => Filter::Base64Decode,
            ("replace", Some([old, new])) => Filter::Replace(old.clone(), new.clone()),
            (name, _) => {
                let why = filter_fault(name, index);
                return Err(format!("in which \"{}\" {why}", quoted(word)));
            }
        };
        printing.filters.push(filter);
    }
    Ok(Part::Lookup(operand, printing))
}

/// The end of the message about a filter that [`parse_words`] refuses.
fn filter_fault(name: &str, index: usize) -> &'static str {
    match name {
        "default" if index > 0 => "must be the first filter",
        "default" => "needs one text in quotes, which is used only if the key doesn't exist",
        "replace" => "needs two texts in quotes, where \\ is written \\\\",
        "urlencode" | "tojson" | "trim" | "b64encode" | "b64decode" => "takes no arguments",
        _ => "isn't a filter",
    }
}

/// Accepts a hyphen in an alias, although no alias can contain one, so that a later error can say
/// that the alias doesn't exist.
fn parse_source(text: &str) -> Option<Operand<Reference>> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (alias, path) = text.split_at(end);
    let key = path.strip_prefix('.').filter(|key| is_key(key));
    if alias == ENV {
        let name = key.filter(|name| is_name(name))?;
        return Some(Operand::Variable(name.to_owned()));
    }
    if !is_key(alias) || alias.starts_with('-') {
        return None;
    }
    let selector = match key {
        Some(key) => Selector::Key(key.to_owned()),
        None if path.is_empty() => Selector::Whole,
        // JSONPath allows operators as part of a name. But in a template, people expect Jinja's
        // operators, so any operator is refused.
        None if outside_quotes(path).any(|(_, c)| !c.is_alphanumeric() && !"._*".contains(c)) => {
            return None;
        }
        None => Selector::Path(JsonPath::parse(&format!("${path}"))?),
    };
    Some(Operand::Secret(Reference {
        secret: alias.to_owned(),
        selector,
        version: None,
    }))
}

/// True for a key that can be written after a dot, without brackets and quotes.
fn is_key(text: &str) -> bool {
    !text.is_empty() && is_alphanumeric_or(text, b"_-")
}

/// Parses the arguments of a filter, which are strings or numbers, and the closing parenthesis.
fn parse_arguments(text: &str) -> Option<Vec<String>> {
    let json = as_json(text.strip_suffix(')')?);
    let values: Vec<Value> = serde_json::from_str(&format!("[{json}]")).ok()?;
    let mut arguments = Vec::new();
    for value in values {
        arguments.push(match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return None,
        });
    }
    Some(arguments)
}

/// Turns each string in a text into a JSON string. The original may be in single quotes or span
/// several lines.
fn as_json(text: &str) -> String {
    let mut json = String::new();
    let mut quote = None;
    let mut is_escaped = false;
    for c in text.chars() {
        match (quote, c) {
            (Some(_), '\'') if is_escaped => {
                json.pop();
                json.push(c);
            }
            (Some(open), _) if c == open && !is_escaped => {
                quote = None;
                json.push('"');
            }
            (Some(_), '"') if !is_escaped => json += "\\\"",
            (Some(_), _) if c.is_ascii_control() => json += &format!("\\u{:04x}", c as u32),
            (None, '"' | '\'') => {
                quote = Some(c);
                json.push('"');
            }
            (_, _) => json.push(c),
        }
        is_escaped = quote.is_some() && c == '\\' && !is_escaped;
    }
    json
}

/// The expression for messages: on one line, and with credentials masked.
fn quoted(expression: &str) -> String {
    shown(&expression.split_whitespace().collect::<Vec<_>>().join(" "))
}
