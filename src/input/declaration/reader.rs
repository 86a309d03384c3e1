//! Reads typed values from a declaration's syntax tree, and collects every error.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::{DeclarationError, DeclarationProblem};
use crate::model::entry::Origin;
use crate::model::suggest;
use crate::model::tree::{Key, Kind, Node, Position};

/// The errors of a declaration so far. A node that is not of the expected type is added to them and skipped.
pub struct DeclarationReader<'a> {
    pub path: &'a Arc<PathBuf>,
    pub errors: &'a mut Vec<DeclarationError>,
}

/// The entries of a table with known keys, each of which is taken once.
pub struct Fields<'n> {
    pub subject: Option<String>,
    pub position: Position,
    entries: Vec<(&'n Key, &'n Node)>,
    known: &'static [&'static str],
    /// The known keys that unknown ones are most similar to.
    meant: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Takes the value of a key; `None` if the table does not have it.
    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        debug_assert!(self.known.contains(&name), "{name}");
        let at = self.entries.iter().position(|(key, _)| key.text == name)?;
        Some(self.entries.swap_remove(at).1)
    }

    /// True if an unknown key, which was reported, is most likely one of `names`.
    pub fn has_misspelt(&self, names: &[&str]) -> bool {
        self.meant.iter().any(|name| names.contains(name))
    }
}

impl DeclarationReader<'_> {
    pub fn error(&mut self, position: Position, subject: Option<&str>, problem: DeclarationProblem) {
        let (path, subject) = (Arc::clone(self.path), subject.map(str::to_owned));
        self.errors.push(DeclarationError { path, position: Some(position), subject, problem });
    }

    pub fn origin(&self, position: Position) -> Origin {
        Origin::File { path: Arc::clone(self.path), line: position.line }
    }

    /// Returns the entries of a table, in the order of the file.
    pub fn table<'n>(&mut self, subject: Option<&str>, node: &'n Node) -> &'n [(Key, Node)] {
        match &node.kind {
            Kind::Table(entries) => entries,
            Kind::Text(_) | Kind::Plain(_) | Kind::List(_) => {
                self.expected(node, subject, "a mapping of names and values");
                &[]
            }
        }
    }

    /// Returns the entries of a table whose keys are `known`. Any other key is an error.
    pub fn fields<'n>(&mut self, subject: Option<&str>, node: &'n Node, known: &'static [&'static str]) -> Fields<'n> {
        let (mut entries, mut meant) = (Vec::new(), Vec::new());
        for (key, value) in self.table(subject, node) {
            if known.contains(&key.text.as_str()) {
                entries.push((key, value));
            } else {
                let nearest = suggest::nearest(&key.text, known.iter().copied());
                meant.extend(nearest);
                let (unknown, known) = (key.text.clone(), known.to_vec());
                self.error(key.position, subject, DeclarationProblem::UnknownKey { key: unknown, nearest, known });
            }
        }
        Fields { subject: subject.map(str::to_owned), position: node.position, entries, known, meant }
    }

    pub fn text(&mut self, subject: Option<&str>, node: &Node, expected: &'static str) -> Option<String> {
        let text = node.text();
        if text.is_none() {
            self.expected(node, subject, expected);
        }
        text.map(str::to_owned)
    }

    /// Returns the items of a list of texts.
    pub fn texts(&mut self, subject: Option<&str>, node: &Node) -> Option<Vec<String>> {
        let items = self.list(subject, node, "a list of texts")?;
        items.iter().map(|item| self.text(subject, item, "text")).collect()
    }

    pub fn list<'n>(&mut self, subject: Option<&str>, node: &'n Node, expected: &'static str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Text(_) | Kind::Plain(_) | Kind::Table(_) => {
                self.expected(node, subject, expected);
                None
            }
        }
    }

    pub fn boolean(&mut self, subject: Option<&str>, node: &Node) -> Option<bool> {
        let value = node.boolean();
        if value.is_none() {
            self.expected(node, subject, "true or false");
        }
        value
    }

    pub fn expected(&mut self, node: &Node, subject: Option<&str>, expected: &'static str) {
        self.error(node.position, subject, DeclarationProblem::Expected { expected, found: node.description() });
    }
}
