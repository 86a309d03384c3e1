//! YAML, TOML and JSON as one tree, in which every node knows its line and every scalar how it was written.
//!
//! Typed deserializers stop at the first error, and each tells positions in its own way or not at all; a person who mends a
//! declaration wants all six typos at once, with their lines.

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A value, and where it begins.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// TOML's or JSON's null, number, boolean or date: something that is not text there.
    Typed(Typed),
    /// A string, in quotes or as a YAML block.
    Text(String),
    /// A YAML scalar without quotes, as it was written. What it means depends on what is expected.
    Plain(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order; each key once.
    Table(Vec<(Key, Node)>),
}

/// A scalar that its format tells from text.
#[derive(Clone, Debug)]
pub enum Typed {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that JSON could hold, as JSON writes it.
    Number(String),
    /// A number that JSON cannot hold, or a date.
    Other,
}

/// A key of a mapping, and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    /// Where it stands.
    pub mark: Mark,
    /// Its text.
    pub text: String,
}

impl Node {
    /// Text, where text is expected: of a plain YAML scalar, its characters. `None` for anything else, null included:
    /// nobody wants `null` for a password.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Plain(text) if !is_null(text) => Some(text),
            Kind::Plain(_) | Kind::Typed(_) | Kind::List(_) | Kind::Table(_) => None,
        }
    }

    /// `true` or `false`, where one is expected.
    pub fn boolean(&self) -> Option<bool> {
        match &self.kind {
            Kind::Typed(Typed::Bool(value)) => Some(*value),
            Kind::Plain(text) => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            Kind::Typed(_) | Kind::Text(_) | Kind::List(_) | Kind::Table(_) => None,
        }
    }

    /// The value of a key, if this is a table that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Kind::Table(entries) = &self.kind else { return None };
        entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
    }

    /// Whether it is null, in whatever way its format writes that.
    pub fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Typed(Typed::Null) => true,
            Kind::Plain(text) => is_null(text),
            Kind::Typed(_) | Kind::Text(_) | Kind::List(_) | Kind::Table(_) => false,
        }
    }

    /// What it is, for a message that expected something else.
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

/// YAML 1.2's core schema.
pub fn is_null(plain: &str) -> bool {
    matches!(plain, "" | "~" | "null" | "Null" | "NULL")
}
