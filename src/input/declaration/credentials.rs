//! Reads `credentials:`, the values that units load by `LoadCredential=`.

use super::entry::{is_base64, reference_as, template};
use super::error::DeclarationProblem;
use super::reader::{DeclarationReader, Fields};
use crate::model::credential::{is_credential_name, parse_unit};
use crate::model::entry::{CredentialTarget, Entry, EntrySource, OnMissing, Target, Transform};
use crate::model::plan::UnitCredentials;
use crate::model::tree::{Key, Kind, Node};

pub fn units(reader: &mut DeclarationReader<'_>, node: &Node) -> Vec<UnitCredentials> {
    let mut units = Vec::new();
    for (key, value) in reader.table(SUBJECT, node) {
        if let Err(expected) = parse_unit(&key.text) {
            let problem = DeclarationProblem::Value { text: key.text.clone(), expected };
            reader.error(key.position, SUBJECT, problem);
        }
        let credentials = reader.table(Some(&key.text), value);
        let entries = credentials.iter().filter_map(|(name, value)| credential(reader, &key.text, name, value));
        units.push(UnitCredentials { unit: key.text.clone(), entries: entries.collect() });
    }
    units
}

const SUBJECT: Option<&str> = Some("credentials");

fn credential(reader: &mut DeclarationReader<'_>, unit: &str, name: &Key, node: &Node) -> Option<Entry> {
    if !is_credential_name(&name.text) {
        let expected = "a credential's name (printable ASCII without / and :)";
        let problem = DeclarationProblem::Value { text: name.text.clone(), expected };
        reader.error(name.position, Some(unit), problem);
    }
    let origin = reader.origin(name.position);
    let target = Target::Credential(CredentialTarget { unit: unit.to_owned(), name: name.text.clone() });
    let subject = target.to_string();
    let (source, transform, on_missing) = match node.kind {
        Kind::Table(_) => {
            let mut fields = reader.fields(Some(&subject), node, &["from", "template", "decode", "default"]);
            let source = source(reader, &subject, &mut fields);
            let transform = Transform { decode: is_base64(reader, &mut fields, "decode"), encode: false };
            let default = fields.take("default").and_then(|node| reader.text(Some(&subject), node, "text"));
            (source?, transform, default.map_or(OnMissing::Fail, OnMissing::Default))
        }
        Kind::Text(_) | Kind::Plain(_) | Kind::List(_) => {
            let reference =
                reference_as(reader, &subject, node, "a reference, or a mapping with `from` or `template`")?;
            (EntrySource::Reference(reference), Transform::default(), OnMissing::Fail)
        }
    };
    Some(Entry { target, source, transform, on_missing, origin })
}

fn source(reader: &mut DeclarationReader<'_>, subject: &str, fields: &mut Fields<'_>) -> Option<EntrySource> {
    match (fields.take("from"), fields.take("template")) {
        (Some(from), None) => reference_as(reader, subject, from, "a reference").map(EntrySource::Reference),
        (None, Some(text)) => template(reader, subject, text).map(EntrySource::Template),
        (None, None) if fields.has_misspelt(&["from", "template"]) => None,
        (None, None) | (Some(_), Some(_)) => {
            reader.error(fields.position, Some(subject), DeclarationProblem::NotOneCredentialSource);
            None
        }
    }
}
