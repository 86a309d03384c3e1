//! Reads typed values from a declaration's syntax tree, and collects the mistakes in it.
//!
//! An [`Item`] is a node with the name and the position that messages show for it. If the node
//! isn't what an `expect_…` method expects, the method adds a mistake to the [`SourceFile`], and
//! returns `None` or no entries. Reading goes on after a mistake, so the user sees all of them in
//! one report.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use crate::input::yaml::{FaultAt, Kind, Node, Position};
use crate::model::entry::{Origin, Subject, SubjectKind};
use crate::model::environment::{EnvName, is_name};
use crate::model::fault::{
    Fault, did_you_mean, nearest, overlooked_in_line, overlooked_unless_empty, own_key, wrong_value,
};
use crate::model::message::Problem;
use crate::model::options::find_option;
use crate::model::shown::{file_name, is_quotable, shown};

/// A node, with the name and the position that messages show for it.
#[derive(Clone)]
pub struct Item<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) node: &'a Node,
    pub(super) position: Position,
    /// The entry or section that messages name, such as `DB_HOST`, `"defaults"` or [`THIS_FILE`].
    pub(super) subject: String,
    /// `None` for the whole declaration, and for its top-level keys.
    pub(super) kind: Option<SubjectKind>,
    /// The node's key, such as `mode`. Empty if the node is the subject itself.
    pub(super) key: &'static str,
    /// True for a mapping with unknown keys, which have already been reported.
    pub(super) has_unknown: bool,
}

/// A key of a mapping, and its value.
pub(super) struct MappingEntry<'a> {
    pub name: &'a str,
    /// For messages about the key. It has the key's position and the mapping's subject, but its
    /// node is the value.
    pub key: Item<'a>,
    /// Messages call the value by its key.
    pub value: Item<'a>,
}

/// The name of a whole declaration in messages.
pub(super) const THIS_FILE: &str = "this file";

/// A scalar's type in messages, as in `must be text, not a list`.
pub(super) const TEXT: &str = "text";

impl<'a> Item<'a> {
    fn at(&self, node: &'a Node) -> Self {
        Self {
            node,
            position: node.position,
            ..self.clone()
        }
    }

    /// A copy with a different subject, such as an alias. For a section or an entry, use
    /// [`Self::section`] or [`Self::entry`].
    pub fn named(&self, subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            kind: Some(SubjectKind::Part),
            key: "",
            ..self.clone()
        }
    }

    /// A copy that messages call by the name of a section or a setting, in quotes.
    pub fn section(&self, name: &str) -> Self {
        Self {
            kind: Some(SubjectKind::Section),
            ..self.named(format!("{name:?}"))
        }
    }

    /// A copy that messages call by the name of an entry.
    pub fn entry(&self, name: impl Into<String>) -> Self {
        Self {
            kind: Some(SubjectKind::Entry),
            ..self.named(name)
        }
    }

    /// Adds a mistake. The message begins with the name of the node: `"mode" for DB_HOST is empty`.
    /// If the mistake has a subject of its own, only the entry or the section comes first:
    /// `DB_HOST: the reference has several lines`.
    pub fn refuse(&self, mistake: impl Into<Fault>) {
        let fault = mistake.into();
        let Self { subject, key, .. } = self;
        let subject = if fault.is_sentence() {
            format!("{subject}:")
        } else if key.is_empty() {
            subject.clone()
        } else if self.kind == Some(SubjectKind::Section) {
            format!("{key:?} in {subject}")
        } else {
            format!("{key:?} for {subject}")
        };
        self.add(&subject, fault);
    }

    /// Adds a mistake, whose message is `subject` and then `fault`.
    ///
    /// Entries with the same mistake and the same help are reported in one error, whose headline is
    /// about the first entry. Help that shows how to write an entry may differ: the first entry's
    /// help then serves as an example for the others.
    fn add(&self, subject: &str, fault: Fault) {
        let position = self.source.position_text(self.position);
        let text = fault.to_string();
        let headline = format!("{position}: {} {text}", shown(subject));
        let mut reason = vec![self.key.to_owned(), text];
        let is_example = fault.is_example();
        let help = fault.into_help();
        if !is_example {
            reason.extend(help.clone());
        }
        let problem = match self.kind {
            None => Problem::configuration(headline),
            Some(kind) => Problem::of_entry(headline, reason).for_entry(Subject {
                kind,
                ..Subject::plain(shown(&self.subject), self.origin())
            }),
        };
        let mut mistakes = self.source.mistakes.borrow_mut();
        mistakes.push((self.position, problem.help_if_some(help)));
    }

    /// Refuses a node that isn't of the type `expected`, or is empty.
    pub(super) fn refuse_type(&self, expected: &str, help: Option<&str>) {
        let fault = if !self.node.is_null() {
            Fault::new(format!("must be {expected}, not {}", self.node.type_name()))
        } else if expected == TEXT {
            Fault::new("is empty").help("for an empty value, write \"\". A value that begins with # needs quotes, because # begins a comment")
        } else {
            Fault::new("is empty (is its value commented out or not indented?)")
                .help(format!("use {expected}"))
        };
        self.refuse(fault.help_if_some(help.map(str::to_owned)));
    }

    pub fn origin(&self) -> Origin {
        Origin::File {
            path: Arc::clone(&self.source.path),
            line: self.position.line,
        }
    }

    /// The entries of a mapping, in the order of the file.
    pub(super) fn expect_entries(&self, help: Option<&str>) -> Vec<MappingEntry<'a>> {
        let Some(nodes) = self.node.entries() else {
            let text = self.node.scalar_text().unwrap_or_default();
            // Only an item without a key is refused as an assignment, because the help suggests a
            // reference. That would be wrong in a mapping within an entry, such as `rename`.
            if !self.key.is_empty() || !self.refuse_if_assignment(text) {
                self.refuse_type("a mapping of names to values", help);
            }
            return Vec::new();
        };

        let mut entries = Vec::new();
        for (key, node) in nodes {
            let name = &key.text;
            let value = self.at(node).entry(name);
            let key = Self {
                position: key.position,
                ..self.at(node)
            };
            entries.push(MappingEntry { name, key, value });
        }
        entries
    }

    /// Refuses `NAME:value` and `NAME=value`, which should be `NAME: value`, and returns true. The
    /// message shows only the name, because the value may be a password.
    fn refuse_if_assignment(&self, text: &str) -> bool {
        // The third separator is the full-width colon of East Asian keyboards.
        let name = text.split([':', '=', '：']).next().unwrap_or_default();
        // A name on its own, or base64 with a trailing `=`, isn't an assignment.
        if name == text.trim_end_matches('=') || !is_name(name) {
            return false;
        }
        let fault = Fault::new("must be followed by a colon and a space");
        let help = "write NAME: SECRET:KEY on an indented line of its own";
        self.entry(name).refuse(fault.help(help));
        true
    }

    /// Refuses each key of a mapping that isn't in `known`, and returns the mapping.
    pub(super) fn with_known(&self, known: &[&str]) -> Self {
        let mut has_unknown = false;
        for MappingEntry { name, key, .. } in self.expect_entries(None) {
            if !known.contains(&name) {
                key.refuse_unknown(name, known);
                has_unknown = true;
            }
        }
        Self {
            has_unknown,
            ..self.clone()
        }
    }

    /// Refuses a key that isn't in `known`. The item must be a [`MappingEntry::key`]. The help may
    /// translate another tool's key, such as `exclude` to `except: [KEY]`.
    pub(super) fn refuse_unknown(&self, key: &str, known: &[&str]) {
        if self.refuse_key_if_overlooked(key) {
            return;
        }
        // A key with a slash is probably the start of a reference that contains a space, as in
        // `DB_PASSWORD: { prod/db: password }`.
        if known.contains(&"from") && key.contains('/') && !self.node.is_null() {
            return self.refuse(Fault::new("has a space in its reference").help("remove it"));
        }
        let nearest = nearest(key, known.iter().copied());
        let is_at_top = self.kind.is_none();
        if is_at_top && nearest.is_none() && is_name(key) && key == key.to_uppercase() {
            let fault = Fault::new("isn't under \"env\"").help("indent variables under \"env:\"");
            return self.entry(key).refuse(fault);
        }

        let help = if let Some(ours) = own_key(key, known) {
            format!("use {ours}")
        } else if is_at_top && find_option(key).is_some() {
            "put this key under \"defaults\"".to_owned()
        } else if let Some(nearest) = nearest {
            did_you_mean(nearest)
        } else if is_at_top && key.contains('/') && !key.contains(' ') {
            // The key is probably a secret's name, in a file for `--local`. A key with a space may
            // instead be a comment (`// …`).
            format!("use --local {}", self.source.path.display())
        } else {
            format!("use one of these keys: {}", known.join(", "))
        };
        // Only a short and plain key is shown, because a key may contain a value. In
        // `{ value "hunter2" }`, a colon is missing, so everything between the braces is a key.
        let text = if is_quotable(&key.replace(':', "")) {
            format!("has an unknown key {:?}", shown(key))
        } else {
            "has an unknown key (not shown, because it may be a value)".to_owned()
        };
        self.refuse(Fault::new(text).help(help));
    }

    /// Refuses a key with a character that is easy to overlook, and returns true. The item must
    /// have the position of the key.
    pub(super) fn refuse_key_if_overlooked(&self, key: &str) -> bool {
        // A character at the start of a line was probably meant as indentation.
        if self.position.column == 1
            && let Some(fault) = overlooked_in_line(key)
        {
            self.named("this line").refuse(fault);
            return true;
        }
        if let Some(fault) = overlooked_unless_empty(key) {
            self.named("this key").refuse(fault);
            return true;
        }
        false
    }

    /// The value of a key, which messages call `"mode" for DB_HOST`.
    pub fn field(&self, key: &'static str) -> Option<Self> {
        let node = self.node.value_of(key)?;
        Some(Self {
            key,
            ..self.at(node)
        })
    }

    /// The value of a key that must not be missing.
    pub(super) fn required_field(&self, key: &'static str, expected: &str) -> Option<Self> {
        let value = self.field(key);
        if value.is_none() {
            self.refuse_incomplete(&format!("needs {key:?}, {expected}"));
        }
        value
    }

    /// Refuses a mapping without a required key, unless it has an unknown key, which may be a
    /// misspelling of the required one.
    pub(super) fn refuse_incomplete(&self, why: &str) {
        if !self.has_unknown {
            self.refuse(why);
        }
    }

    /// Parses the value of a key, if the mapping has the key. Messages say that the value must be
    /// `expected`.
    pub(super) fn parsed_field<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        self.field(key)?.expect_valid(expected, |text| {
            parse(text).ok_or_else(|| {
                overlooked_unless_empty(text).unwrap_or_else(|| wrong_value(text, expected))
            })
        })
    }

    /// True if the mapping has the key, and its value is `true`.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        self.field(key).and_then(|item| item.expect_boolean()) == Some(true)
    }

    /// The text of a scalar. Messages say that it must be `expected`.
    pub(super) fn expect_text(&self, expected: &str) -> Option<&'a str> {
        self.found_or_refused(self.node.scalar_text(), expected)
    }

    /// Parses a scalar. An error of `parse` is reported as a mistake, too.
    pub(super) fn expect_valid<T>(
        &self,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Result<T, Fault>,
    ) -> Option<T> {
        let parsed = parse(self.expect_text(expected)?);
        parsed.map_err(|fault| self.refuse(fault)).ok()
    }

    /// The items of a list.
    pub(super) fn expect_list(&self, expected: &str) -> Option<Vec<Self>> {
        let Kind::List(nodes) = &self.node.kind else {
            self.refuse_type(expected, None);
            return None;
        };
        Some(nodes.iter().map(|node| self.at(node)).collect())
    }

    /// The texts in a list of strings.
    pub(super) fn expect_texts(&self) -> Option<Vec<String>> {
        self.expect_list("a list of strings")?
            .iter()
            .map(|item| item.expect_text(TEXT).map(str::to_owned))
            .collect()
    }

    pub(super) fn expect_boolean(&self) -> Option<bool> {
        self.found_or_refused(self.node.boolean(), "true or false")
    }

    fn found_or_refused<T>(&self, found: Option<T>, expected: &str) -> Option<T> {
        if found.is_none() {
            self.refuse_type(expected, None);
        }
        found
    }

    /// Parses a variable's name, which is this node's text or key.
    pub(super) fn expect_variable(&self, name: &str) -> Option<EnvName> {
        let variable = EnvName::parse(name);
        if variable.is_some() || self.refuse_key_if_overlooked(name) {
            return variable;
        }
        let has_value = !self.node.is_null() && !name.contains(['=', '：']);
        if has_value || !self.refuse_if_assignment(name) {
            let fault = Fault::new("isn't a valid variable name");
            let help = "use letters, digits and \"_\", and don't start with a digit";
            self.entry(name).add(&format!("{name:?}"), fault.help(help));
        }
        None
    }
}

/// A declaration, and the mistakes that have been found in it so far.
pub(super) struct SourceFile {
    /// The path as the user wrote it, or `-` for standard input.
    pub(super) path: Arc<PathBuf>,
    pub(super) mistakes: RefCell<Vec<(Position, Problem)>>,
}

impl SourceFile {
    /// Adds a mistake in the syntax.
    pub fn add(&self, FaultAt { position, fault }: FaultAt) {
        let fault = fault.about(&format!("{}:", self.position_text(position)));
        let problem = Problem::configuration(fault);
        self.mistakes.borrow_mut().push((position, problem));
    }

    /// The mistakes in the order of their lines.
    pub fn problems(self) -> Vec<Problem> {
        let mut mistakes = self.mistakes.take();
        mistakes.sort_by_key(|(position, _)| *position);
        // The nodes below a YAML anchor are read again for each alias, so their mistakes are
        // repeated.
        mistakes.dedup();
        mistakes.into_iter().map(|(_, problem)| problem).collect()
    }

    pub fn position_text(&self, Position { line, column }: Position) -> String {
        format!("{}:{line}:{column}", file_name(&self.path))
    }
}
