//! Reads typed values from a declaration's syntax tree, and collects every error.

use std::cell::RefCell;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use crate::input::yaml::{Key, Kind, Node, Position};
use crate::model::entry::Origin;
use crate::model::env_name::{EnvName, is_name};
use crate::model::problem::Problem;
use crate::model::quoting::{file_name, is_quotable, quoted_value};
use crate::model::suggest;

/// A declaration, and the errors that were found in it so far.
pub struct SourceFile {
    pub path: Arc<PathBuf>,
    pub errors: RefCell<Vec<(Position, Problem)>>,
}

impl SourceFile {
    /// Adds an error. `subject` is the key, variable or file that it is about, and empty for the whole.
    pub fn refuse(
        &self,
        position: Position,
        subject: &str,
        text: impl Display,
        help: Option<String>,
    ) {
        let subject = if subject.is_empty() {
            String::new()
        } else {
            format!("{subject}: ")
        };
        let text = format!("{}: {subject}{text}", self.place(position));
        self.errors
            .borrow_mut()
            .push((position, Problem::configuration(text).replace_help(help)));
    }

    /// `FILE:LINE:COLUMN`
    fn place(&self, Position { line, column }: Position) -> String {
        format!("{}:{line}:{column}", file_name(&self.path))
    }
}

/// A node, with its place in messages. A getter for another type than the node's adds an error and returns `None`.
#[derive(Clone)]
pub struct Item<'a> {
    pub source: &'a SourceFile,
    pub node: &'a Node,
    pub position: Position,
    pub subject: String,
}

/// An entry of a mapping.
pub struct MappingEntry<'a> {
    pub name: &'a str,
    /// The key, with the subject of the mapping.
    pub key: Item<'a>,
    /// The value, whose subject is the key.
    pub value: Item<'a>,
}

/// The entries of a mapping with known keys, each of which is taken once.
pub struct Fields<'a> {
    pub item: Item<'a>,
    members: Vec<MappingEntry<'a>>,
    /// The keys that it may have.
    pub known: &'static [&'static str],
    /// True if the mapping has other keys, which were reported.
    pub has_unknown: bool,
}

/// Keys of other tools, each with ours.
const SYNONYMS: [(&str, &str); 6] = [
    ("environment", "env"),
    ("variables", "env"),
    ("vars", "env"),
    ("secret", "from"),
    ("key", "from"),
    ("valueFrom", "from"),
];

impl<'a> Item<'a> {
    /// Returns the same node as a part of something else.
    pub fn named(&self, subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ..self.clone()
        }
    }

    /// Adds an error.
    pub fn refuse(&self, text: impl Display) {
        self.refuse_with(text, None);
    }

    /// Adds an error with a remedy.
    pub fn refuse_with(&self, text: impl Display, help: Option<String>) {
        self.source.refuse(self.position, &self.subject, text, help);
    }

    /// Adds the error of a text that is not `expected`.
    pub fn refuse_value(&self, text: &str, expected: &str) {
        self.refuse(format!("{} is not {expected}", quoted_value(text)));
    }

    /// Adds the error of a node of another type than `expected`.
    fn refuse_type(&self, expected: &str) {
        let help = match (self.subject.as_str(), &self.node.kind) {
            ("env", Kind::List(_)) => {
                Some("write NAME: REF for each variable, without a hyphen".to_owned())
            }
            ("env", Kind::Plain(text)) if text.contains(':') => {
                Some("write NAME: REF, with a blank after the name's colon".to_owned())
            }
            (_, _) => None,
        };
        self.refuse_with(
            format!("expected {expected}, found {}", self.node.description()),
            help,
        );
    }

    /// `FILE:LINE:COLUMN`
    pub fn place(&self) -> String {
        self.source.place(self.position)
    }

    pub fn origin(&self) -> Origin {
        Origin::File {
            path: Arc::clone(&self.source.path),
            line: self.position.line,
        }
    }

    /// Returns the entries of a mapping, in the order of the file.
    pub fn members(&self) -> Vec<MappingEntry<'a>> {
        let Kind::Table(entries) = &self.node.kind else {
            self.refuse_type("a mapping of names and values");
            return Vec::new();
        };
        let mut members = Vec::new();
        for (Key { position, text }, node) in entries {
            let key = Self {
                node,
                position: *position,
                ..self.clone()
            };
            let value = Self {
                node,
                position: node.position,
                subject: text.clone(),
                ..*self
            };
            members.push(MappingEntry {
                name: text,
                key,
                value,
            });
        }
        members
    }

    /// Returns the entries of a mapping whose keys are `known`. Any other key is an error.
    pub fn fields(&self, known: &'static [&'static str]) -> Fields<'a> {
        let (members, unknown): (Vec<_>, Vec<_>) = self
            .members()
            .into_iter()
            .partition(|member| known.contains(&member.name));
        for MappingEntry { name, key, .. } in &unknown {
            key.refuse_unknown(name, known);
        }
        Fields {
            item: self.clone(),
            members,
            known,
            has_unknown: !unknown.is_empty(),
        }
    }

    /// Adds the error of a key that is not `known`. A key that could be a value is not quoted.
    pub fn refuse_unknown(&self, key: &str, known: &[&str]) {
        let synonym = SYNONYMS
            .iter()
            .find(|(other, name)| *other == key && known.contains(name))
            .map(|(_, name)| *name);
        let nearest = suggest::nearest(key, known.iter().copied()).or(synonym);
        let legal = format!("expected one of {}", known.join(", "));
        let text = match nearest {
            _ if !is_quotable(key) => {
                format!("unknown key, which is not printed, since it could be a value; {legal}")
            }
            Some(nearest) => format!("unknown key {key:?}; did you mean {nearest:?}?"),
            None => format!("unknown key {key:?}; {legal}"),
        };
        let is_variable = is_name(key) && !key.bytes().any(|byte| byte.is_ascii_lowercase());
        let help = match synonym {
            Some("from") => Some(
                "write the secret and its key as one reference: from: \"prod/db:password\""
                    .to_owned(),
            ),
            None if is_variable && self.subject.is_empty() && nearest.is_none() => Some(format!(
                "variables stand under `env:`, as in: env: {{ {key}: prod/db:key }}"
            )),
            Some(_) | None => None,
        };
        self.refuse_with(text, help);
    }

    pub fn text(&self, expected: &str) -> Option<&'a str> {
        self.node
            .text()
            .ok_or_else(|| self.refuse_type(expected))
            .ok()
    }

    /// Returns the value that a text stands for.
    pub fn parsed<T>(&self, expected: &str, parse: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        let text = self.text(expected)?;
        parse(text)
            .ok_or_else(|| self.refuse_value(text, expected))
            .ok()
    }

    pub fn list(&self, expected: &str) -> Option<Vec<Self>> {
        let Kind::List(items) = &self.node.kind else {
            self.refuse_type(expected);
            return None;
        };
        Some(
            items
                .iter()
                .map(|node| Self {
                    node,
                    position: node.position,
                    ..self.clone()
                })
                .collect(),
        )
    }

    pub fn texts(&self) -> Option<Vec<String>> {
        let items = self.list("a list of texts")?;
        items
            .iter()
            .map(|item| item.text("text").map(str::to_owned))
            .collect()
    }

    pub fn boolean(&self) -> Option<bool> {
        self.node
            .boolean()
            .ok_or_else(|| self.refuse_type("true or false"))
            .ok()
    }

    /// Returns the variable with this name, which the node is or belongs to.
    pub fn variable(&self, name: &str) -> Option<EnvName> {
        let variable = EnvName::parse(name);
        if variable.is_none() {
            self.refuse(format!(
                "{name:?} cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)"
            ));
        }
        variable
    }
}

impl<'a> Fields<'a> {
    /// Takes the value of a key; `None` if the mapping does not have it.
    pub fn take(&mut self, name: &str) -> Option<Item<'a>> {
        let at = self.members.iter().position(|member| member.name == name)?;
        let subject = &self.item.subject;
        let subject = if subject.is_empty() {
            name.to_owned()
        } else {
            format!("{subject}: {name}")
        };
        Some(self.members.swap_remove(at).value.named(subject))
    }

    /// Takes the value of a key that the mapping must have, which is described by `expected`.
    pub fn take_required(&mut self, name: &str, expected: &str) -> Option<Item<'a>> {
        self.take(name)
            .ok_or_else(|| {
                self.item
                    .refuse(format!("expected `{name}` with {expected}"))
            })
            .ok()
    }

    /// Takes the value that a text stands for.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        self.take(name)?.parsed(expected, parse)
    }
}
