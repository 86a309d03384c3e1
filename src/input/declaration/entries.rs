//! Reads `env:`, `files:` and `credentials:`, whose entries differ in their targets, and `env-from:`.

use std::collections::{BTreeMap, HashSet};

use super::reader::{Fields, Item, MappingEntry};
use crate::input::yaml::Kind;
use crate::model::credential::{Credential, is_credential_name, parse_unit};
use crate::model::entry::template::{Template, TemplateError};
use crate::model::entry::{
    Case, Entry, EntrySource, FilePlace, FileTarget, Mode, Naming, OnMissing, Origin, Owner,
    Target, Transform,
};
use crate::model::reference::Reference;

const VARIABLE: &[&str] = &[
    "from", "value", "template", "encode", "decode", "default", "optional",
];

const FILE: &[&str] = &[
    "from", "value", "template", "encode", "decode", "default", "optional", "path", "env", "mode",
    "owner",
];

const CREDENTIAL: &[&str] = &["from", "template", "decode", "default"];

const PATH_FROM_SECRET: &str = "PATH decides which command runs and takes only `value`";

/// Reads `env:`.
pub fn variables(item: &Item<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for MappingEntry { name, key, value } in item.members() {
        let target = key.variable(name).map(Target::Env);
        let Some(entry) = entry(&value, VARIABLE, target, key.origin()) else {
            continue;
        };
        // The command is looked up in PATH before secrets are fetched.
        let is_plain = matches!(entry.source, EntrySource::Literal(_))
            && entry.transform == Transform::default()
            && entry.on_missing == OnMissing::Fail;
        if name == "PATH" && !is_plain {
            key.named(name).refuse(PATH_FROM_SECRET);
        } else {
            entries.push(entry);
        }
    }
    entries
}

/// Reads `files:`. Two entries, with those of `env:` before them, must not set one variable or path.
pub fn with_files(item: &Item<'_>, mut entries: Vec<Entry>) -> Vec<Entry> {
    let mut claimed: HashSet<_> = entries
        .iter()
        .flat_map(|entry| entry.target.claims())
        .collect();
    for item in item.list("a list of mappings").unwrap_or_default() {
        let Some(entry) = file(&item) else { continue };
        for claim in entry.target.claims() {
            if !claimed.insert(claim.clone()) {
                item.refuse(format!("{claim} is set twice in this declaration"));
            }
        }
        entries.push(entry);
    }
    entries
}

fn file(item: &Item<'_>) -> Option<Entry> {
    let mut fields = item.fields(FILE);
    let (path, env) = (fields.take("path"), fields.take("env"));
    if path.is_none() && env.is_none() {
        item.refuse(
            "expected `path`, or `env` (the variable for the path of a file in memory), or both",
        );
    }
    let target = Target::File(FileTarget {
        place: path
            .and_then(|path| place(&path))
            .unwrap_or(FilePlace::Memory),
        env: env.and_then(|env| match env.text("the name of a variable")? {
            "PATH" => {
                env.refuse(PATH_FROM_SECRET);
                None
            }
            name => env.variable(name),
        }),
        mode: fields
            .parsed("mode", "a mode in octal, like \"0400\"", Mode::parse)
            .unwrap_or(Mode::PRIVATE),
        owner: fields.parsed("owner", "USER, USER:GROUP or :GROUP", Owner::parse),
    });
    // From here on an error begins with the path or the variable of this entry.
    fields.item = item.named(target.to_string());
    mapping(fields, Some(target), item.origin())
}

fn place(path: &Item<'_>) -> Option<FilePlace> {
    if path.text("a path")?.starts_with("~/") {
        path.refuse("~ is not expanded; write the whole path");
        return None;
    }
    path.parsed("the path of a file", |text| {
        let is_directory = matches!(text.rsplit('/').next(), None | Some("" | "." | ".."));
        (!is_directory && !text.contains('\0')).then(|| FilePlace::Path(text.into()))
    })
}

/// Reads `credentials:`, the values that units load by `LoadCredential=`. Returns the units and the entries.
pub fn credentials(item: &Item<'_>) -> (Vec<String>, Vec<Entry>) {
    let (mut units, mut entries) = (Vec::new(), Vec::new());
    for MappingEntry {
        name: unit,
        key,
        value,
    } in item.members()
    {
        if let Err(expected) = parse_unit(unit) {
            key.refuse_value(unit, expected);
        }
        for MappingEntry { name, key, value } in value.members() {
            if !is_credential_name(name) {
                key.refuse_value(
                    name,
                    "a credential's name (printable ASCII without / and :)",
                );
            }
            let target = Target::Credential(Credential {
                unit: unit.to_owned(),
                name: name.to_owned(),
            });
            entries.extend(entry(
                &value.named(target.to_string()),
                CREDENTIAL,
                Some(target),
                key.origin(),
            ));
        }
        units.push(unit.to_owned());
    }
    (units, entries)
}

/// Reads `env-from:`, the JSON objects whose keys become variables.
pub fn env_from(item: &Item<'_>) -> Vec<Entry> {
    let items = item
        .list("a list of references, or of mappings with `from`")
        .unwrap_or_default();
    items.iter().filter_map(object).collect()
}

fn object(item: &Item<'_>) -> Option<Entry> {
    const EXPECTED: &str = "a reference, or a mapping with `from`";
    let origin = item.origin();
    let Kind::Table(_) = item.node.kind else {
        return Some(Entry::of_object(
            reference(item, EXPECTED, false)?,
            Naming::default(),
            origin,
        ));
    };
    let mut fields = item.fields(&["from", "prefix", "only", "except", "rename", "case"]);
    let from = fields.take_required("from", "a reference to a JSON object");
    let from = from.and_then(|from| reference(&from, EXPECTED, false));
    // Empty, or a legal name.
    let prefix = fields
        .take("prefix")
        .and_then(|prefix| match prefix.text("text")? {
            "" => None,
            name => prefix.variable(name),
        });
    let prefix = prefix.map(|name| name.to_string()).unwrap_or_default();
    let only = fields.take("only").and_then(|only| only.texts());
    let except = fields
        .take("except")
        .and_then(|except| except.texts())
        .unwrap_or_default();
    let mut rename = BTreeMap::new();
    for MappingEntry {
        name: key, value, ..
    } in fields.take("rename").iter().flat_map(Item::members)
    {
        let value = value.named("rename");
        if let Some(name) = value.text("text")
            && value.variable(&format!("{prefix}{name}")).is_some()
        {
            rename.insert(key.to_owned(), name.to_owned());
        }
    }
    let case = fields.parsed("case", "upper or keep", |text| match text {
        "upper" => Some(Case::Upper),
        "keep" => Some(Case::Keep),
        _ => None,
    });
    let naming = Naming {
        prefix,
        only,
        except,
        rename,
        case: case.unwrap_or_default(),
    };
    Some(Entry::of_object(from?, naming, origin))
}

/// Reads an entry: a reference, or a mapping with these keys. Without a target, only its errors are added.
fn entry(
    item: &Item<'_>,
    keys: &'static [&'static str],
    target: Option<Target>,
    origin: Origin,
) -> Option<Entry> {
    if let Kind::Table(_) = item.node.kind {
        return mapping(item.fields(keys), target, origin);
    }
    let takes_value = keys.contains(&"value");
    let source = EntrySource::Reference(reference(item, expected(takes_value), takes_value)?);
    Some(Entry::new(target?, source, origin))
}

/// Reads an entry from the keys that are left.
fn mapping(mut fields: Fields<'_>, target: Option<Target>, origin: Origin) -> Option<Entry> {
    let takes_value = fields.known.contains(&"value");
    let source = match (
        fields.take("from"),
        fields.take("value"),
        fields.take("template"),
    ) {
        (Some(from), None, None) => {
            reference(&from, expected(takes_value), takes_value).map(EntrySource::Reference)
        }
        (None, Some(value), None) => value
            .text("text")
            .map(|text| EntrySource::Literal(text.to_owned())),
        (None, None, Some(text)) => template(&text).map(EntrySource::Template),
        (None, None, None) if fields.has_unknown => None,
        (_, _, _) => {
            let keys = if takes_value {
                "`from`, `value` and `template`"
            } else {
                "`from` and `template`"
            };
            fields
                .item
                .refuse(format!("expected exactly one of {keys}"));
            None
        }
    };
    let mut is_base64 = |name| {
        fields
            .parsed(name, "base64", |text| (text == "base64").then_some(()))
            .is_some()
    };
    let transform = Transform {
        decode: is_base64("decode"),
        encode: is_base64("encode"),
    };
    let default = fields
        .take("default")
        .and_then(|default| default.text("text").map(str::to_owned));
    let on_missing = match (default, fields.take("optional")) {
        (Some(_), Some(optional)) => {
            optional.refuse("`default` and `optional` exclude each other");
            None
        }
        (Some(text), None) => Some(OnMissing::Default(text)),
        (None, Some(optional)) => optional.boolean().filter(|on| *on).map(|_| OnMissing::Omit),
        (None, None) => None,
    };
    let on_missing = on_missing.unwrap_or(OnMissing::Fail);
    Some(Entry {
        transform,
        on_missing,
        ..Entry::new(target?, source?, origin)
    })
}

/// Returns the valid forms of an entry, in words.
fn expected(takes_value: bool) -> &'static str {
    match takes_value {
        true => "a reference, or a mapping with `from`, `value` or `template`",
        false => "a reference, or a mapping with `from` or `template`",
    }
}

/// Reads a reference, in whose place nothing but `expected` may stand. A number or a boolean is most likely a literal, for which the hint
/// is `value` if the entry has that key.
fn reference(item: &Item<'_>, expected: &str, takes_value: bool) -> Option<Reference> {
    let text = item.text(expected)?;
    if item.node.boolean().is_some() || item.node.is_number() {
        let help = takes_value.then(|| format!("for a literal write {{ value: \"{text}\" }}"));
        item.refuse_with(format!("{text} is no reference"), help);
        return None;
    }
    parsed(item, text)
}

/// Parses a reference.
pub fn parsed(item: &Item<'_>, text: &str) -> Option<Reference> {
    match Reference::parse(text) {
        Ok(reference) => Some(reference),
        Err(error) => {
            item.refuse_with(error.text, error.help);
            None
        }
    }
}

fn template(item: &Item<'_>) -> Option<Template> {
    match Template::parse(item.text("text")?) {
        Ok(template) => Some(template),
        Err(TemplateError { line, message }) => {
            item.refuse(format!("line {line} of the template: {message}"));
            None
        }
    }
}
