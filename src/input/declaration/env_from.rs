//! Reads `env-from:`, the JSON objects whose keys become variables.

use std::collections::BTreeMap;

use super::entry::reference;
use super::error::DeclarationProblem;
use super::reader::DeclarationReader;
use crate::model::entry::{Case, EnvFromEntry, Naming};
use crate::model::env_name::is_name;
use crate::model::tree::{Kind, Node};

pub fn entries(reader: &mut DeclarationReader<'_>, node: &Node) -> Vec<EnvFromEntry> {
    let items =
        reader.list(Some("env-from"), node, "a list of references, or of mappings with `from`").unwrap_or_default();
    items.iter().filter_map(|item| entry(reader, item)).collect()
}

const SUBJECT: &str = "env-from";

fn entry(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<EnvFromEntry> {
    let origin = reader.origin(node.position);
    let Kind::Table(_) = node.kind else {
        let reference = reference(reader, SUBJECT, node)?;
        return Some(EnvFromEntry { reference, naming: Naming::default(), origin });
    };
    let mut fields = reader.fields(Some(SUBJECT), node, &["from", "prefix", "only", "except", "rename", "case"]);
    let from = match fields.take("from") {
        Some(from) => reference(reader, SUBJECT, from),
        None => {
            reader.expected(node, Some(SUBJECT), "`from` with a reference to a JSON object");
            None
        }
    };
    let prefix = fields.take("prefix").and_then(|node| prefix(reader, node)).unwrap_or_default();
    let only = fields.take("only").and_then(|node| reader.texts(Some(SUBJECT), node));
    let except = fields.take("except").and_then(|node| reader.texts(Some(SUBJECT), node)).unwrap_or_default();
    let rename = fields.take("rename").map(|node| rename(reader, &prefix, node)).unwrap_or_default();
    let case = fields.take("case").and_then(|node| case(reader, node)).unwrap_or_default();
    Some(EnvFromEntry { reference: from?, naming: Naming { prefix, only, except, rename, case }, origin })
}

/// Reads the prefix of variable names: empty, or a legal name.
fn prefix(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(Some(SUBJECT), node, "text")?;
    if text.is_empty() || is_name(&text) {
        return Some(text);
    }
    reader.error(node.position, Some(SUBJECT), DeclarationProblem::IllegalName(text));
    None
}

fn rename(reader: &mut DeclarationReader<'_>, prefix: &str, node: &Node) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (key, value) in reader.table(Some("rename"), node) {
        let Some(name) = reader.text(Some("rename"), value, "text") else { continue };
        if !is_name(&format!("{prefix}{name}")) {
            reader.error(value.position, Some("rename"), DeclarationProblem::IllegalName(format!("{prefix}{name}")));
        }
        names.insert(key.text.clone(), name);
    }
    names
}

fn case(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<Case> {
    let text = reader.text(Some(SUBJECT), node, "upper or keep")?;
    match text.as_str() {
        "upper" => Some(Case::Upper),
        "keep" => Some(Case::Keep),
        _ => {
            reader.error(node.position, Some(SUBJECT), DeclarationProblem::Value { text, expected: "upper or keep" });
            None
        }
    }
}
