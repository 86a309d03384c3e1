//! Reads the section `secrets` of a declaration: short names for secret ids.

use super::entries::parse_reference;
use super::reader::{Fields, Item, MappingEntry, TEXT};
use crate::input::yaml::Kind;
use crate::model::reference::{
    Alias, Aliases, Region, Role, SecretId, Version, validate_alias_name,
};

/// The help if `secrets` isn't a mapping. The usual reason is a list of variables, which an ECS
/// task definition has under this key.
const ALIASES_HELP: &str = "\"secrets\" only gives short names to secrets. Write variables under \"env\", as in env: { DB_HOST: \"prod/db:host\" }";

/// Reads the section `secrets`, and adds each mistake to the file's list. An alias is left out only
/// if its id is missing or has a mistake. An alias with any other mistake stays, even one with an
/// invalid name, so that the entries that use it don't get an error as well.
pub fn aliases(section: &Item<'_>) -> Aliases {
    let mut aliases = Aliases::default();
    for MappingEntry { name, key, value } in section.expect_entries(Some(ALIASES_HELP)) {
        if let Err(why) = validate_alias_name(name) {
            key.refuse_sentence(why, None);
        }
        let named_value = value.named(format!("the alias {name:?}"));
        if let Some(alias) = alias(&named_value) {
            aliases.insert(name.to_owned(), alias);
        }
    }
    aliases
}

/// Reads an alias, which is the id of a secret, or a mapping with the key `id`. Returns `None` if
/// the id is missing or has a mistake. Any other mistake only changes the alias: it then doesn't
/// have the wrong part.
fn alias(item: &Item<'_>) -> Option<Alias> {
    let Kind::Mapping(_) = item.node.kind else {
        return Some(Alias {
            id: id(item)?,
            version: Version::Current,
            region: None,
            role: None,
        });
    };
    let mut fields = item.expect_fields(&[
        "id",
        "stage",
        "version-id",
        "region",
        "role-arn",
        "external-id",
    ]);
    let valid_id = fields
        .take_required("id", "the name or ARN of the secret")
        .and_then(|item| id(&item));
    let (stage, version_id) = (fields.take("stage"), fields.take("version-id"));
    let version_item = stage.clone().or_else(|| version_id.clone());
    let mut version = Version::new(stage.and_then(label), version_id.and_then(label));
    let region = fields.take_parsed("region", Region::EXPECTED, Region::parse);
    let role = role(&mut fields);

    // The other keys have been read first, so that their mistakes are reported, too.
    let id = valid_id?;
    if let Some(version_item) = version_item
        && let Some(defect) = defect(&id, &version)
    {
        version_item.refuse_sentence(defect, None);
        // The alias gets a valid version, so that the mistake isn't reported again for each entry
        // that uses the alias.
        version = Version::Current;
    }

    Some(Alias {
        id,
        version,
        region,
        role,
    })
}

/// Returns the sentence about a version that the alias can't have, or `None` if the version is
/// valid. An id with `${NAME}` is only checked where the alias is used.
fn defect(id: &str, version: &Version) -> Option<String> {
    let (store, _) = SecretId::parse(id).ok()?;
    let why = version.validate(store).err()?;
    Some(format!("{id:?} {why}"))
}

/// Reads the id of an alias. A key or a version is a mistake, because they belong where the alias
/// is used. Returns `None` after a mistake.
fn id(item: &Item<'_>) -> Option<String> {
    let text = item.expect_text("the name or ARN of a secret")?;
    let reference = parse_reference(item, text)?;
    let id = reference.bare().map(str::to_owned);
    if id.is_none() {
        let help = "write the key or version where you use the alias, as in db:password";
        item.refuse_with(
            "must be a secret without a key or a version",
            Some(help.to_owned()),
        );
    }
    id
}

/// Reads a staging label or a version id. Returns `None` if the value is not one, and adds this
/// mistake.
fn label(item: Item<'_>) -> Option<String> {
    item.expect_parsed("a staging label or version id without spaces", |text| {
        let is_legal =
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        is_legal.then(|| text.to_owned())
    })
}

/// Reads `role-arn` and `external-id`. Returns `None` without a role. An external id without a role
/// is a mistake.
fn role(fields: &mut Fields<'_>) -> Option<Role> {
    let (arn, external_id) = (fields.take("role-arn"), fields.take("external-id"));
    let Some(arn) = arn else {
        external_id?.refuse("works only together with \"role-arn\"");
        return None;
    };
    let external_id = external_id.and_then(|item| item.expect_text(TEXT).map(str::to_owned));
    arn.expect_parsed(Role::EXPECTED, |text| Role::parse(text, external_id))
}
