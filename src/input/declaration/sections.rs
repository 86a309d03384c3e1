//! Reads the sections of a declaration except `defaults`: `secrets`, which gives short names to
//! secret ids; `env` and `files`, whose entries share most keys; and `env-from`.
//!
//! An alias or an entry with a mistake may be left out of the result, or be returned in part. The
//! mistake is added to the file's mistakes, so that nothing is resolved.

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

/// Reads the section `secrets`. An alias is left out only if its id is missing or can't be parsed.
/// An alias with any other mistake stays, even with an invalid name, because the entries that use
/// the alias would otherwise get an error as well. Also returns the names of the refused aliases,
/// both as written and as the help corrects them, so that a template that uses one of them doesn't
/// get a second error.
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

/// Reads an alias, whose value is the id of a secret, or a mapping with the key `id`. The result is
/// `None` without a valid id.
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

    // The other keys have been read first, so that their mistakes are reported, too.
    let id = valid_id?;
    // An id with `${NAME}` can't be parsed before the variable is expanded, so the version is then
    // only checked where the alias is used.
    if let Some(version_item) = version_item
        && let Ok((store, _)) = SecretId::parse(&id)
        && let Err(why) = version.validate(store)
    {
        version_item.refuse_sentence(Fault::new(format!("{:?} {why}", shown(&id))));
        // The alias gets a valid version, so that the mistake isn't reported again for each entry
        // that uses it.
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

/// Reads the id of an alias. A key or a version after the id is a mistake, and isn't part of the
/// result.
fn read_id(item: &Item<'_>) -> Option<String> {
    let text = item.expect_text("the name or ARN of a secret")?;
    let reference = read_reference_text(item, text)?;
    if reference.only_secret().is_none() {
        let help = "write the key where you use the alias: ALIAS:KEY (a version: { id: SECRET, stage: STAGE })";
        item.refuse(Fault::new("must be a secret without a key or a version").help(help));
    }
    Some(reference.secret)
}

/// Reads `stage` or `version-id` of an alias. If the text can't be one, adds an error and returns
/// `None`.
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

/// Reads the section `env`.
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
        // The name `DB_HOST=prod/db` of `DB_HOST=prod/db: host` has been refused. The value belongs
        // to this mistake, so it isn't read.
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

/// Adds the mistake that a variable has a [plain value](is_plain_value).
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

/// Reads the section `files`.
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
    // An unknown key, which has been reported, may be a misspelling of `path` or `env`, so don't
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

    // The path and the variable are known now, so messages about the other keys name one of them
    // instead of the section.
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
    // The names of the variables begin with the prefix, so a prefix must be a name, too, or empty.
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

/// Reads an entry of `env`: a reference, or a mapping. If `target` is `None` because it has a
/// mistake, the value is only read to find its mistakes.
fn read_entry(item: &Item<'_>, target: Option<Target>, origin: Origin) -> Option<Entry> {
    const EXPECTED: &str = "a reference, SECRET:KEY, or { value: … } for plain text";
    if let Kind::Mapping(_) = item.node.kind {
        return read_entry_fields(item.expect_fields(VARIABLE_KEYS), target, origin);
    }
    let source = Source::Reference(read_reference(item, EXPECTED)?);
    Some(Entry::new(target?, source, origin))
}

/// Reads an entry from the keys of its mapping that have not been taken out yet. The result is
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

/// Reads the key that gives an entry its value: `from`, `value` or `template`. If there isn't
/// exactly one of them, or if its value can't be read, adds a mistake, and returns `None`. If there
/// is an unknown key instead, the mistake about that key is enough.
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

/// Reads `default` and `optional`, which say what happens if a secret or a key is absent. Adds a
/// mistake if both are given, or if the default doesn't match the entry's pattern.
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

/// Reads the key `optional`. Without the key, an absence is an error.
fn read_optional(optional: Option<Item<'_>>) -> OnMissing {
    match optional.and_then(|item| item.expect_boolean()) {
        Some(true) => OnMissing::Optional,
        Some(false) | None => OnMissing::Fail,
    }
}

/// Reads a reference. A number or a boolean is a mistake, because it is most likely meant as plain
/// text.
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

/// Reads the regular expression of `pattern`. Adds a mistake, and returns `None`, if it isn't
/// valid. The message is one of regex-lite's fixed texts, so it doesn't show the expression.
fn read_pattern(item: Item<'_>) -> Option<Regex> {
    let pattern = Regex::new(item.expect_text("a regular expression")?);
    if let Err(why) = &pattern {
        item.refuse(format!("isn't a valid regular expression: {why}"));
    }
    pattern.ok()
}
