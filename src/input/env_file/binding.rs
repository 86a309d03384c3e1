//! The content of a file as it is parsed, before names are checked.

use crate::model::secret_value::SecretValue;

/// A name and its value.
#[derive(Debug)]
pub struct Binding {
    /// Any text: in a malformed file it may be a part of a value.
    pub name: String,
    /// `None` for a name alone, or a null.
    pub value: Option<SecretValue>,
    /// True for a number or a boolean of JSON.
    pub is_literal: bool,
    /// Counted from 1.
    pub line: usize,
}

/// A statement of a .env file.
#[derive(Debug)]
pub enum Statement {
    Binding(Binding),
    /// A statement that python-dotenv passes over with a warning, and the line that it begins on.
    Illegal(usize),
    /// The first line of PEM whose other lines are statements of their own. Without a name, python-dotenv passes over it.
    Pem {
        name: Option<String>,
        line: usize,
    },
}
