//! Reads typed values from a declaration's syntax tree, and collects the mistakes in it.
//!
//! An [`Item`] is a node that can name itself in messages. If the node doesn't have the type that
//! an `expect_…` method expects, the method adds a mistake to the [`SourceFile`], and returns
//! `None` or no entries. A reader goes on after a mistake, and at the end, the [`SourceFile`] turns
//! all mistakes into problems, so the user sees them in one report.

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

/// A node of a declaration, with the name and the position that messages about it show.
#[derive(Clone)]
pub struct Item<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) node: &'a Node,
    pub(super) position: Position,
    /// The entry or the section that messages name: `DB_HOST`, `"defaults"` or [`THIS_FILE`].
    pub(super) subject: String,
    pub(super) kind: ItemKind,
    /// The key under which the subject has this node: `mode`. It is empty for the subject itself.
    pub(super) key: &'static str,
}

/// The part of a declaration that an item belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// The whole declaration and its keys.
    File,
    /// A variable or a file, whose name is the subject of the item.
    Entry,
    /// Anything else, such as a section, an alias or a line.
    Section,
}

/// A key of a mapping, and its value.
pub(super) struct MappingEntry<'a> {
    pub name: &'a str,
    /// The item for messages about the key. Its node is the value, but its position is that of the
    /// key, and its subject is that of the mapping.
    pub key: Item<'a>,
    /// The value. Its subject is the key.
    pub value: Item<'a>,
}

/// The entries of a mapping whose possible keys are known.
pub(super) struct Fields<'a> {
    pub item: Item<'a>,
    entries: Vec<MappingEntry<'a>>,
    /// True if the mapping also has keys that aren't in `known`. Each of them has been reported.
    pub has_unknown: bool,
}

/// What messages call a whole declaration.
pub(super) const THIS_FILE: &str = "this file";

/// The name of the type of a scalar in messages: `must be text, not a list`.
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

    /// The item with a different subject, which isn't an entry.
    pub fn named(&self, subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            kind: ItemKind::Section,
            ..self.clone()
        }
    }

    /// The item with an entry as its subject.
    pub fn entry(&self, name: impl Into<String>) -> Self {
        Self {
            kind: ItemKind::Entry,
            key: "",
            ..self.named(name)
        }
    }

    /// Adds a mistake. Its text follows the name of the node, as in `"mode" for DB_HOST is empty`.
    pub fn refuse(&self, mistake: impl Into<Fault>) {
        let subject = match self.key {
            "" => self.subject.clone(),
            // Only a section's name is in quotes: `"path" in "files"`.
            key if self.subject.starts_with('"') => format!("{key:?} in {}", self.subject),
            key => format!("{key:?} for {}", self.subject),
        };
        self.add(&format!("{subject} "), mistake.into());
    }

    /// Adds a mistake whose text is a whole sentence. In the message, this sentence follows the
    /// subject and a colon.
    pub(super) fn refuse_sentence(&self, mistake: impl Into<Fault>) {
        self.add(&format!("{}: ", self.subject), mistake.into());
    }

    /// Adds a mistake at the position of the item. The text of `fault` follows `subject` without a
    /// space. Masks the parts of the subject that have the form of a credential. This happens here
    /// and not when an item is created, because most items have no mistake.
    ///
    /// Entries with the same mistake and the same help share one error, which has the headline of
    /// the first entry. A help that shows how to write this entry is an example for the others.
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

    /// Adds the mistake that the text has a character that is easy to overlook or, for any other
    /// text, that it isn't `expected`.
    pub(super) fn refuse_value(&self, text: &str, expected: &str) {
        if !self.refuse_if_overlooked(text) {
            let fault = Fault::new(format!("must be {expected}{}", not_this_value(text)));
            self.refuse(fault.help_if_some(similar_word(expected, text)));
        }
    }

    /// Adds the mistake that the node doesn't have the type `expected`. If the node is empty, the
    /// mistake says so, and has a help even if `help` is `None`.
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

    /// The value of `parsed`. If `parsed` is an error, adds a mistake with its text, which is a
    /// whole sentence, and returns `None`.
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
            // An assignment is refused as such only in an item without a key. The help shows a
            // reference, which doesn't belong in a mapping within an entry, such as `rename`.
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

    /// Refuses the text `NAME:value` or `NAME=value`, which should be `NAME: value`: adds a mistake
    /// and returns true. The message shows only the name, because the value may be a password.
    fn refuse_if_assignment(&self, text: &str) -> bool {
        // Besides the colon and the equals sign, an assignment can have the full-width colon of
        // East Asian keyboards.
        let name = text.split([':', '=', '：']).next().unwrap_or_default();
        // A mere name, or base64 with `=` at its end, isn't an assignment.
        if name == text.trim_end_matches('=') || !is_name(name) {
            return false;
        }
        let fault = Fault::new("must be followed by a colon and a space");
        let help = "write NAME: SECRET:KEY on an indented line of its own";
        self.entry(name).add(&format!("{name} "), fault.help(help));
        true
    }

    /// Reads the entries of a mapping whose possible keys are `known`. Adds a mistake for every
    /// other key.
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

    /// Adds the mistake that the mapping has a key that isn't in `known`. The help translates
    /// another tool's key (`exclude` → `except: [KEY]`), says where the key belongs, or names the
    /// nearest key or all of them.
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
            // A file of secrets and their values. A key with a space may be a comment (`// …`).
            (None, None) if is_at_top && key.contains('/') && !key.contains(' ') => {
                format!("use --local {}", self.source.path.display())
            }
            (None, None) => format!("use one of these keys: {}", known.join(", ")),
        };
        item.refuse(Fault::new(unknown_key_text(key)).help(help));
    }

    /// If a text has a character that is easy to overlook, adds this mistake and returns true.
    pub(super) fn refuse_if_overlooked(&self, text: &str) -> bool {
        let Some(found) = overlooked_unless_empty(text) else {
            return false;
        };
        self.refuse(found);
        true
    }

    /// Adds an error and returns true if `key`, which is at the position of this item, has a
    /// character that is easy to overlook. If the key begins in the first column, the character is
    /// probably meant as indentation, so the error is about the line instead of the key.
    pub(super) fn refuse_key_if_overlooked(&self, key: &str) -> bool {
        match overlooked_in_line(key) {
            Some(found) if self.position.column == 1 => {
                self.named("this line").refuse(found);
                true
            }
            _ => self.named("this key").refuse_if_overlooked(key),
        }
    }

    /// The text of a scalar. If the node isn't a scalar, adds the mistake that it isn't `expected`,
    /// and returns `None`.
    pub(super) fn expect_text(&self, expected: &str) -> Option<&'a str> {
        self.found_or_refused(self.node.scalar_text(), expected)
    }

    /// Reads the value that `parse` makes of a scalar. If the node is not a scalar, or if `parse`
    /// returns `None`, adds the mistake that the node is not `expected`.
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

    /// The items of a list. If the node isn't a list, adds a mistake that names `expected`, and
    /// returns `None`.
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

    /// Reads the items of a list of strings. If the node isn't a list, or if an item isn't text,
    /// adds a mistake, and returns `None`.
    pub(super) fn expect_texts(&self) -> Option<Vec<String>> {
        self.expect_list("a list of strings")?
            .iter()
            .map(|item| item.expect_text(TEXT).map(str::to_owned))
            .collect()
    }

    pub(super) fn expect_boolean(&self) -> Option<bool> {
        self.found_or_refused(self.node.boolean(), "true or false")
    }

    /// Adds a mistake that names `expected` if `found` is `None`. Either way, returns `found`.
    fn found_or_refused<T>(&self, found: Option<T>, expected: &str) -> Option<T> {
        if found.is_none() {
            self.refuse_type(expected, None);
        }
        found
    }

    /// Parses the name of a variable, which comes from this node or from its key. If the name isn't
    /// valid, adds one mistake and returns `None`. The mistake is about a character that is easy to
    /// overlook, an assignment (`NAME:value` or `NAME=value`), or otherwise the name.
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
    /// Takes out the value of a key, if the mapping has the key.
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

    /// Takes out the value of a key that the mapping must have. If the key is missing, returns
    /// `None`, and adds a mistake unless there is an unknown key.
    pub(super) fn take_required(&mut self, name: &'static str, expected: &str) -> Option<Item<'a>> {
        let value = self.take(name);
        // An unknown key may be a misspelling of this key, and has already been reported.
        if value.is_none() && !self.has_unknown {
            self.item.refuse(format!("needs {name:?}, {expected}"));
        }
        value
    }

    /// Takes the value of a key and parses it. `None` if the key is missing, and also if its value
    /// isn't text or `parse` returns `None`, which is a mistake.
    pub(super) fn take_parsed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        self.take(name)?.expect_parsed(expected, parse)
    }
}

/// A declaration file, and the mistakes that have been found in it so far.
pub(super) struct SourceFile {
    /// The path as the user wrote it. The path `-` is standard input.
    pub(super) path: Arc<PathBuf>,
    pub(super) mistakes: RefCell<Vec<(Position, Problem)>>,
}

impl SourceFile {
    /// Adds a mistake in the syntax.
    pub fn add(&self, (position, fault): FaultAt) {
        let fault = fault.about(&format!("{}:", self.position_text(position)));
        let problem = Problem::from_fault(Status::Configuration, fault);
        self.mistakes.borrow_mut().push((position, problem));
    }

    /// The mistakes in the order of their lines.
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

/// The text of the error for an unknown key. The text shows only a key that is short and plain,
/// because the key may contain a secret: in `{ value "hunter2" }`, the colon is missing, so all of
/// it is a key.
fn unknown_key_text(key: &str) -> String {
    if is_quotable(&key.replace(':', "")) {
        return format!("has an unknown key {:?}", shown(key));
    }
    "has an unknown key (not shown, because it may be a value)".to_owned()
}
