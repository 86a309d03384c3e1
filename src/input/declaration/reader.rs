//! Reads typed values from a declaration's syntax tree, and collects the mistakes in it.
//!
//! An [`Item`] is a node with the name and the position that messages show for it. If the node
//! doesn't have the type that an `expect_…` method expects, the method adds a mistake to the
//! [`SourceFile`], and returns `None` or no entries. Reading goes on after a mistake. At the end,
//! the [`SourceFile`] turns all mistakes into problems, so the user sees them in one report.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use crate::input::yaml::{FaultAt, Kind, Node, Position};
use crate::model::entry::{Origin, Subject, SubjectKind};
use crate::model::environment::{EnvName, is_name};
use crate::model::fault::{
    Fault, did_you_mean, nearest, overlooked_in_line, overlooked_unless_empty, own_key,
    similar_word,
};
use crate::model::options::find_option;
use crate::model::problem::{Problem, Status};
use crate::model::shown::{file_name, is_quotable, not_this_value, shown};

/// A node of a declaration, with the name and the position that messages show for it.
#[derive(Clone)]
pub struct Item<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) node: &'a Node,
    pub(super) position: Position,
    /// The entry or section that messages name, such as `DB_HOST`, `"defaults"` or [`THIS_FILE`].
    pub(super) subject: String,
    pub(super) kind: ItemKind,
    /// The node's key, such as `mode` in an entry of `files`. Empty if the node is the subject
    /// itself.
    pub(super) key: &'static str,
}

/// The part of a declaration that an item belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// The whole declaration, or one of its top-level keys.
    File,
    /// A variable or a file. Its name is the subject of the item.
    Entry,
    /// Anything else, such as a section, an alias or a line.
    Section,
}

/// A key of a mapping, and its value.
pub(super) struct MappingEntry<'a> {
    pub name: &'a str,
    /// An item for messages about the key. It has the key's position and the mapping's subject, but
    /// its node is the value.
    pub key: Item<'a>,
    /// The value, which messages refer to by its key.
    pub value: Item<'a>,
}

/// The entries of a mapping that accepts only certain keys.
pub(super) struct Fields<'a> {
    pub item: Item<'a>,
    entries: Vec<MappingEntry<'a>>,
    /// True if the mapping also has unknown keys, which have already been reported.
    pub has_unknown: bool,
}

/// The name of a whole declaration in messages.
pub(super) const THIS_FILE: &str = "this file";

/// The name of a scalar's type in messages, as in `must be text, not a list`.
pub(super) const TEXT: &str = "text";

pub(super) const VARIABLE_KEYS: &[&str] = &[
    "from", "value", "template", "encode", "decode", "default", "optional", "pattern",
];

pub(super) const FILE_KEYS: &[&str] = &[
    "from", "value", "template", "encode", "decode", "default", "optional", "pattern", "path",
    "env", "mode", "owner", "once",
];

pub(super) const OBJECT_KEYS: &[&str] = &[
    "from", "prefix", "only", "except", "rename", "case", "optional",
];

pub(super) const ALIAS_KEYS: &[&str] = &[
    "id",
    "stage",
    "version-id",
    "region",
    "role-arn",
    "external-id",
];

impl<'a> Item<'a> {
    fn at(&self, node: &'a Node, position: Position) -> Self {
        Self {
            node,
            position,
            ..self.clone()
        }
    }

    /// A copy of the item that messages call `subject`, such as a section or an alias. For an
    /// entry, use [`Self::entry`].
    pub fn named(&self, subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            kind: ItemKind::Section,
            ..self.clone()
        }
    }

    /// A copy of the item that messages call by `name`, the name of an entry.
    pub fn entry(&self, name: impl Into<String>) -> Self {
        Self {
            kind: ItemKind::Entry,
            key: "",
            ..self.named(name)
        }
    }

    /// Adds a mistake. The message begins with the name of the node: `"mode" for DB_HOST is empty`.
    pub fn refuse(&self, mistake: impl Into<Fault>) {
        let subject = match self.key {
            "" => self.subject.clone(),
            // Only a section's name is in quotes: `"path" in "files"`.
            key if self.subject.starts_with('"') => format!("{key:?} in {}", self.subject),
            key => format!("{key:?} for {}", self.subject),
        };
        self.add(&format!("{subject} "), mistake.into());
    }

    /// Adds a mistake whose text is a whole sentence. The message is the subject, a colon, and this
    /// sentence.
    pub(super) fn refuse_sentence(&self, mistake: impl Into<Fault>) {
        self.add(&format!("{}: ", self.subject), mistake.into());
    }

    /// Adds a mistake at the item's position. The message is `subject`, then directly `fault`.
    ///
    /// Masks parts of the subject that look like a credential.
    ///
    /// Entries with the same mistake and the same help are reported in one error, whose headline is
    /// about the first entry. Help that shows how to write an entry may differ: the first entry's
    /// help then serves as an example for the others.
    fn add(&self, subject: &str, fault: Fault) {
        let position = self.source.position_text(self.position);
        let text = fault.to_string();
        let headline = format!("{position}: {}{text}", shown(subject));
        let mut reason = vec![self.key.to_owned(), text];
        let is_example = fault.is_example();
        let help = fault.into_help();
        if !is_example {
            reason.extend(help.clone());
        }
        let problem = if self.kind == ItemKind::File {
            Problem::configuration(headline)
        } else {
            let mut subject = Subject::plain(shown(&self.subject), self.origin());
            if self.kind == ItemKind::Section {
                subject.kind = SubjectKind::Section;
            }
            Problem::of_entry(headline, reason).for_entry(subject)
        }
        .help_if_some(help);
        let mut mistakes = self.source.mistakes.borrow_mut();
        mistakes.push((self.position, problem));
    }

    /// Refuses the value `text`. The message points out a character that is easy to overlook, if
    /// there is one. Otherwise, it says that the value must be `expected`.
    pub(super) fn refuse_value(&self, text: &str, expected: &str) {
        if !self.refuse_if_overlooked(text) {
            let fault = Fault::new(format!("must be {expected}{}", not_this_value(text)));
            self.refuse(fault.help_if_some(similar_word(expected, text)));
        }
    }

    /// Refuses a node that isn't of the type `expected`. If the node is empty, the message says so,
    /// and there is a help text even if `help` is `None`.
    pub(super) fn refuse_type(&self, expected: &str, help: Option<&str>) {
        let help = help.map(str::to_owned);
        if !self.node.is_null() {
            let text = format!("must be {expected}, not {}", self.node.type_name());
            return self.refuse(Fault::new(text).help_if_some(help));
        }
        if expected == TEXT {
            let help = "for an empty value, write \"\". A value that begins with # needs quotes, because # begins a comment";
            return self.refuse(Fault::new("is empty").help(help));
        }
        let fault = Fault::new("is empty (is its value commented out or not indented?)");
        self.refuse(fault.help(help.unwrap_or_else(|| format!("use {expected}"))));
    }

    /// The value of `parsed`. If `parsed` is an error, adds a mistake with the error's
    /// text, which must be a whole sentence, and returns `None`.
    pub(super) fn parsed_or_refused<T>(&self, parsed: Result<T, Fault>) -> Option<T> {
        parsed.map_err(|fault| self.refuse_sentence(fault)).ok()
    }

    pub fn origin(&self) -> Origin {
        Origin::File {
            path: Arc::clone(&self.source.path),
            line: self.position.line,
        }
    }

    /// Reads the entries of a mapping in the order of the file. If the node isn't a mapping, adds a
    /// mistake, usually with `help`, and returns no entries.
    pub(super) fn expect_entries(&self, help: Option<&str>) -> Vec<MappingEntry<'a>> {
        let Kind::Mapping(nodes) = &self.node.kind else {
            // Only an item without a key is refused as an assignment. The help for it suggests a
            // reference, which would be wrong in a mapping within an entry, such as `rename`.
            let is_refused = self.key.is_empty()
                && self
                    .node
                    .scalar_text()
                    .is_some_and(|text| self.refuse_if_assignment(text));
            if !is_refused {
                self.refuse_type("a mapping of names to values", help);
            }
            return Vec::new();
        };

        let mut entries = Vec::new();
        for (node_of_key, node) in nodes {
            let name = &node_of_key.text;
            let key = self.at(node, node_of_key.position);
            let value = self.at(node, node.position).entry(name);
            entries.push(MappingEntry { name, key, value });
        }
        entries
    }

    /// If the text is `NAME:value` or `NAME=value`, which should be `NAME: value`, adds a mistake
    /// and returns true. The message shows only the name, because the value may be a password.
    /// Returns false for any other text.
    fn refuse_if_assignment(&self, text: &str) -> bool {
        // The third separator is the full-width colon of East Asian keyboards.
        let name = text.split([':', '=', '：']).next().unwrap_or_default();
        // A name on its own, or base64 with a trailing `=`, isn't an assignment.
        if name == text.trim_end_matches('=') || !is_name(name) {
            return false;
        }
        let fault = Fault::new("must be followed by a colon and a space");
        let help = "write NAME: SECRET:KEY on an indented line of its own";
        self.entry(name).add(&format!("{name} "), fault.help(help));
        true
    }

    /// Reads the entries of a mapping whose valid keys are `known`. Adds a mistake for every other
    /// key.
    pub(super) fn expect_fields(&self, known: &'static [&'static str]) -> Fields<'a> {
        let (entries, unknown): (Vec<_>, Vec<_>) = self
            .expect_entries(None)
            .into_iter()
            .partition(|member| known.contains(&member.name));
        for MappingEntry { name, key, value } in &unknown {
            self.refuse_unknown(name, key.position, value.node, known);
        }
        Fields {
            item: self.clone(),
            entries,
            has_unknown: !unknown.is_empty(),
        }
    }

    /// Refuses a key that isn't in `known`. The help translates another tool's key (`exclude` →
    /// `except: [KEY]`), says where the key belongs, suggests the most similar key, or lists all
    /// keys.
    pub(super) fn refuse_unknown(
        &self,
        key: &str,
        position: Position,
        value: &Node,
        known: &[&str],
    ) {
        let item = self.at(self.node, position);
        if item.refuse_key_if_overlooked(key) {
            return;
        }
        // A key with a slash is probably the start of a reference that contains a space, as in
        // `DB_PASSWORD: { prod/db: password }`.
        if known.contains(&"from") && key.contains('/') && !value.is_null() {
            return item.refuse(Fault::new("has a space in its reference").help("remove it"));
        }
        let nearest = nearest(key, known.iter().copied());
        let is_at_top = self.kind == ItemKind::File;
        if is_at_top && nearest.is_none() && is_name(key) && key == key.to_uppercase() {
            let fault = Fault::new("isn't under \"env\"").help("indent variables under \"env:\"");
            return item.entry(key).refuse(fault);
        }

        let help = match (own_key(key, known), nearest) {
            (Some(ours), _) => format!("use {ours}"),
            (None, _) if is_at_top && find_option(key).is_some() => {
                "put this key under \"defaults\"".to_owned()
            }
            (None, Some(nearest)) => did_you_mean(nearest),
            // The file is probably meant for `--local`: it has secrets and their values. But a key
            // with a space may be a comment (`// …`).
            (None, None) if is_at_top && key.contains('/') && !key.contains(' ') => {
                format!("use --local {}", self.source.path.display())
            }
            (None, None) => format!("use one of these keys: {}", known.join(", ")),
        };
        item.refuse(Fault::new(unknown_key_text(key)).help(help));
    }

    /// Adds a mistake and returns true if `text` has a character that is easy to overlook.
    pub(super) fn refuse_if_overlooked(&self, text: &str) -> bool {
        let Some(found) = overlooked_unless_empty(text) else {
            return false;
        };
        self.refuse(found);
        true
    }

    /// If `key` has a character that is easy to overlook, adds a mistake and returns true.
    ///
    /// The item must have the position of the key. At the start of a line, such a character was
    /// probably meant as indentation, so the message is about the line instead of the key.
    pub(super) fn refuse_key_if_overlooked(&self, key: &str) -> bool {
        match overlooked_in_line(key) {
            Some(found) if self.position.column == 1 => {
                self.named("this line").refuse(found);
                true
            }
            _ => self.named("this key").refuse_if_overlooked(key),
        }
    }

    /// The text of a scalar. If the node isn't a scalar, adds a mistake saying that it must be
    /// `expected`, and returns `None`.
    pub(super) fn expect_text(&self, expected: &str) -> Option<&'a str> {
        self.found_or_refused(self.node.scalar_text(), expected)
    }

    /// Parses a scalar with `parse`. If the node isn't a scalar, or if `parse` returns `None`, adds
    /// a mistake saying that the node must be `expected`, and returns `None`.
    pub(super) fn expect_parsed<T>(
        &self,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let text = self.expect_text(expected)?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.refuse_value(text, expected);
        }
        parsed
    }

    /// The items of a list. If the node isn't a list, adds a mistake saying that it must be
    /// `expected`, and returns `None`.
    pub(super) fn expect_list(&self, expected: &str) -> Option<Vec<Self>> {
        let Kind::List(nodes) = &self.node.kind else {
            self.refuse_type(expected, None);
            return None;
        };
        Some(
            nodes
                .iter()
                .map(|node| self.at(node, node.position))
                .collect(),
        )
    }

    /// Reads a list of strings. If the node isn't a list, or if an item isn't text, adds a mistake
    /// and returns `None`.
    pub(super) fn expect_texts(&self) -> Option<Vec<String>> {
        self.expect_list("a list of strings")?
            .iter()
            .map(|item| item.expect_text(TEXT).map(str::to_owned))
            .collect()
    }

    pub(super) fn expect_boolean(&self) -> Option<bool> {
        self.found_or_refused(self.node.boolean(), "true or false")
    }

    /// Returns `found`. If it is `None`, adds a mistake saying that the node must be `expected`.
    fn found_or_refused<T>(&self, found: Option<T>, expected: &str) -> Option<T> {
        if found.is_none() {
            self.refuse_type(expected, None);
        }
        found
    }

    /// Parses a variable's name, which is this node's text or key.
    ///
    /// If the name isn't valid, adds one mistake and returns `None`. The mistake is about a
    /// character that is easy to overlook, about an assignment (`NAME:value` or `NAME=value`), or
    /// otherwise about the name itself.
    pub(super) fn expect_variable(&self, name: &str) -> Option<EnvName> {
        let variable = EnvName::parse(name);
        let has_value = !self.node.is_null() && !name.contains(['=', '：']);
        if variable.is_none()
            && !self.refuse_key_if_overlooked(name)
            && (has_value || !self.refuse_if_assignment(name))
        {
            let fault = Fault::new("isn't a valid variable name");
            let help = "use letters, digits and \"_\", and don't start with a digit";
            self.entry(name)
                .add(&format!("{name:?} "), fault.help(help));
        }
        variable
    }
}

impl<'a> Fields<'a> {
    /// Takes the value of a key out of the mapping. `None` if the mapping doesn't have the key.
    ///
    /// Messages call a top-level value by its key (`"defaults"`), and any other value by its key
    /// and its entry or section (`"mode" for DB_HOST`).
    pub fn take(&mut self, name: &'static str) -> Option<Item<'a>> {
        let at = self.entries.iter().position(|member| member.name == name)?;
        let value = self.entries.swap_remove(at).value;
        if self.item.kind == ItemKind::File {
            return Some(value.named(format!("{name:?}")));
        }
        Some(Item {
            key: name,
            ..self.item.at(value.node, value.position)
        })
    }

    /// Takes the value of a required key. If the key is missing, returns `None`, and adds a mistake
    /// unless the mapping has an unknown key.
    pub(super) fn take_required(&mut self, name: &'static str, expected: &str) -> Option<Item<'a>> {
        let value = self.take(name);
        // An unknown key may be a misspelling of the required one, and has already been reported.
        if value.is_none() && !self.has_unknown {
            self.item.refuse(format!("needs {name:?}, {expected}"));
        }
        value
    }

    /// Takes a key's value and parses it. If the value isn't text, or if `parse` returns `None`,
    /// adds a mistake and returns `None`. If the key is missing, returns `None` without a mistake.
    pub(super) fn take_parsed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        self.take(name)?.expect_parsed(expected, parse)
    }
}

/// A declaration, and the mistakes that have been found in it so far.
pub(super) struct SourceFile {
    /// The path as the user wrote it, or `-` for standard input.
    pub(super) path: Arc<PathBuf>,
    pub(super) mistakes: RefCell<Vec<(Position, Problem)>>,
}

impl SourceFile {
    /// Adds a mistake in the syntax of the file.
    pub fn add(&self, (position, fault): FaultAt) {
        let fault = fault.about(&format!("{}:", self.position_text(position)));
        let problem = Problem::from_fault(Status::Configuration, fault);
        self.mistakes.borrow_mut().push((position, problem));
    }

    /// All mistakes, in the order of their lines.
    pub fn problems(self) -> Vec<Problem> {
        let mut mistakes = self.mistakes.take();
        mistakes.sort_by_key(|(position, _)| *position);
        // The nodes below a YAML anchor are read again for each alias of the anchor, so their
        // mistakes are found several times.
        mistakes.dedup();
        mistakes.into_iter().map(|(_, problem)| problem).collect()
    }

    pub fn position_text(&self, Position { line, column }: Position) -> String {
        format!("{}:{line}:{column}", file_name(&self.path))
    }
}

/// The error message about an unknown key.
///
/// The key is shown only if it is short and plain, because it may contain a secret. For example, a
/// colon is missing in `{ value "hunter2" }`, so everything between the braces is a key.
fn unknown_key_text(key: &str) -> String {
    if is_quotable(&key.replace(':', "")) {
        return format!("has an unknown key {:?}", shown(key));
    }
    "has an unknown key (not shown, because it may be a value)".to_owned()
}
