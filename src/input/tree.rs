//! The syntax tree of a YAML file: each node with its position, each scalar as it was written.
//!
//! The files are not deserialized by serde, which stops at the first error. A tree allows all errors to be reported at
//! once, with their lines.

/// The help for a file that [is a task definition](Node::is_task_definition).
pub const TASK_DEFINITION_HELP: &str =
    "docs/migrating.md has the jq line that makes a declaration of it";

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
    /// A scalar in quotes, or a block scalar.
    Text(String),
    /// A plain scalar, as it was written. Its type depends on what its reader expects.
    Plain(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file, with unique keys.
    Table(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub position: Position,
    pub text: String,
}

impl Node {
    /// Returns the characters of a scalar; `None` for null, a list and a table.
    pub fn text(&self) -> Option<&str> {
        let (Kind::Text(text) | Kind::Plain(text)) = &self.kind else {
            return None;
        };
        (!self.is_null()).then_some(text)
    }

    /// Returns the boolean that a plain scalar is in the core schema (YAML 1.2.2, 10.3.2).
    pub fn boolean(&self) -> Option<bool> {
        let Kind::Plain(text) = &self.kind else {
            return None;
        };
        match text.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// True for a plain scalar that is a number in JSON.
    pub fn is_number(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if serde_json::from_str::<serde_json::Number>(text).is_ok())
    }

    /// Returns the value of a key; `None` if this is no table, or has no such key.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Kind::Table(entries) = &self.kind else {
            return None;
        };
        entries
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(_, value)| value)
    }

    /// True for a plain scalar that is null in the core schema (YAML 1.2.2, 10.3.2).
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// True for an ECS task definition, as `aws ecs register-task-definition` takes it or as `aws ecs describe-task-definition`
    /// prints it.
    pub fn is_task_definition(&self) -> bool {
        let definition = self.get("taskDefinition").unwrap_or(self);
        definition.get("containerDefinitions").is_some()
    }

    /// Returns the name of the node's type for messages.
    pub fn description(&self) -> &'static str {
        match &self.kind {
            Kind::Plain(_) if self.is_null() => "null",
            Kind::Text(_) | Kind::Plain(_) => "text",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a mapping",
        }
    }
}
