//! Selectors: the part of a secret that a reference takes, by KEY.

use std::fmt;

use jsonpath_rust::parser::model::{JpQuery, Segment};
use jsonpath_rust::parser::parse_json_path;

use crate::model::library_text::json_path_column;

/// The part of a secret that becomes the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// The whole secret, byte for byte.
    Whole,
    /// One top-level key of a JSON object, taken literally.
    Key(String),
    /// The one node that an RFC 9535 path matches.
    Path(JsonPath),
}

impl Selector {
    /// Selects one top-level key literally, or the whole secret for an empty key.
    ///
    /// A key that begins with `$` becomes a path, since such a KEY would be parsed as a path when it is printed.
    pub fn literal(key: &str) -> Self {
        match key {
            "" => Self::Whole,
            key if key.starts_with('$') => Self::Path(JsonPath::of_key(key)),
            key => Self::Key(key.to_owned()),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Key(key) => f.write_str(key),
            Self::Path(path) => f.write_str(path.text()),
        }
    }
}

/// An RFC 9535 query as written, and parsed.
#[derive(Clone, Debug)]
pub struct JsonPath {
    text: String,
    query: JpQuery,
}

impl JsonPath {
    /// Parses `text`, which begins with `$`.
    ///
    /// # Errors
    /// The column of the first error, counted from 1, if jsonpath-rust returns it.
    pub fn parse(text: &str) -> Result<Self, Option<usize>> {
        let query = parse_json_path(text).map_err(|error| json_path_column(&error.to_string()))?;
        Ok(Self { text: text.to_owned(), query })
    }

    /// Returns the path to one top-level key, with its characters escaped.
    pub fn of_key(key: &str) -> Self {
        let mut text = String::from("$['");
        for c in key.chars() {
            match c {
                '\'' | '\\' => text.extend(['\\', c]),
                // RFC 9535 (2.3.1.1) allows control characters only as escapes.
                '\0'..='\x1f' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => text.push(c),
            }
        }
        text.push_str("']");
        Self { text, query: JpQuery::new(vec![Segment::name(key)]) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn query(&self) -> &JpQuery {
        &self.query
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Returns the characters of a path outside brackets, with their offsets. A quoted `]` closes no bracket.
pub fn outside_brackets(path: &str) -> impl Iterator<Item = (usize, char)> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    path.char_indices().filter(move |&(_, c)| {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if depth > 0 => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, _) => return depth == 0,
        }
        false
    })
}
