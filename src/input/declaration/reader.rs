//! Walking a tree and gathering everything that is wrong with it.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::{DeclarationError, DeclarationProblem};
use crate::model::entry::Origin;
use crate::model::suggest;
use crate::model::tree::{Key, Kind, Mark, Node};

/// Reads a tree; what does not fit becomes an error and is passed over.
pub struct Reader<'a> {
    pub path: &'a Arc<PathBuf>,
    pub errors: &'a mut Vec<DeclarationError>,
}

/// The entries of a table that are known, each taken once by its name.
pub struct Fields<'n> {
    pub subject: Option<String>,
    pub mark: Mark,
    entries: Vec<(&'n Key, &'n Node)>,
    known: &'static [&'static str],
}

impl<'n> Fields<'n> {
    /// The value of a key that may be there.
    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        debug_assert!(self.known.contains(&name), "{name}");
        let at = self.entries.iter().position(|(key, _)| key.text == name)?;
        Some(self.entries.swap_remove(at).1)
    }
}

impl Reader<'_> {
    pub fn error(&mut self, mark: Mark, subject: Option<&str>, problem: DeclarationProblem) {
        let (path, subject) = (Arc::clone(self.path), subject.map(str::to_owned));
        self.errors.push(DeclarationError { path, mark: Some(mark), subject, problem });
    }

    pub fn origin(&self, mark: Mark) -> Origin {
        Origin::File { path: Arc::clone(self.path), line: mark.line }
    }

    /// The entries of a table, in order.
    pub fn table<'n>(&mut self, subject: Option<&str>, node: &'n Node) -> &'n [(Key, Node)] {
        match &node.kind {
            Kind::Table(entries) => entries,
            Kind::Typed(_) | Kind::Text(_) | Kind::Plain(_) | Kind::List(_) => {
                self.expected(node, subject, "a table of names and values");
                &[]
            }
        }
    }

    /// A table whose keys are `known`.
    pub fn fields<'n>(&mut self, subject: Option<&str>, node: &'n Node, known: &'static [&'static str]) -> Fields<'n> {
        let mut entries = Vec::new();
        for (key, value) in self.table(subject, node) {
            if known.contains(&key.text.as_str()) {
                entries.push((key, value));
            } else {
                let nearest = suggest::nearest(&key.text, known.iter().copied());
                self.error(key.mark, subject, DeclarationProblem::UnknownKey { key: key.text.clone(), nearest });
            }
        }
        Fields { subject: subject.map(str::to_owned), mark: node.mark, entries, known }
    }

    pub fn text(&mut self, subject: Option<&str>, node: &Node, expected: &'static str) -> Option<String> {
        let text = node.text();
        if text.is_none() {
            self.expected(node, subject, expected);
        }
        text.map(str::to_owned)
    }

    /// A list of texts.
    pub fn texts(&mut self, subject: Option<&str>, node: &Node) -> Option<Vec<String>> {
        let items = self.list(subject, node, "a list of texts")?;
        items.iter().map(|item| self.text(subject, item, "text")).collect()
    }

    /// The items of a list.
    pub fn list<'n>(&mut self, subject: Option<&str>, node: &'n Node, expected: &'static str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Typed(_) | Kind::Text(_) | Kind::Plain(_) | Kind::Table(_) => {
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
        self.error(node.mark, subject, DeclarationProblem::Expected { expected, found: node.description() });
    }
}
