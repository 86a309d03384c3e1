//! The declaration's keys: `defaults`, `secrets`, `env`, `env-from` and `files`.

use super::error::DeclarationProblem;
use super::reader::Reader;
use crate::model::reference::{Alias, Aliases, Reference, Region, Role, Version};
use crate::model::tree::{Kind, Node};

pub fn aliases(reader: &mut Reader<'_>, node: &Node) -> Aliases {
    let mut aliases = Aliases::default();
    for (key, value) in reader.table(Some("secrets"), node) {
        if let Err(error) = Aliases::check_name(&key.text) {
            reader.error(key.mark, Some("secrets"), DeclarationProblem::AliasName(key.text.clone(), error));
        }
        if let Some(alias) = alias(reader, &key.text, value) {
            aliases.insert(key.text.clone(), alias);
        }
    }
    aliases
}

fn alias(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Alias> {
    let subject = Some(name);
    let Kind::Table(_) = node.kind else {
        let id = alias_id(reader, name, node)?;
        return Some(Alias { id, version: Version::Current, region: None, role: None });
    };
    let mut fields = reader.fields(subject, node, &["id", "stage", "version-id", "region", "role-arn", "external-id"]);
    let id = match fields.take("id") {
        Some(id) => alias_id(reader, name, id),
        None => {
            reader.expected(node, subject, "an `id` with the secret's name or ARN");
            None
        }
    };
    let mut label = |reader: &mut Reader<'_>, field| {
        let node = fields.take(field)?;
        let text = reader.text(subject, node, "text")?;
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            reader.error(
                node.mark,
                subject,
                DeclarationProblem::Value { text, expected: "a staging label or version id without spaces" },
            );
            return None;
        }
        Some(text)
    };
    let version = Version::new(label(reader, "stage"), label(reader, "version-id"));
    let region = fields.take("region").and_then(|node| {
        let text = reader.text(subject, node, "a region's code")?;
        let region = Region::parse(&text);
        if region.is_err() {
            reader.error(node.mark, subject, DeclarationProblem::Value { text, expected: Region::EXPECTED });
        }
        region.ok()
    });
    let external_id = fields.take("external-id");
    let role = match fields.take("role-arn") {
        Some(node) => {
            let text = reader.text(subject, node, Role::EXPECTED)?;
            let external_id = external_id.and_then(|node| reader.text(subject, node, "text"));
            let role = Role::parse(&text, external_id);
            if role.is_err() {
                reader.error(node.mark, subject, DeclarationProblem::Value { text, expected: Role::EXPECTED });
            }
            role.ok()
        }
        None => {
            if let Some(node) = external_id {
                reader.error(node.mark, subject, DeclarationProblem::ExternalIdAlone);
            }
            None
        }
    };
    Some(Alias { id: id?, version, region, role })
}

fn alias_id(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<String> {
    let text = reader.text(Some(name), node, "a secret's name or ARN")?;
    match Reference::parse(&text) {
        Ok(reference) => {
            let id = reference.bare().map(str::to_owned);
            if id.is_none() {
                reader.error(node.mark, Some(name), DeclarationProblem::AliasWithKey(text));
            }
            id
        }
        Err(error) => {
            reader.error(node.mark, Some(name), DeclarationProblem::Reference { text, error });
            None
        }
    }
}
