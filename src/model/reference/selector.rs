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
    /// Parses a path; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('$') {
            return None;
        }
        pest::set_call_limit(MAX_STEPS);
        let query = parse_json_path(text).ok()?;
        Some(Self {
            text: text.to_owned(),
            query,
        })
    }
}
