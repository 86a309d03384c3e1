//! References as users write them, and what they point to: `SECRET[:KEY[:STAGE[:VERSION-ID]]]`.
//!
//! [`Reference`] is the text with its fields told apart; [`SecretRef`] is where it leads once aliases and `${NAME}`
//! are known: a [`Locator`] (one request) and a [`Selector`] (one value in the answer).

use std::fmt;

use jsonpath_rust::parser::model::{JpQuery, Segment};
use jsonpath_rust::parser::parse_json_path;

use crate::model::library_text::json_path_column;

/// Which value of a secret is taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// All of it, byte for byte.
    Whole,
    /// One top-level key of a JSON object, taken literally.
    Key(String),
    /// The one node that an RFC 9535 path matches.
    Path(JsonPath),
}

impl Selector {
    /// Takes one top-level key literally; no key takes all.
    ///
    /// A key that begins with `$` becomes the path that means it, since printed as it is it would be read as a path.
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
            Self::Path(path) => f.write_str(&path.text),
        }
    }
}

/// An RFC 9535 query, parsed once.
#[derive(Clone, Debug)]
pub struct JsonPath {
    text: String,
    query: JpQuery,
}

impl JsonPath {
    /// Parses `text`, which begins with `$`.
    ///
    /// # Errors
    /// The column (from 1) at which the path stops making sense, where the parser tells it.
    pub fn parse(text: &str) -> Result<Self, Option<usize>> {
        match parse_json_path(text) {
            Ok(_) if stray_blank(text).is_some() => Err(stray_blank(text)),
            Ok(query) => Ok(Self { text: text.to_owned(), query }),
            Err(error) => Err(json_path_column(&error.to_string())),
        }
    }

    /// The path to one top-level key, whatever characters it has.
    pub fn of_key(key: &str) -> Self {
        let mut text = String::from("$['");
        for c in key.chars() {
            match c {
                '\'' | '\\' => text.extend(['\\', c]),
                // RFC 9535 takes them no other way.
                '\0'..='\x1f' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => text.push(c),
            }
        }
        text.push_str("']");
        Self { text, query: JpQuery::new(vec![Segment::name(key)]) }
    }

    /// The parsed query.
    pub fn query(&self) -> &JpQuery {
        &self.query
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Where white space stands that RFC 9535 does not allow and the parser passes over: outside brackets it can only stand
/// before a segment.
fn stray_blank(text: &str) -> Option<usize> {
    let can_follow = |next: char| next.is_whitespace() || matches!(next, '.' | '[');
    let is_stray = |&(at, c): &(usize, char)| c.is_whitespace() && !text[at + c.len_utf8()..].starts_with(can_follow);
    let (at, _) = outside_brackets(text).find(is_stray)?;
    Some(text[..at].chars().count() + 1)
}

/// The characters of a path, with their offsets, that stand in no bracket: those in quotes close none.
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
