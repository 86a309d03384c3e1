//! Reads `secrets:`, the aliases of a declaration.

use super::error::DeclarationProblem;
use super::reader::{DeclarationReader, Fields};
use crate::model::reference::{Alias, Aliases, Reference, ReferenceError, Region, Role, SecretId, Version};
use crate::model::tree::{Kind, Node};

pub fn aliases(reader: &mut DeclarationReader<'_>, node: &Node) -> Aliases {
    let mut aliases = Aliases::default();
    for (key, value) in reader.table(Some("secrets"), node) {
        if let Err(error) = Aliases::check_name(&key.text) {
            reader.error(key.position, Some("secrets"), DeclarationProblem::AliasName(key.text.clone(), error));
        }
        if let Some(alias) = alias(reader, &key.text, value) {
            aliases.insert(key.text.clone(), alias);
        }
    }
    aliases
}

/// Reads an alias: a secret's id, or a table with `id`.
fn alias(reader: &mut DeclarationReader<'_>, name: &str, node: &Node) -> Option<Alias> {
    let Kind::Table(_) = node.kind else {
        let id = id(reader, name, node)?;
        return Some(Alias { id, version: Version::Current, region: None, role: None });
    };
    let known = &["id", "stage", "version-id", "region", "role-arn", "external-id"];
    let mut fields = reader.fields(Some(name), node, known);
    let id = match fields.take("id") {
        Some(node) => id(reader, name, node),
        None => {
            reader.expected(node, Some(name), "an `id` with the secret's name or ARN");
            None
        }
    };
    let (stage, version_id) = (fields.take("stage"), fields.take("version-id"));
    let position = stage.or(version_id).map(|node| node.position);
    let stage = stage.and_then(|node| label(reader, name, node));
    let version_id = version_id.and_then(|node| label(reader, name, node));
    let region = fields.take("region").and_then(|node| region(reader, name, node));
    let role = role(reader, name, &mut fields);
    let (id, mut version) = (id?, Version::new(stage, version_id));
    if let Some((position, problem)) = position.zip(version_problem(&id, &version)) {
        reader.error(position, Some(name), problem);
        // Told once, not for each entry that uses the alias.
        version = Version::Current;
    }
    Some(Alias { id, version, region, role })
}

/// Returns the defect of a version that was written. An id with `${NAME}` is checked where the alias is used.
fn version_problem(id: &str, version: &Version) -> Option<DeclarationProblem> {
    let (store, _) = SecretId::parse(id).ok()?;
    let error = version.check(store).err()?;
    let instead = version.mistaken_number(store).map(|number| format!("`version-id: \"{number}\"`"));
    Some(DeclarationProblem::Reference { text: id.to_owned(), error: ReferenceError::Version { error, instead } })
}

fn id(reader: &mut DeclarationReader<'_>, name: &str, node: &Node) -> Option<String> {
    let text = reader.text(Some(name), node, "a secret's name or ARN")?;
    match Reference::parse(&text) {
        Ok(reference) => {
            let id = reference.bare().map(str::to_owned);
            if id.is_none() {
                reader.error(node.position, Some(name), DeclarationProblem::AliasWithKey(text));
            }
            id
        }
        Err(error) => {
            reader.error(node.position, Some(name), DeclarationProblem::Reference { text, error });
            None
        }
    }
}

/// Reads a staging label or a version id.
fn label(reader: &mut DeclarationReader<'_>, name: &str, node: &Node) -> Option<String> {
    let text = reader.text(Some(name), node, "text")?;
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let expected = "a staging label or version id without spaces";
        reader.error(node.position, Some(name), DeclarationProblem::Value { text, expected });
        return None;
    }
    Some(text)
}

fn region(reader: &mut DeclarationReader<'_>, name: &str, node: &Node) -> Option<Region> {
    let text = reader.text(Some(name), node, "a region's code")?;
    let region = Region::parse(&text);
    if region.is_err() {
        let problem = DeclarationProblem::Value { text, expected: Region::EXPECTED };
        reader.error(node.position, Some(name), problem);
    }
    region.ok()
}

fn role(reader: &mut DeclarationReader<'_>, name: &str, fields: &mut Fields<'_>) -> Option<Role> {
    let external_id = fields.take("external-id");
    let Some(node) = fields.take("role-arn") else {
        if let Some(node) = external_id {
            reader.error(node.position, Some(name), DeclarationProblem::ExternalIdAlone);
        }
        return None;
    };
    let text = reader.text(Some(name), node, Role::EXPECTED)?;
    let external_id = external_id.and_then(|node| reader.text(Some(name), node, "text"));
    let role = Role::parse(&text, external_id);
    if role.is_err() {
        let problem = DeclarationProblem::Value { text, expected: Role::EXPECTED };
        reader.error(node.position, Some(name), problem);
    }
    role.ok()
}
