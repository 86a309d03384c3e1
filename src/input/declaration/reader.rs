//! Reads typed values from a declaration's syntax tree, and collects every error.

use std::fmt::Display;
use std::sync::Arc;

use super::source::{Mistake, SourceFile};
use crate::input::yaml::{Key, Kind, Node, Position};
use crate::model::entry::Origin;
use crate::model::env_name::{EnvName, is_name};
use crate::model::options::{OptionSpec, find_option};
use crate::model::quoting::is_quotable;
use crate::model::suggest::{self, did_you_mean};

/// A node, with its place in messages. A getter for another type than the node's adds an error and returns `None`.
#[derive(Clone)]
pub struct Item<'a> {
    pub source: &'a SourceFile,
    pub node: &'a Node,
    pub position: Position,
    /// The entry or the section that messages name: `DB_HOST`, `defaults`. Empty for the whole file.
    pub subject: String,
    /// The key of the entry or of the section; empty for the entry itself.
    pub key: &'static str,
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

/// The words for the type of a text.
pub const TEXT: &str = "text";

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
    /// Returns the same node, with the entry that it belongs to.
    pub fn named(&self, subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            ..self.clone()
        }
    }

    /// Adds an error. `predicate` says what is wrong with the node.
    pub fn refuse(&self, predicate: impl Display) {
        self.refuse_with(predicate, None);
    }

    /// Adds an error with a remedy.
    pub fn refuse_with(&self, predicate: impl Display, help: Option<String>) {
        let subject = match (self.key, self.subject.as_str()) {
            ("", "") => "this file".to_owned(),
            ("", subject) => subject.to_owned(),
            (key, subject) => format!("{key:?} of {subject}"),
        };
        self.add(&subject, format!(" {predicate}"), help);
    }

    /// Adds an error whose text is a whole sentence.
    pub fn refuse_sentence(&self, sentence: impl Display, help: Option<String>) {
        let separator = if self.subject.is_empty() { "" } else { ": " };
        self.add(&self.subject, format!("{separator}{sentence}"), help);
    }

    fn add(&self, subject: &str, text: String, help: Option<String>) {
        self.source.mistakes.borrow_mut().push(Mistake {
            position: self.position,
            subject: subject.to_owned(),
            text,
            help,
        });
    }

    /// Adds the error of a text that is not `expected`.
    pub fn refuse_value(&self, text: &str, expected: &str) {
        let found = match is_quotable(text) {
            true => format!(", not {text:?}"),
            false => String::new(),
        };
        self.refuse(format!("must be {expected}{found}"));
    }

    /// Adds the error of a node of another type than `expected`.
    fn refuse_type(&self, expected: &str) {
        if self.node.is_null() {
            let help = match expected {
                TEXT => "write \"\" for an empty text".to_owned(),
                _ => format!("write {expected}"),
            };
            let text = match self.key {
                "" => "has no value",
                _ => "is empty",
            };
            return self.refuse_with(text, Some(help));
        }
        let help = match (self.subject.as_str(), &self.node.kind) {
            ("\"env\"", Kind::List(_)) => {
                Some("write each variable without a hyphen, as in DB_HOST: prod/db:host")
            }
            ("\"env\"", Kind::Plain(text)) if text.contains(':') => {
                Some("write a space after the name and its colon, as in DB_HOST: prod/db:host")
            }
            (_, _) => None,
        };
        let text = format!("must be {expected}, not {}", self.node.description());
        self.refuse_with(text, help.map(str::to_owned));
    }

    /// Adds the error of a node that is not a list or a mapping.
    fn refuse_collection(&self, expected: &str) {
        if self.node.is_null() {
            self.refuse("has no entries (are they commented out or not indented?)");
        } else {
            self.refuse_type(expected);
        }
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
            self.refuse_collection("a mapping of names and values");
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
                key: "",
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
            self.refuse_unknown(name, key.position, known);
        }
        Fields {
            item: self.clone(),
            members,
            known,
            has_unknown: !unknown.is_empty(),
        }
    }

    /// Adds the error of a key that is not `known`. A key that could be a value is not quoted.
    pub fn refuse_unknown(&self, key: &str, position: Position, known: &[&str]) {
        let item = Self {
            position,
            ..self.clone()
        };
        if !is_quotable(key) {
            return item.refuse("has an unknown key, which is not shown because it may be a value");
        }
        let synonym = SYNONYMS
            .iter()
            .find(|(other, name)| *other == key && known.contains(name))
            .map(|(_, name)| *name);
        let nearest = suggest::nearest(key, known.iter().copied()).or(synonym);
        let is_file = self.subject.is_empty();
        let is_variable = is_name(key) && !key.bytes().any(|byte| byte.is_ascii_lowercase());
        if is_file && is_variable && nearest.is_none() {
            let help = match self.node.get("env") {
                Some(_) => "indent the variables by two spaces, below \"env:\"",
                None => "write \"env:\" in a line above, and indent the variables by two spaces",
            };
            let variable = item.named(key);
            return variable.refuse_with("is not under \"env\"", Some(help.to_owned()));
        }

        let help = match (synonym, nearest) {
            (Some("from"), _) => {
                "write the secret and its key as one reference: from: \"prod/db:password\""
                    .to_owned()
            }
            (_, Some(nearest)) => did_you_mean(nearest),
            (_, None) if is_file && find_option(key).is_some_and(OptionSpec::in_declaration) => {
                format!("write it under \"defaults\", as in defaults: {{ {key}: … }}")
            }
            (_, None) => format!("the possible keys are {}", known.join(", ")),
        };
        item.refuse_with(format!("has an unknown key {key:?}"), Some(help));
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
            self.refuse_collection(expected);
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
            .map(|item| item.text(TEXT).map(str::to_owned))
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
            let mut legal = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
            if legal.starts_with(|c: char| c.is_ascii_digit()) {
                legal.insert(0, '_');
            }
            let help = is_name(&legal).then(|| format!("write {legal}"));
            let text = " is not a valid name for a variable: use letters, digits and \"_\", and no digit at the start";
            self.add(&format!("{name:?}"), text.to_owned(), help);
        }
        variable
    }
}

impl<'a> Fields<'a> {
    /// Takes the value of a key; `None` if the mapping does not have it.
    pub fn take(&mut self, name: &'static str) -> Option<Item<'a>> {
        let at = self.members.iter().position(|member| member.name == name)?;
        let value = self.members.swap_remove(at).value;
        let subject = &self.item.subject;
        Some(if subject.is_empty() {
            value.named(format!("{name:?}"))
        } else {
            Item {
                key: name,
                ..value.named(subject)
            }
        })
    }

    /// Takes the value of a key that the mapping must have, which is described by `expected`.
    pub fn take_required(&mut self, name: &'static str, expected: &str) -> Option<Item<'a>> {
        let value = self.take(name);
        // A key that is unknown may be this one, misspelled.
        if value.is_none() && !self.has_unknown {
            self.item.refuse(format!("needs {name:?}, {expected}"));
        }
        value
    }

    /// Takes the value that a text stands for.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        self.take(name)?.parsed(expected, parse)
    }
}
