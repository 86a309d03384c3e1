//! Reads `secrets:`, the aliases of a declaration.

use super::entries::parsed;
use super::reader::{Fields, Item, MappingEntry, TEXT};
use crate::input::yaml::Kind;
use crate::model::reference::{
    Alias, Aliases, Region, Role, SecretId, Version, validate_alias_name,
};

pub fn aliases(item: &Item<'_>) -> Aliases {
    let mut aliases = Aliases::default();
    for MappingEntry { name, key, value } in item.members() {
        if let Err(why) = validate_alias_name(name) {
            key.refuse_sentence(why, None);
        }
        let item = value.named(format!("the alias {name:?}"));
        if let Some(alias) = alias(name, &item) {
            aliases.insert(name.to_owned(), alias);
        }
    }
    aliases
}

/// Reads an alias: a secret's id, or a mapping with `id`.
fn alias(name: &str, item: &Item<'_>) -> Option<Alias> {
    let Kind::Table(_) = item.node.kind else {
        return Some(Alias {
            id: id(name, item)?,
            version: Version::Current,
            region: None,
            role: None,
        });
    };
    let mut fields = item.fields(&[
        "id",
        "stage",
        "version-id",
        "region",
        "role-arn",
        "external-id",
    ]);
    let id = fields
        .take_required("id", "the name or ARN of the secret")
        .and_then(|written| id(name, &written));
    let (stage, version_id) = (fields.take("stage"), fields.take("version-id"));
    let written = stage.clone().or_else(|| version_id.clone());
    let mut version = Version::new(stage.and_then(label), version_id.and_then(label));
    let region = fields.parsed("region", Region::EXPECTED, Region::parse);
    let role = role(&mut fields);
    let id = id?;
    if let Some(written) = written
        && let Some(defect) = defect(&id, &version)
    {
        written.refuse_sentence(defect, None);
        // Told once, not for each entry that uses the alias.
        version = Version::Current;
    }
    Some(Alias {
        id,
        version,
        region,
        role,
    })
}

/// Returns the defect of a version that was written. An id with `${NAME}` is checked where the alias is used.
fn defect(id: &str, version: &Version) -> Option<String> {
    let (store, _) = SecretId::parse(id).ok()?;
    let why = version.validate(store).err()?;
    Some(format!("{id:?} {why}"))
}

/// Reads the id of the alias with this name.
fn id(alias: &str, item: &Item<'_>) -> Option<String> {
    let text = item.text("the name or ARN of a secret")?;
    let reference = parsed(item, text)?;
    let id = reference.bare().map(str::to_owned);
    if id.is_none() {
        let id = &reference.secret;
        let whole = reference.to_string();
        let rest = whole.strip_prefix(id.as_str()).unwrap_or_default();
        let help = format!("write {id} here, and {alias}{rest} where you use the alias");
        item.refuse_with("must be a secret without a key or a version", Some(help));
    }
    id
}

/// Reads a staging label or a version id.
fn label(item: Item<'_>) -> Option<String> {
    item.parsed("a staging label or version id without spaces", |text| {
        let is_legal =
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        is_legal.then(|| text.to_owned())
    })
}

fn role(fields: &mut Fields<'_>) -> Option<Role> {
    let (arn, external_id) = (fields.take("role-arn"), fields.take("external-id"));
    let Some(arn) = arn else {
        external_id?.refuse("works only together with \"role-arn\"");
        return None;
    };
    let external_id = external_id.and_then(|item| item.text(TEXT).map(str::to_owned));
    arn.parsed(Role::EXPECTED, |text| Role::parse(text, external_id))
}
