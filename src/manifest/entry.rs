//! The entries of `env:`.

use super::ManifestProblem;
use super::reader::{Fields, Reader};
use crate::binding::{Absence, Encoding, Entry, EntrySource, EnvName, Transform};
use crate::markup::{Kind, Node};
use crate::reference::Reference;

/// Reads the table of variables.
pub(super) fn entries(reader: &mut Reader<'_>, node: &Node) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (key, value) in reader.table(Some("env"), node) {
        let name = EnvName::parse(&key.text);
        if name.is_err() {
            reader.error(key.mark, Some("env"), ManifestProblem::IllegalName(key.text.clone()));
        }
        let origin = reader.origin(key.mark);
        let Some(body) = body(reader, &key.text, value) else { continue };
        if key.text == "PATH" && !body.is_plain_value() {
            reader.error(key.mark, Some(&key.text), ManifestProblem::PathOnlyValue);
        }
        let Body { source, transform, absence } = body;
        entries.extend(name.ok().map(|name| Entry { name, source, transform, absence, origin }));
    }
    entries
}

struct Body {
    source: EntrySource,
    transform: Transform,
    absence: Absence,
}

impl Body {
    /// Whether it is what it says, which is all that PATH may be: it decides what is run before anything is read.
    fn is_plain_value(&self) -> bool {
        matches!(self.source, EntrySource::Literal(_)) && self.transform == Transform::default()
    }
}

fn body(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Body> {
    let subject = Some(name);
    let Kind::Table(_) = node.kind else {
        let source = EntrySource::Reference(reference(reader, name, node)?);
        return Some(Body { source, transform: Transform::default(), absence: Absence::Fail });
    };
    let mut fields =
        reader.fields(subject, node, &["from", "value", "encode", "decode", "default", "optional"], &["template"]);
    let later = matches!(&node.kind, Kind::Table(entries) if entries.iter().any(|(key, _)| key.text == "template"));
    let source = match (fields.take("from"), fields.take("value")) {
        (Some(from), None) => reference(reader, name, from).map(EntrySource::Reference),
        (None, Some(value)) => reader.text(subject, value, "text").map(EntrySource::Literal),
        (None, None) if later => None,
        (Some(_), Some(_)) | (None, None) => {
            reader.error(node.mark, subject, ManifestProblem::NotOneSource);
            None
        }
    };
    let transform =
        Transform { decode: encoding(reader, &mut fields, "decode"), encode: encoding(reader, &mut fields, "encode") };
    let default = fields.take("default").map(|node| reader.text(subject, node, "text"));
    let optional = fields.take("optional").map(|node| (node.mark, reader.boolean(subject, node)));
    let absence = match (default, optional) {
        (Some(_), Some((mark, _))) => {
            reader.error(mark, subject, ManifestProblem::DefaultAndOptional);
            Absence::Fail
        }
        (Some(Some(text)), None) => Absence::Default(text),
        (None, Some((_, Some(true)))) => Absence::Omit,
        (Some(None) | None, _) => Absence::Fail,
    };
    Some(Body { source: source?, transform, absence })
}

fn reference(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Reference> {
    let text = reader.text(Some(name), node, "a reference, or a table with `from` or `value`")?;
    match Reference::parse(&text) {
        Ok(reference) => Some(reference),
        Err(error) => {
            reader.error(node.mark, Some(name), ManifestProblem::Reference { text, error });
            None
        }
    }
}

fn encoding(reader: &mut Reader<'_>, fields: &mut Fields<'_>, name: &'static str) -> Option<Encoding> {
    let node = fields.take(name)?;
    let subject = fields.subject.clone();
    let text = reader.text(subject.as_deref(), node, "base64")?;
    if text == "base64" {
        return Some(Encoding::Base64);
    }
    reader.error(node.mark, subject.as_deref(), ManifestProblem::Value { text, expected: "base64" });
    None
}
