//! Reads all sections of a declaration except `defaults`: `secrets`, which gives short names
//! (aliases) to secret ids; `env` and `files`, whose entries have most keys in common; and
//! `env-from`, whose entries set a variable for each key of a JSON object.
//!
//! An alias or an entry with a mistake may be incomplete, or missing from the result. That does no
//! harm: the mistake is reported, and nothing is resolved.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use super::reader::{Item, MappingEntry, TEXT};
use crate::input::yaml::Kind;
use crate::model::entry::template::parse_template;
use crate::model::entry::{
    Entry, FileTarget, Mode, Naming, OnMissing, Origin, Owner, Source, SubjectKind, Target,
    Transform,
};
use crate::model::fault::{Fault, VALUE_REMEDY};
use crate::model::reference::{
    Alias, Aliases, Reference, Region, Role, SecretId, Selector, Version, parse_label,
    validate_alias_name,
};
use crate::model::shown::{has_credential, pattern_mismatch, shown};

const VARIABLE_KEYS: &[&str] = &[
    "from", "value", "template", "encode", "decode", "default", "optional", "pattern",
];

/// The keys that a file can have in addition to [`VARIABLE_KEYS`].
const FILE_KEYS: &[&str] = &["path", "env", "mode", "owner", "once"];

const OBJECT_KEYS: &[&str] = &[
    "from", "prefix", "only", "except", "rename", "case", "optional",
];

const ALIAS_KEYS: &[&str] = &[
    "id",
    "stage",
    "version-id",
    "region",
    "role-arn",
    "external-id",
];

/// Reads the section `secrets`, and returns the aliases and the refused names.
///
/// A refused name is returned both as written (`my-db`) and as the help corrects it (`my_db`), so
/// that a template that uses one of these names doesn't get a second error. For the same reason, an
/// alias with a mistake is kept unless it has no valid id.
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
            key.section(name).refuse(fault);
        }

        match read_alias(&value.named(format!("the alias {name:?}"))) {
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

fn read_alias(item: &Item<'_>) -> Option<Alias> {
    if item.node.entries().is_none() {
        return Some(Alias {
            id: read_id(item)?,
            ..Alias::default()
        });
    }

    let fields = item.with_known(ALIAS_KEYS);
    let valid_id = fields
        .required_field("id", "the name or ARN of the secret")
        .and_then(|id| read_id(&id));
    let label = |key| {
        fields
            .field(key)?
            .expect_valid("a staging label or version id", parse_label)
    };
    let mut version = Version::new(label("stage"), label("version-id"));
    let region = fields.parsed_field("region", Region::EXPECTED, Region::parse);
    let role = read_role(&fields);

    // Return early only here, so that mistakes in the other keys are reported, too.
    let id = valid_id?;
    // An id with `${NAME}` can't be parsed before the variable is expanded, so its version is
    // checked only where the alias is used.
    if let Some(label) = fields.field("stage").or_else(|| fields.field("version-id"))
        && let Ok((store, _)) = SecretId::parse(&id)
        && let Err(why) = version.validate(store)
    {
        label.refuse(Fault::new(why).about(&format!("{:?}", shown(&id))));
        // Otherwise, the mistake would be reported again for every entry that uses the alias.
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

fn read_id(item: &Item<'_>) -> Option<String> {
    let reference = item.expect_valid("the name or ARN of a secret", parse_reference)?;
    if reference.selector != Selector::Whole || reference.version.is_some() {
        let help = "write the key where you use the alias: ALIAS:KEY (a version: { id: SECRET, stage: STAGE })";
        item.refuse(Fault::new("must be a secret without a key or a version").help(help));
    }
    Some(reference.secret)
}

fn read_role(alias: &Item<'_>) -> Option<Role> {
    let external_id = alias.parsed_field("external-id", Role::EXTERNAL_ID, |text| {
        Role::check_external_id(text).ok()
    });
    if let Some(item) = alias.field("external-id")
        && alias.field("role-arn").is_none()
    {
        item.refuse("requires \"role-arn\"");
    }
    alias.parsed_field("role-arn", Role::EXPECTED, |text| {
        let role = Role::parse(text).ok()?;
        Some(Role {
            external_id,
            ..role
        })
    })
}

/// Reads the section `env`.
pub fn read_variables(section: &Item<'_>) -> Vec<Entry> {
    let help = "use a mapping of names to references: NAME: SECRET:KEY";
    let mut entries = Vec::new();
    for MappingEntry { name, key, value } in section.expect_entries(Some(help)) {
        if name == "files" && matches!(value.node.kind, Kind::List(_)) {
            let fault = Fault::new("is a section").help("don't indent it");
            key.section("files").refuse(fault);
            continue;
        }
        let target = key.expect_variable(name).map(Target::Env);
        // In `DB_HOST=prod/db: host`, YAML reads `DB_HOST=prod/db` as the name, which has just been
        // refused. The value is part of the same mistake.
        if !name.contains(['=', ':']) {
            entries.extend(read_variable(&value, target, key.origin()));
        }
    }
    entries
}

/// `target` is `None` if the variable's name has a mistake. The value is then read only for its own
/// mistakes.
fn read_variable(item: &Item<'_>, target: Option<Target>, origin: Origin) -> Option<Entry> {
    const EXPECTED: &str = "a reference, SECRET:KEY, or { value: … } for plain text";
    if item.node.entries().is_some() {
        return read_fields(&item.with_known(VARIABLE_KEYS), target, origin);
    }
    let source = Source::Reference(read_reference(item, EXPECTED)?);
    Some(Entry::new(target?, source, origin))
}

/// Reads the section `files`.
pub fn read_files(section: &Item<'_>) -> Vec<Entry> {
    section
        .expect_list("a list whose items begin with a hyphen (- { from: SECRET:KEY, path: FILE })")
        .iter()
        .flatten()
        .filter_map(|item| read_file(&item.named("an entry in \"files\"")))
        .collect()
}

fn read_file(item: &Item<'_>) -> Option<Entry> {
    if item.node.entries().is_none() {
        let help = "write - { from: SECRET:KEY, path: FILE }";
        item.refuse_type("a mapping", Some(help));
        return None;
    }

    let fields = item.with_known(&[VARIABLE_KEYS, FILE_KEYS].concat());
    let section = fields.section("files");
    let path = section.field("path");
    let env = section.field("env");
    if path.is_none() && env.is_none() {
        fields.refuse_incomplete("needs \"path\" or \"env\" (or both)");
    }
    let mut target = FileTarget {
        path: path.and_then(|path| path.expect_valid("a path", FileTarget::parse_path)),
        env: env.and_then(|env| env.expect_variable(env.expect_text("a variable name")?)),
        ..FileTarget::default()
    };

    // From here on, messages can name the path or the variable instead of the section.
    let file = fields.entry(Target::File(target.clone()).to_string());

    target.mode = file
        .parsed_field("mode", "octal, from \"0000\" to \"0777\"", Mode::parse)
        .unwrap_or_default();
    target.owner = file.parsed_field("owner", "USER, USER:GROUP or :GROUP", Owner::parse);
    target.once = file.flag("once");
    if let Some(once) = file.field("once")
        && target.once
        && target.path.is_some()
    {
        once.refuse("can't be used with \"path\", because a file at a path can be read again");
    }
    read_fields(&file, Some(Target::File(target)), item.origin())
}

/// Reads the section `env-from`.
pub fn read_env_from(section: &Item<'_>) -> Vec<Entry> {
    section
        .expect_list("a list of references: [SECRET]")
        .iter()
        .flatten()
        .filter_map(read_object)
        .collect()
}

fn read_object(item: &Item<'_>) -> Option<Entry> {
    const EXPECTED: &str = "a reference: SECRET, or SECRET:KEY";
    if item.node.entries().is_none() {
        let object = read_reference(item, EXPECTED)?;
        return Some(Entry::for_object(object, Naming::default(), item.origin()));
    }

    let fields = item.with_known(OBJECT_KEYS);
    let from = fields
        .required_field("from", "the reference to a JSON object")
        .and_then(|from| read_reference(&from, EXPECTED));
    let prefix = read_prefix(&fields).unwrap_or_default();
    let texts = |key| fields.field(key)?.expect_texts();
    let only = texts("only");
    if let Some(item) = fields.field("only")
        && only.as_ref().is_some_and(Vec::is_empty)
    {
        item.refuse("is empty: list the keys to use, or remove \"only\" to use all of them");
    }
    let rename = fields
        .field("rename")
        .map(|item| read_renames(&item, &prefix));
    let keeps_case = fields.parsed_field("case", "upper or keep", |text| match text {
        "upper" => Some(false),
        "keep" => Some(true),
        _ => None,
    });
    let naming = Naming {
        prefix,
        only,
        except: texts("except").unwrap_or_default(),
        rename: rename.unwrap_or_default(),
        keeps_case: keeps_case.unwrap_or_default(),
    };
    Some(Entry {
        on_missing: read_optional(&fields),
        ..Entry::for_object(from?, naming, item.origin())
    })
}

/// The variables' names begin with the prefix, so it must be a valid name or empty.
fn read_prefix(fields: &Item<'_>) -> Option<String> {
    let prefix = fields.field("prefix")?;
    let text = prefix.expect_text(TEXT)?;
    if !text.is_empty() {
        prefix.expect_variable(text)?;
    }
    Some(text.to_owned())
}

/// Maps keys of the object to the names of their variables, without the prefix.
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

/// Builds an entry from the keys that variables and files have in common. All of them are read even
/// without a `target`, so that their mistakes are reported, too.
fn read_fields(fields: &Item<'_>, target: Option<Target>, origin: Origin) -> Option<Entry> {
    let source = read_source(fields);
    let is_base64 = |key| {
        fields
            .parsed_field(key, "base64", |text| (text == "base64").then_some(()))
            .is_some()
    };
    let transform = Transform {
        decode: is_base64("decode"),
        encode: is_base64("encode"),
    };
    // The message includes one of regex-lite's fixed texts, which can't reveal the expression.
    let pattern = fields.field("pattern").and_then(|pattern| {
        pattern.expect_valid("a regular expression", |text| {
            Regex::new(text)
                .map_err(|why| format!("isn't a valid regular expression: {why}").into())
        })
    });
    let on_missing = read_on_missing(fields, pattern.as_ref());
    Some(Entry {
        transform,
        pattern,
        on_missing,
        ..Entry::new(target?, source?, origin)
    })
}

/// Reads the key that gives an entry its value: `from`, `value` or `template`. An unknown key has
/// already been reported, and may be a misspelling of one of these, so none of them is reported as
/// missing.
fn read_source(fields: &Item<'_>) -> Option<Source> {
    match ["from", "value", "template"].map(|key| fields.field(key)) {
        [Some(from), None, None] => Some(Source::Reference(read_reference(
            &from,
            "a reference: SECRET:KEY",
        )?)),
        [None, Some(value), None] => Some(Source::Literal(value.expect_text(TEXT)?.to_owned())),
        [None, None, Some(template)] => Some(Source::Composed(
            template.expect_valid(TEXT, parse_template)?,
        )),
        [None, None, None] if fields.has_unknown => None,
        [..] => {
            fields.refuse(r#"needs exactly one of "from", "value", "template""#);
            None
        }
    }
}

fn read_optional(fields: &Item<'_>) -> OnMissing {
    if fields.flag("optional") {
        OnMissing::Optional
    } else {
        OnMissing::Fail
    }
}

/// Reads `default` and `optional`, which exclude each other.
fn read_on_missing(fields: &Item<'_>, pattern: Option<&Regex>) -> OnMissing {
    let Some(default) = fields.field("default") else {
        return read_optional(fields);
    };
    if let Some(optional) = fields.field("optional") {
        optional.refuse(Fault::new("can't be used together").about("\"default\" and \"optional\""));
        return OnMissing::Fail;
    }
    let Some(text) = default.expect_text(TEXT) else {
        return OnMissing::Fail;
    };
    if let Some(pattern) = pattern
        && !pattern.is_match(text)
    {
        default.refuse(pattern_mismatch(pattern.as_str()));
    }
    OnMissing::Default(text.to_owned())
}

/// Reads a reference. Refuses a number or a boolean, which is most likely meant as plain text.
fn read_reference(item: &Item<'_>, expected: &str) -> Option<Reference> {
    let text = item.expect_text(expected)?;
    let is_variable = item.kind == Some(SubjectKind::Entry) && item.key.is_empty();
    // An empty text is refused here only for a variable. In other places, `Reference::parse` has a
    // better error for it.
    let is_plain =
        item.node.boolean().is_some() || item.node.is_number() || is_variable && text.is_empty();
    if !is_plain {
        return item.expect_valid(expected, parse_reference);
    }
    let fault = Fault::new("is plain text, not a reference");
    let name = &item.subject;
    // A number with more digits than a port may be a password, so the help doesn't show it.
    item.refuse(match text {
        "" => fault.example(format!("write {name}: {{ value: \"\" }}")),
        _ if is_variable && text.len() <= 5 => {
            fault.example(format!("write {name}: {{ value: {text} }}"))
        }
        _ => fault.help(VALUE_REMEDY),
    });
    None
}

fn parse_reference(text: &str) -> Result<Reference, Fault> {
    Reference::parse(text).map_err(|fault| fault.about("the reference"))
}
