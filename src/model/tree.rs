//! The syntax tree of a YAML, TOML or JSON file: each node with its position, each scalar as it was written.
//!
//! The files are not deserialized by serde, which stops at the first error and reports positions differently in each
//! format, or not at all. A tree allows all errors to be reported at once, with their lines.

/// A position in a file. Lines, and columns in characters, are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A value, with the position of its first character.
#[derive(Clone, Debug)]
pub struct Node {
    pub position: Position,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// A scalar of TOML or JSON that is no string.
    Typed(Typed),
    /// A string, in quotes or as a YAML block scalar.
    Text(String),
    /// A YAML plain scalar, as it was written. Its type depends on what its reader expects.
    Plain(String),
    /// A YAML sequence, a TOML or JSON array.
    List(Vec<Node>),
    /// A YAML mapping, a TOML table or a JSON object, in the order of the file, with unique keys.
    Table(Vec<(Key, Node)>),
}

/// A scalar with a type of its own.
#[derive(Clone, Debug)]
pub enum Typed {
    Null,
    Bool(bool),
    /// A number as a JSON literal.
    Number(String),
    /// A TOML date, or a number without a JSON literal (`nan`).
    Other,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub position: Position,
    pub text: String,
}

impl Node {
    /// Returns a string, or the characters of a plain YAML scalar; `None` for anything else, null among it.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Plain(text) if !is_null(text) => Some(text),
            Kind::Plain(_) | Kind::Typed(_) | Kind::List(_) | Kind::Table(_) => None,
        }
    }

    /// Returns a boolean, in YAML `true` or `false` by the core schema; `None` for anything else.
    pub fn boolean(&self) -> Option<bool> {
        match &self.kind {
            Kind::Typed(Typed::Bool(value)) => Some(*value),
            Kind::Plain(text) => boolean(text),
            Kind::Typed(_) | Kind::Text(_) | Kind::List(_) | Kind::Table(_) => None,
        }
    }

    /// Returns the digits of a whole number without a sign; `None` for anything else.
    pub fn digits(&self) -> Option<&str> {
        let text = match &self.kind {
            Kind::Typed(Typed::Number(text)) | Kind::Plain(text) => text,
            Kind::Typed(_) | Kind::Text(_) | Kind::List(_) | Kind::Table(_) => return None,
        };
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
    }

    /// Returns the value of a key; `None` if this is no table, or has no such key.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Kind::Table(entries) = &self.kind else { return None };
        entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
    }

    /// True for a null, in YAML by the core schema.
    pub fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Typed(Typed::Null) => true,
            Kind::Plain(text) => is_null(text),
            Kind::Typed(_) | Kind::Text(_) | Kind::List(_) | Kind::Table(_) => false,
        }
    }

    /// Returns the name of the node's type for messages.
    pub fn description(&self) -> &'static str {
        match &self.kind {
            Kind::Text(_) => "text",
            Kind::Plain(text) if is_null(text) => "null",
            Kind::Plain(_) => "a scalar",
            Kind::Typed(Typed::Null) => "null",
            Kind::Typed(Typed::Bool(_)) => "a boolean",
            Kind::Typed(Typed::Number(_)) => "a number",
            Kind::Typed(Typed::Other) => "a date or a number",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }
}

/// Returns the boolean that a plain YAML scalar is in the core schema (YAML 1.2.2, 10.3.2).
pub fn boolean(plain: &str) -> Option<bool> {
    match plain {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// True for a plain YAML scalar that is null in the core schema (YAML 1.2.2, 10.3.2).
pub fn is_null(plain: &str) -> bool {
    matches!(plain, "" | "~" | "null" | "Null" | "NULL")
}
