//! Reads `env:`, and the keys that entries of `env:` and `files:` share.

use super::error::DeclarationProblem;
use super::reader::{DeclarationReader, Fields};
use crate::model::entry::template::Template;
use crate::model::entry::{Entry, EntrySource, OnMissing, Origin, Target, Transform};
use crate::model::env_name::EnvName;
use crate::model::reference::Reference;
use crate::model::tree::{Kind, Node};

pub fn entries(reader: &mut DeclarationReader<'_>, node: &Node) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (key, value) in reader.table(Some("env"), node) {
        let name = EnvName::parse(&key.text);
        if name.is_err() {
            reader.error(key.position, Some("env"), DeclarationProblem::IllegalName(key.text.clone()));
        }
        let origin = reader.origin(key.position);
        let Some(body) = reference_or_table(reader, &key.text, value) else { continue };
        if key.text == "PATH" && !body.is_plain_value() {
            reader.error(key.position, Some(&key.text), DeclarationProblem::PathOnlyValue);
        }
        entries.extend(name.ok().map(|name| body.entry(Target::Env(name), origin)));
    }
    entries
}

/// The part of an entry that variables and files share.
pub struct EntryBody {
    source: EntrySource,
    transform: Transform,
    on_missing: OnMissing,
}

/// The keys of an [`EntryBody`].
const BODY_KEYS: [&str; 7] = ["from", "value", "template", "encode", "decode", "default", "optional"];

impl EntryBody {
    /// True for a bare `value`, the only source that PATH may have: the command is looked up in PATH before secrets are
    /// fetched.
    fn is_plain_value(&self) -> bool {
        matches!(self.source, EntrySource::Literal(_))
            && self.transform == Transform::default()
            && self.on_missing == OnMissing::Fail
    }

    pub fn entry(self, target: Target, origin: Origin) -> Entry {
        let Self { source, transform, on_missing } = self;
        Entry { target, source, transform, on_missing, origin }
    }
}

/// The keys of which an entry has exactly one.
const SOURCE_KEYS: [&str; 3] = ["from", "value", "template"];

/// Reads a variable: a reference, or a table.
fn reference_or_table(reader: &mut DeclarationReader<'_>, name: &str, node: &Node) -> Option<EntryBody> {
    match node.kind {
        Kind::Table(_) => {
            let mut fields = reader.fields(Some(name), node, &BODY_KEYS);
            body(reader, &mut fields)
        }
        Kind::Text(_) | Kind::Plain(_) | Kind::List(_) => {
            let source = EntrySource::Reference(reference(reader, name, node)?);
            Some(EntryBody { source, transform: Transform::default(), on_missing: OnMissing::Fail })
        }
    }
}

/// Takes the keys of an [`EntryBody`] from `fields`.
pub fn body(reader: &mut DeclarationReader<'_>, fields: &mut Fields<'_>) -> Option<EntryBody> {
    let subject = fields.subject.clone();
    let name = subject.as_deref().unwrap_or_default();
    let source = match (fields.take("from"), fields.take("value"), fields.take("template")) {
        (Some(from), None, None) => reference(reader, name, from).map(EntrySource::Reference),
        (None, Some(value), None) => reader.text(Some(name), value, "text").map(EntrySource::Literal),
        (None, None, Some(text)) => template(reader, name, text).map(EntrySource::Template),
        (None, None, None) if fields.has_misspelt(&SOURCE_KEYS) => None,
        _ => {
            reader.error(fields.position, Some(name), DeclarationProblem::NotOneSource);
            None
        }
    };
    let transform =
        Transform { decode: is_base64(reader, fields, "decode"), encode: is_base64(reader, fields, "encode") };
    let on_missing = on_missing(reader, fields, name);
    Some(EntryBody { source: source?, transform, on_missing })
}

fn on_missing(reader: &mut DeclarationReader<'_>, fields: &mut Fields<'_>, name: &str) -> OnMissing {
    let default = fields.take("default").map(|node| reader.text(Some(name), node, "text"));
    let optional = fields.take("optional").map(|node| (node.position, reader.boolean(Some(name), node)));
    match (default, optional) {
        (Some(_), Some((position, _))) => {
            reader.error(position, Some(name), DeclarationProblem::DefaultAndOptional);
            OnMissing::Fail
        }
        (Some(Some(text)), None) => OnMissing::Default(text),
        (None, Some((_, Some(true)))) => OnMissing::Omit,
        (Some(None) | None, _) => OnMissing::Fail,
    }
}

pub fn reference(reader: &mut DeclarationReader<'_>, name: &str, node: &Node) -> Option<Reference> {
    reference_as(reader, name, node, "a reference, or a mapping with `from`, `value` or `template`")
}

/// Reads a reference, in whose place nothing but `expected` may stand.
pub fn reference_as(
    reader: &mut DeclarationReader<'_>,
    name: &str,
    node: &Node,
    expected: &'static str,
) -> Option<Reference> {
    let text = reader.text(Some(name), node, expected)?;
    if node.boolean().is_some() || node.is_number() {
        reader.error(node.position, Some(name), DeclarationProblem::Literal(text));
        return None;
    }
    match Reference::parse(&text) {
        Ok(reference) => Some(reference),
        Err(error) => {
            reader.error(node.position, Some(name), DeclarationProblem::Reference { text, error });
            None
        }
    }
}

pub fn template(reader: &mut DeclarationReader<'_>, name: &str, node: &Node) -> Option<Template> {
    let text = reader.text(Some(name), node, "text")?;
    let template = Template::parse(&text);
    template.map_err(|error| reader.error(node.position, Some(name), DeclarationProblem::Template(error))).ok()
}

/// True if the key is present. Its only legal value is `base64`.
pub fn is_base64(reader: &mut DeclarationReader<'_>, fields: &mut Fields<'_>, name: &'static str) -> bool {
    let Some(node) = fields.take(name) else { return false };
    let subject = fields.subject.clone();
    match reader.text(subject.as_deref(), node, "base64") {
        Some(text) if text != "base64" => {
            reader.error(node.position, subject.as_deref(), DeclarationProblem::Value { text, expected: "base64" });
            false
        }
        text => text.is_some(),
    }
}
