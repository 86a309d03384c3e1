//! Reads all sections of a declaration except `defaults`: `secrets`, which gives short names
//! (aliases) to secret ids; `env` and `files`, whose entries set variables and files, and have most
//! keys in common; and `env-from`, whose entries set a variable for each key of a JSON object.
//!
//! An alias or an entry with a mistake may be missing from the result, or be incomplete. That does
//! no harm: the mistake is reported, and nothing is resolved.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use super::reader::{
    ALIAS_KEYS, FILE_KEYS, Fields, Item, MappingEntry, OBJECT_KEYS, TEXT, VARIABLE_KEYS,
};
use crate::input::yaml::{Kind, Node};
use crate::model::entry::template::parse_template;
use crate::model::entry::{
    Entry, FileTarget, Mode, Naming, OnMissing, Origin, Owner, Source, Target, Transform,
};
use crate::model::fault::{Fault, VALUE_REMEDY};
use crate::model::reference::{
    Alias, Aliases, Reference, Region, Role, SecretId, Version, parse_label, validate_alias_name,
};
use crate::model::shown::{has_credential, pattern_mismatch, shown};

/// Reads the section `secrets`, which defines aliases, and returns them with the refused names.
///
/// A refused name is returned both as written (`my-db`) and as the help corrects it (`my_db`), so
/// that a template that uses one of these names doesn't get a second error.
///
/// Only an alias without a valid id is left out. An alias with any other mistake, even in its name,
/// is kept. Otherwise, the entries that use it would get an error as well.
pub fn read_aliases(section: &Item<'_>) -> (Aliases, BTreeSet<String>) {
    let mut aliases = Aliases::default();
    let mut refused = BTreeSet::new();
    for MappingEntry { name, key, value } in
        section.expect_entries(Some("use a mapping of aliases to secrets: ALIAS: SECRET"))
    {
        let is_refused = key.refuse_key_if_overlooked(name);
        if !is_refused && let Err(why) = validate_alias_name(name) {
            let legal = name.replace(['-', '.'], "_");
            let mut fault = Fault::new(why);
            if validate_alias_name(&legal).is_ok() && !has_credential(name) {
                fault = fault.help(format!("write {legal} here and where you use the alias"));
            }
            refused.extend([name.to_owned(), legal]);
            key.named(format!("{name:?}")).refuse(fault);
        }

        let named_value = value.named(format!("the alias {name:?}"));
        match read_alias(&named_value) {
            Some(alias) => {
                let place = key.origin().to_string();
                aliases.insert(name.to_owned(), Alias { place, ..alias });
            }
            None => {
                refused.insert(name.to_owned());
            }
        }
    }
    (aliases, refused)
}

/// Reads an alias: the id of a secret, or a mapping with the key `id`. `None` if there is no valid
/// id.
fn read_alias(item: &Item<'_>) -> Option<Alias> {
    let Kind::Mapping(_) = item.node.kind else {
        return Some(Alias {
            id: read_id(item)?,
            ..Alias::default()
        });
    };

    let mut fields = item.expect_fields(ALIAS_KEYS);
    let valid_id = fields
        .take_required("id", "the name or ARN of the secret")
        .and_then(|item| read_id(&item));
    let stage = fields.take("stage");
    let version_id = fields.take("version-id");
    let version_item = stage.clone().or_else(|| version_id.clone());
    let mut version = Version::new(stage.and_then(read_label), version_id.and_then(read_label));
    let region = fields.take_parsed("region", Region::EXPECTED, Region::parse);
    let role = read_role(&mut fields);

    // Return early only here, after the other keys have been read, so that their mistakes are
    // reported, too.
    let id = valid_id?;
    // An id that contains `${NAME}` can't be parsed before the variable is expanded. Its version is
    // checked only where the alias is used.
    if let Some(version_item) = version_item
        && let Ok((store, _)) = SecretId::parse(&id)
        && let Err(why) = version.validate(store)
    {
        version_item.refuse_sentence(Fault::new(format!("{:?} {why}", shown(&id))));
        // The alias gets a valid version instead. Otherwise, the mistake would be reported again
        // for every entry that uses the alias.
        version = Version::CURRENT;
    }

    Some(Alias {
        id,
        version,
        region,
        role,
        ..Alias::default()
    })
}

/// Reads the id of an alias. If a key or a version follows the id, adds a mistake, and returns only
/// the id.
fn read_id(item: &Item<'_>) -> Option<String> {
    let text = item.expect_text("the name or ARN of a secret")?;
    let reference = read_reference_text(item, text)?;
    if reference.only_secret().is_none() {
        let help = "write the key where you use the alias: ALIAS:KEY (a version: { id: SECRET, stage: STAGE })";
        item.refuse(Fault::new("must be a secret without a key or a version").help(help));
    }
    Some(reference.secret)
}

/// Reads the `stage` or `version-id` of an alias. If the text isn't valid, adds a mistake and
/// returns `None`.
fn read_label(item: Item<'_>) -> Option<String> {
    let parsed = parse_label(item.expect_text("a staging label or version id")?);
    parsed.map_err(|fault| item.refuse(fault)).ok()
}

/// Reads `role-arn` and `external-id` of an alias. An external id without a role is a mistake.
fn read_role(fields: &mut Fields<'_>) -> Option<Role> {
    let external_id = fields.take("external-id");
    let Some(arn) = fields.take("role-arn") else {
        if let Some(external_id) = external_id {
            external_id.refuse("requires \"role-arn\"");
        }
        return None;
    };
    let external_id = external_id.and_then(|item| {
        item.expect_parsed(Role::EXTERNAL_ID, |text| Role::check_external_id(text).ok())
    });
    arn.expect_parsed(Role::EXPECTED, |text| Role::parse(text, external_id))
}

/// Reads the section `env`, whose keys are the names of variables.
pub fn read_variables(item: &Item<'_>) -> Vec<Entry> {
    let help = "use a mapping of names to references: NAME: SECRET:KEY";
    let mut entries = Vec::new();
    for MappingEntry { name, key, value } in item.expect_entries(Some(help)) {
        if name == "files" && matches!(value.node.kind, Kind::List(_)) {
            let fault = Fault::new("is a section").help("don't indent it");
            key.named("\"files\"").refuse(fault);
            continue;
        }
        let target = key.expect_variable(name).map(Target::Env);
        // In `DB_HOST=prod/db: host`, YAML reads `DB_HOST=prod/db` as the name, which has just been
        // refused. The value is part of the same mistake, so it isn't read.
        if name.contains(['=', ':']) {
            continue;
        }
        if is_plain_value(value.node) {
            refuse_plain_value(&value);
            continue;
        }

        entries.extend(read_entry(&value, target, key.origin()));
    }
    entries
}

const PLAIN_VALUE: &str = "is plain text, not a reference";

/// True for a number, a boolean or an empty text, which can't be a reference.
fn is_plain_value(node: &Node) -> bool {
    node.boolean().is_some() || node.is_number() || node.scalar_text() == Some("")
}

/// Refuses a [plain value](is_plain_value). The help shows how to write it as a literal.
fn refuse_plain_value(value: &Item<'_>) {
    let fault = Fault::new(PLAIN_VALUE);
    let name = &value.subject;
    value.refuse(match value.node.scalar_text() {
        Some("") => fault.example(format!("write {name}: {{ value: \"\" }}")),
        Some(text) if text.len() <= 5 => {
            fault.example(format!("write {name}: {{ value: {text} }}"))
        }
        // A number with more digits than a port may be a password, so the help doesn't show it.
        _ => fault.help(VALUE_REMEDY),
    });
}

const FILES: &str = "a list whose items begin with a hyphen (- { from: SECRET:KEY, path: FILE })";

/// Reads the section `files`, a list of files to write.
pub(super) fn read_files(section: &Item<'_>) -> Vec<Entry> {
    section
        .expect_list(FILES)
        .iter()
        .flatten()
        .filter_map(|item| read_file(&item.named("an entry in \"files\"")))
        .collect()
}

/// Reads an entry of `files`.
fn read_file(item: &Item<'_>) -> Option<Entry> {
    let Kind::Mapping(_) = item.node.kind else {
        let help = "write - { from: SECRET:KEY, path: FILE }";
        item.refuse_type("a mapping", Some(help));
        return None;
    };

    let mut fields = item.expect_fields(FILE_KEYS);
    fields.item = item.named("\"files\"");
    let path = fields.take("path");
    let env = fields.take("env");
    // An unknown key has already been reported, and may be a misspelled `path` or `env`, so don't
    // report a missing one, too.
    if path.is_none() && env.is_none() && !fields.has_unknown {
        item.refuse("needs \"path\" or \"env\" (or both)");
    }
    let mut target = FileTarget {
        path: path.and_then(|path| {
            let parsed = FileTarget::parse_path(path.expect_text("a path")?);
            parsed.map_err(|fault| path.refuse(fault)).ok()
        }),
        env: env.and_then(|env| env.expect_variable(env.expect_text("a variable name")?)),
        ..FileTarget::default()
    };

    // From here on, the path and the variable are known, so messages about the other keys can name
    // one of them instead of the section.
    fields.item = item.entry(Target::File(target.clone()).to_string());

    target.mode = fields
        .take_parsed("mode", "octal, from \"0000\" to \"0777\"", Mode::parse)
        .unwrap_or_default();
    target.owner = fields.take_parsed("owner", "USER, USER:GROUP or :GROUP", Owner::parse);
    if let Some(once) = fields.take("once") {
        target.once = once.expect_boolean() == Some(true);
        if target.once && target.path.is_some() {
            once.refuse("can't be used with \"path\", because a file at a path can be read again");
        }
    }
    read_entry_fields(fields, Some(Target::File(target)), item.origin())
}

/// Reads the section `env-from`, which lists JSON objects whose keys become variables.
pub fn read_env_from(item: &Item<'_>) -> Vec<Entry> {
    item.expect_list("a list of references: [SECRET]")
        .iter()
        .flatten()
        .filter_map(read_env_from_object)
        .collect()
}

/// Reads an entry of `env-from`: a reference, or a mapping with `from`.
fn read_env_from_object(item: &Item<'_>) -> Option<Entry> {
    const EXPECTED: &str = "a reference: SECRET, or SECRET:KEY";
    let origin = item.origin();
    let Kind::Mapping(_) = item.node.kind else {
        let object = read_reference(item, EXPECTED)?;
        return Some(Entry::for_object(object, Naming::default(), origin));
    };

    let mut fields = item.expect_fields(OBJECT_KEYS);
    let from = fields
        .take_required("from", "the reference to a JSON object")
        .and_then(|item| read_reference(&item, EXPECTED));
    // The variables' names begin with the prefix, so the prefix must be a valid name or empty.
    let prefix = fields
        .take("prefix")
        .and_then(|item| {
            let text = item.expect_text(TEXT).filter(|text| !text.is_empty());
            item.expect_variable(text?)
        })
        .map_or(String::new(), |name| name.to_string());
    let only = fields.take("only").and_then(|item| {
        let keys = item.expect_texts()?;
        if keys.is_empty() {
            item.refuse("is empty: list the keys to use, or remove \"only\" to use all of them");
        }
        Some(keys)
    });
    let except = fields.take("except").and_then(|item| item.expect_texts());
    let rename = fields
        .take("rename")
        .map(|item| read_renames(&item, &prefix));
    let keeps_case = fields.take_parsed("case", "upper or keep", |text| match text {
        "upper" => Some(false),
        "keep" => Some(true),
        _ => None,
    });
    let naming = Naming {
        prefix,
        only,
        except: except.unwrap_or_default(),
        rename: rename.unwrap_or_default(),
        keeps_case: keeps_case.unwrap_or_default(),
    };
    Some(Entry {
        on_missing: read_optional(fields.take("optional")),
        ..Entry::for_object(from?, naming, origin)
    })
}

/// Reads the mapping `rename`, which maps keys of the object to the names of their variables,
/// without the prefix.
fn read_renames(item: &Item<'_>, prefix: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for entry in item.expect_entries(Some("use a mapping of keys to names: KEY: NAME")) {
        let value = entry.value.named("rename");
        if let Some(name) = value.expect_text(TEXT)
            && value.expect_variable(&format!("{prefix}{name}")).is_some()
        {
            names.insert(entry.name.to_owned(), name.to_owned());
        }
    }
    names
}

const REFERENCE: &str = "a reference: SECRET:KEY";

/// Reads an entry of `env`: a reference, or a mapping. `target` is `None` if the variable's name
/// has a mistake. The value is then read only to report its own mistakes.
fn read_entry(item: &Item<'_>, target: Option<Target>, origin: Origin) -> Option<Entry> {
    const EXPECTED: &str = "a reference, SECRET:KEY, or { value: … } for plain text";
    if let Kind::Mapping(_) = item.node.kind {
        return read_entry_fields(item.expect_fields(VARIABLE_KEYS), target, origin);
    }
    let source = Source::Reference(read_reference(item, EXPECTED)?);
    Some(Entry::new(target?, source, origin))
}

/// Builds an entry from the keys that variables and files have in common, such as `from`.
///
/// `None` if the target or the source has a mistake. Even then, all keys are read, so that their
/// mistakes are reported, too.
fn read_entry_fields(
    mut fields: Fields<'_>,
    target: Option<Target>,
    origin: Origin,
) -> Option<Entry> {
    let source = read_source(&mut fields);
    let mut has_base64 = |name| {
        fields
            .take_parsed(name, "base64", |text| (text == "base64").then_some(()))
            .is_some()
    };
    let transform = Transform {
        decode: has_base64("decode"),
        encode: has_base64("encode"),
    };
    let pattern = fields.take("pattern").and_then(read_pattern);
    let on_missing = read_on_missing(&mut fields, pattern.as_ref());
    Some(Entry {
        transform,
        pattern,
        on_missing,
        ..Entry::new(target?, source?, origin)
    })
}

/// Reads the key that gives an entry its value: `from`, `value` or `template`.
///
/// If there isn't exactly one of them, or if its value can't be read, adds a mistake and returns
/// `None`. No mistake is added if all three are missing and there is an unknown key, because that
/// key has already been reported.
fn read_source(fields: &mut Fields<'_>) -> Option<Source> {
    match ["from", "value", "template"].map(|key| fields.take(key)) {
        [Some(from), None, None] => read_reference(&from, REFERENCE).map(Source::Reference),
        [None, Some(value), None] => Some(Source::Literal(value.expect_text(TEXT)?.to_owned())),
        [None, None, Some(text)] => {
            let parts = text.parsed_or_refused(parse_template(text.expect_text(TEXT)?))?;
            Some(Source::Composed(parts))
        }
        [None, None, None] if fields.has_unknown => None,
        [..] => {
            let text = r#"needs exactly one of "from", "value", "template""#;
            fields.item.refuse(text);
            None
        }
    }
}

/// Reads `default` and `optional`, which decide what happens if a secret or a key is absent. It is
/// a mistake if both are given, or if the default doesn't match the entry's pattern.
fn read_on_missing(fields: &mut Fields<'_>, pattern: Option<&Regex>) -> OnMissing {
    let default = fields.take("default").and_then(|default| {
        let text = default.expect_text(TEXT)?;
        if let Some(pattern) = pattern
            && !pattern.is_match(text)
        {
            default.refuse(pattern_mismatch(pattern.as_str()));
        }
        Some(text.to_owned())
    });
    match (default, fields.take("optional")) {
        (Some(_), Some(optional)) => {
            optional.refuse_sentence("\"default\" and \"optional\" can't be used together");
            OnMissing::Fail
        }
        (Some(text), None) => OnMissing::Default(text),
        (None, optional) => read_optional(optional),
    }
}

/// Reads the key `optional`. Without it, a missing value is an error.
fn read_optional(optional: Option<Item<'_>>) -> OnMissing {
    match optional.and_then(|item| item.expect_boolean()) {
        Some(true) => OnMissing::Optional,
        Some(false) | None => OnMissing::Fail,
    }
}

/// Reads a reference. Refuses a number or a boolean, which is most likely meant as plain text.
fn read_reference(item: &Item<'_>, expected: &str) -> Option<Reference> {
    let text = item.expect_text(expected)?;
    // `Reference::parse` has a better error for an empty text.
    if is_plain_value(item.node) && !text.is_empty() {
        item.refuse(Fault::new(PLAIN_VALUE).help(VALUE_REMEDY));
        return None;
    }
    read_reference_text(item, text)
}

/// Parses a reference. If that fails, adds a mistake and returns `None`.
fn read_reference_text(item: &Item<'_>, text: &str) -> Option<Reference> {
    item.parsed_or_refused(Reference::parse(text).map_err(|error| error.about("the reference")))
}

/// Reads the regular expression of `pattern`. If it isn't valid, adds a mistake and returns `None`.
/// The message includes one of regex-lite's fixed texts, which can't reveal the expression.
fn read_pattern(item: Item<'_>) -> Option<Regex> {
    let pattern = Regex::new(item.expect_text("a regular expression")?);
    if let Err(why) = &pattern {
        item.refuse(format!("isn't a valid regular expression: {why}"));
    }
    pattern.ok()
}
