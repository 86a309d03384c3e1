//! Syntax errors of declarations and local files, and the checks that all three formats share.

use std::collections::BTreeMap;

use crate::model::quoting::is_quotable;
use crate::model::tree::{Key, Node, Position};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub position: Option<Position>,
    /// The parser's message, without the position.
    pub message: String,
}

/// The maximum nesting of lists and tables, against a stack overflow.
pub const MAX_DEPTH: usize = 64;

pub const TOO_DEEP: &str = "lists and tables are nested more than 64 levels deep";

/// The message about `{ { … }: … }`, which is most often a template without quotes.
pub const TABLE_AS_KEY: &str = "a key must be a scalar, not a table";

/// Returns an error for each key that occurred before. A key that may be a value is not quoted.
pub fn duplicate_keys(entries: &[(Key, Node)]) -> Vec<SyntaxError> {
    let mut first_lines = BTreeMap::new();
    let mut errors = Vec::new();
    for (key, value) in entries {
        if let Some(first) = first_lines.insert(key.text.as_str(), key.position.line) {
            let may_quote = !value.is_null() && is_quotable(&key.text);
            let which = if may_quote { format!("the key {:?}", key.text) } else { "this key".to_owned() };
            let message = format!("{which} is already on line {first}");
            errors.push(SyntaxError { position: Some(key.position), message });
        }
    }
    errors
}
