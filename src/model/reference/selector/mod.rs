//! Selectors: the part of a secret that a reference takes, by KEY.

mod function_types;
mod json_path;

pub use json_path::{JsonPath, JsonPathError, outside_brackets};

use std::fmt;

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

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Key(key) => f.write_str(key),
            Self::Path(path) => f.write_str(path.text()),
        }
    }
}
