//! Selectors: the part of a secret that a reference takes, by KEY.

use std::fmt;
use std::num::NonZeroUsize;

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;

/// The part of a secret that becomes the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// The whole secret, byte for byte.
    Whole,
    /// A top-level key of a JSON object, taken literally.
    Key(String),
    /// The only node that an RFC 9535 path matches.
    Path(JsonPath),
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

/// An RFC 9535 query as written, and parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    pub text: String,
    pub query: JpQuery,
}

/// The most steps in which a path is parsed. Only nested functions take more, some ten of them.
const MAX_STEPS: Option<NonZeroUsize> = NonZeroUsize::new(1_000_000);

impl JsonPath {
    /// Parses `text`, which begins with `$`; `None` if it is no path.
    pub fn parse(text: &str) -> Option<Self> {
        pest::set_call_limit(MAX_STEPS);
        let query = parse_json_path(text).ok()?;
        Some(Self {
            text: text.to_owned(),
            query,
        })
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
