//! Walking a tree and gathering everything that is wrong with it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{ManifestError, ManifestProblem};
use crate::binding::Origin;
use crate::markup::{Key, Kind, Mark, Node};
use crate::suggest;

/// Reads a tree; what does not fit becomes an error and is passed over.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Arc<PathBuf>,
    pub(super) errors: &'a mut Vec<ManifestError>,
}

/// The entries of a table that are known, each taken once by its name.
pub(super) struct Fields<'n> {
    pub(super) subject: Option<String>,
    pub(super) mark: Mark,
    entries: Vec<(&'n Key, &'n Node)>,
    known: &'static [&'static str],
}

impl<'n> Fields<'n> {
    /// The value of a key that may be there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        debug_assert!(self.known.contains(&name), "{name}");
        let at = self.entries.iter().position(|(key, _)| key.text == name)?;
        Some(self.entries.swap_remove(at).1)
    }
}

impl Reader<'_> {
    pub(super) fn error(&mut self, mark: Mark, subject: Option<&str>, problem: ManifestProblem) {
        let (path, subject) = (Arc::clone(self.path), subject.map(str::to_owned));
        self.errors.push(ManifestError { path, mark: Some(mark), subject, problem });
    }

    pub(super) fn origin(&self, mark: Mark) -> Origin {
        Origin::File { path: Arc::clone(self.path), line: mark.line }
    }

    /// The entries of a table, in order.
    pub(super) fn table<'n>(&mut self, subject: Option<&str>, node: &'n Node) -> &'n [(Key, Node)] {
        match &node.kind {
            Kind::Table(entries) => entries,
            Kind::Typed(_) | Kind::Text(_) | Kind::Plain(_) | Kind::List(_) => {
                self.expected(node, subject, "a table of names and values");
                &[]
            }
        }
    }

    /// A table whose keys are `known`.
    pub(super) fn fields<'n>(
        &mut self,
        subject: Option<&str>,
        node: &'n Node,
        known: &'static [&'static str],
    ) -> Fields<'n> {
        let mut entries = Vec::new();
        for (key, value) in self.table(subject, node) {
            if known.contains(&key.text.as_str()) {
                entries.push((key, value));
            } else {
                let nearest = suggest::nearest(&key.text, known.iter().copied());
                self.error(key.mark, subject, ManifestProblem::UnknownKey { key: key.text.clone(), nearest });
            }
        }
        Fields { subject: subject.map(str::to_owned), mark: node.mark, entries, known }
    }

    pub(super) fn text(&mut self, subject: Option<&str>, node: &Node, expected: &'static str) -> Option<String> {
        let text = node.text();
        if text.is_none() {
            self.expected(node, subject, expected);
        }
        text.map(str::to_owned)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, subject: Option<&str>, node: &Node) -> Option<Vec<String>> {
        let items = self.list(subject, node, "a list of texts")?;
        items.iter().map(|item| self.text(subject, item, "text")).collect()
    }

    /// The items of a list.
    pub(super) fn list<'n>(
        &mut self,
        subject: Option<&str>,
        node: &'n Node,
        expected: &'static str,
    ) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            Kind::Typed(_) | Kind::Text(_) | Kind::Plain(_) | Kind::Table(_) => {
                self.expected(node, subject, expected);
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, subject: Option<&str>, node: &Node) -> Option<bool> {
        let value = node.boolean();
        if value.is_none() {
            self.expected(node, subject, "true or false");
        }
        value
    }

    pub(super) fn expected(&mut self, node: &Node, subject: Option<&str>, expected: &'static str) {
        self.error(node.mark, subject, ManifestProblem::Expected { expected, found: node.description() });
    }
}
