//! The entries of `env:`, and what those of `files:` have in common with them.

use super::error::DeclarationProblem;
use super::reader::{Fields, Reader};
use crate::model::entry::{Entry, EntrySource, OnMissing, Origin, Target, Transform};
use crate::model::env_name::EnvName;
use crate::model::reference::Reference;
use crate::model::template::Template;
use crate::model::tree::{Kind, Node};

/// Reads the table of variables.
pub fn entries(reader: &mut Reader<'_>, node: &Node) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (key, value) in reader.table(Some("env"), node) {
        let name = EnvName::parse(&key.text);
        if name.is_err() {
            reader.error(key.mark, Some("env"), DeclarationProblem::IllegalName(key.text.clone()));
        }
        let origin = reader.origin(key.mark);
        let Some(body) = short_or_long(reader, &key.text, value) else { continue };
        if key.text == "PATH" && !body.is_plain_value() {
            reader.error(key.mark, Some(&key.text), DeclarationProblem::PathOnlyValue);
        }
        entries.extend(name.ok().map(|name| body.entry(Target::Env(name), origin)));
    }
    entries
}

/// Where a value comes from, and what is done with it: the part of an entry that variables and files share.
pub struct Body {
    source: EntrySource,
    transform: Transform,
    on_missing: OnMissing,
}

/// The keys of that part.
pub const BODY: [&str; 7] = ["from", "value", "template", "encode", "decode", "default", "optional"];

impl Body {
    /// Whether it is what it says, which is all that PATH may be: it decides what is run before anything is read.
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

fn short_or_long(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Body> {
    match node.kind {
        Kind::Table(_) => {
            let mut fields = reader.fields(Some(name), node, &BODY);
            body(reader, &mut fields)
        }
        Kind::Typed(_) | Kind::Text(_) | Kind::Plain(_) | Kind::List(_) => {
            let source = EntrySource::Reference(reference(reader, name, node)?);
            Some(Body { source, transform: Transform::default(), on_missing: OnMissing::Fail })
        }
    }
}

/// Reads the shared part of an entry; its other keys are left.
pub fn body(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Body> {
    let subject = fields.subject.clone();
    let name = subject.as_deref().unwrap_or_default();
    let source = match (fields.take("from"), fields.take("value"), fields.take("template")) {
        (Some(from), None, None) => reference(reader, name, from).map(EntrySource::Reference),
        (None, Some(value), None) => reader.text(Some(name), value, "text").map(EntrySource::Literal),
        (None, None, Some(text)) => template(reader, name, text).map(EntrySource::Template),
        _ => {
            reader.error(fields.mark, Some(name), DeclarationProblem::NotOneSource);
            None
        }
    };
    let transform =
        Transform { decode: is_base64(reader, fields, "decode"), encode: is_base64(reader, fields, "encode") };
    let default = fields.take("default").map(|node| reader.text(Some(name), node, "text"));
    let optional = fields.take("optional").map(|node| (node.mark, reader.boolean(Some(name), node)));
    let on_missing = match (default, optional) {
        (Some(_), Some((mark, _))) => {
            reader.error(mark, Some(name), DeclarationProblem::DefaultAndOptional);
            OnMissing::Fail
        }
        (Some(Some(text)), None) => OnMissing::Default(text),
        (None, Some((_, Some(true)))) => OnMissing::Omit,
        (Some(None) | None, _) => OnMissing::Fail,
    };
    Some(Body { source: source?, transform, on_missing })
}

pub fn reference(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Reference> {
    let text = reader.text(Some(name), node, "a reference, or a table with `from`, `value` or `template`")?;
    match Reference::parse(&text) {
        Ok(reference) => Some(reference),
        Err(error) => {
            reader.error(node.mark, Some(name), DeclarationProblem::Reference { text, error });
            None
        }
    }
}

fn template(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Template> {
    let text = reader.text(Some(name), node, "text")?;
    let template = Template::parse(&text);
    template.map_err(|error| reader.error(node.mark, Some(name), DeclarationProblem::Template(error))).ok()
}

/// True if the key `name` is given, with the one value that it takes.
fn is_base64(reader: &mut Reader<'_>, fields: &mut Fields<'_>, name: &'static str) -> bool {
    let Some(node) = fields.take(name) else { return false };
    let subject = fields.subject.clone();
    match reader.text(subject.as_deref(), node, "base64") {
        Some(text) if text != "base64" => {
            reader.error(node.mark, subject.as_deref(), DeclarationProblem::Value { text, expected: "base64" });
            false
        }
        text => text.is_some(),
    }
}
