//! YAML, TOML and JSON as one tree, in which every node knows its line and every scalar how it was written.
//!
//! Typed deserializers stop at the first error, and each tells positions in its own way or not at all; a person who mends a
//! declaration wants all six typos at once, with their lines.

use crate::model::quoting::is_quotable;
use crate::model::tree::{Key, Mark, Node};

/// Why a text is not of its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where it stops making sense.
    pub mark: Option<Mark>,
    /// What is wrong there.
    pub message: String,
}

/// How deep lists and tables may be nested. What is meant to be read by people is not.
pub const MAX_DEPTH: usize = 64;

/// Every key that occurs a second time.
pub fn duplicates(entries: &[(Key, Node)]) -> Vec<SyntaxError> {
    let mut seen = std::collections::BTreeMap::new();
    let mut errors = Vec::new();
    for (key, value) in entries {
        if let Some(first) = seen.insert(key.text.as_str(), key.mark.line) {
            let is_shown = !value.is_null() && is_quotable(&key.text);
            let which = if is_shown { format!("the key {:?}", key.text) } else { "this key".to_owned() };
            let message = format!("{which} is already on line {first}");
            errors.push(SyntaxError { mark: Some(key.mark), message });
        }
    }
    errors
}
