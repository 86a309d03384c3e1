//! Reads `env:`, `files:` and `credentials:`, whose entries differ in their targets, and `env-from:`.

use std::collections::{BTreeMap, HashSet};

use regex_lite::Regex;

use super::reader::{Fields, Item, MappingEntry, TEXT};
use crate::input::yaml::Kind;
use crate::model::credential::{Credential, is_credential_name, parse_unit};
use crate::model::entry::template::{Template, TemplateError};
use crate::model::entry::{
    Case, Entry, EntrySource, FilePlace, FileTarget, Mode, Naming, OnMissing, Origin, Owner,
    Target, Transform,
};
use crate::model::env_name::is_name;
use crate::model::quoting::quoted_value;
use crate::model::reference::Reference;

const VARIABLE: &[&str] = &[
    "from", "value", "template", "encode", "decode", "default", "optional", "pattern",
];

const FILE: &[&str] = &[
    "from", "value", "template", "encode", "decode", "default", "optional", "pattern", "path",
    "env", "mode", "owner",
];

const CREDENTIAL: &[&str] = &["from", "template", "decode", "default", "pattern"];

const PATH_FROM_SECRET: &str =
    "can only be set with \"value\", because it decides which command runs";

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
            && entry.pattern.is_none()
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
                item.named("")
                    .refuse_sentence(format!("{claim} is set twice in this declaration"), None);
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
        let text = "an entry needs \"path\", or \"env\" (the variable that gets the path of a file in memory), or both";
        item.refuse_sentence(text, None);
    }
    let mut target = FileTarget {
        place: path
            .and_then(|path| place(&path))
            .unwrap_or(FilePlace::Memory),
        env: env.and_then(|env| match env.text("the name of a variable")? {
            "PATH" => {
                item.named("PATH").refuse(PATH_FROM_SECRET);
                None
            }
            name => env.variable(name),
        }),
        mode: Mode::PRIVATE,
        owner: None,
    };
    // From here on, an error names the path or the variable of this entry.
    fields.item = item.named(Target::File(target.clone()).to_string());

    let mode = fields.parsed("mode", "a mode in octal, like \"0400\"", Mode::parse);
    target.mode = mode.unwrap_or(Mode::PRIVATE);
    target.owner = fields.parsed("owner", "USER, USER:GROUP or :GROUP", Owner::parse);
    mapping(fields, Some(Target::File(target)), item.origin())
}

fn place(path: &Item<'_>) -> Option<FilePlace> {
    if path.text("a path")?.starts_with("~/") {
        path.refuse_with(
            "starts with \"~\", which only a shell expands",
            Some("write the absolute path".to_owned()),
        );
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
            key.refuse_sentence(format!("{} is not {expected}", quoted_value(unit)), None);
        }
        for MappingEntry { name, key, value } in value.members() {
            if !is_credential_name(name) {
                let text = "is not a credential's name, which has printable ASCII characters without \"/\" and \":\"";
                key.refuse_sentence(format!("{} {text}", quoted_value(name)), None);
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
        .list("a list of references, as in [prod/stripe]")
        .unwrap_or_default();
    items.iter().filter_map(object).collect()
}

fn object(item: &Item<'_>) -> Option<Entry> {
    const EXPECTED: &str = "a reference such as prod/stripe";
    let origin = item.origin();
    let Kind::Table(_) = item.node.kind else {
        return Some(Entry::of_object(
            reference(item, EXPECTED, false)?,
            Naming::default(),
            origin,
        ));
    };
    let mut fields = item.fields(&["from", "prefix", "only", "except", "rename", "case"]);
    let from = fields.take_required("from", "the reference to a JSON object");
    let from = from.and_then(|from| reference(&from, EXPECTED, false));
    // Empty, or a legal name.
    let prefix = fields
        .take("prefix")
        .and_then(|prefix| match prefix.text(TEXT)? {
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
        if let Some(name) = value.text(TEXT)
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
            .text(TEXT)
            .map(|text| EntrySource::Literal(text.to_owned())),
        (None, None, Some(text)) => template(&text).map(EntrySource::Template),
        (None, None, None) if fields.has_unknown => None,
        (_, _, _) => {
            fields.item.refuse(match takes_value {
                true => "needs exactly one of \"from\", \"value\" and \"template\"",
                false => "needs either \"from\" or \"template\"",
            });
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
    let pattern = fields
        .take("pattern")
        .and_then(|pattern| regular_expression(&pattern));
    let default = fields.take("default").and_then(|default| {
        let text = default.text(TEXT)?;
        if let Some(pattern) = &pattern
            && !pattern.is_match(text)
        {
            default.refuse(format!("does not match the pattern \"{pattern}\""));
        }
        Some(text.to_owned())
    });
    let on_missing = match (default, fields.take("optional")) {
        (Some(_), Some(optional)) => {
            let text = "\"default\" and \"optional\" cannot be used together";
            optional.refuse_sentence(text, None);
            None
        }
        (Some(text), None) => Some(OnMissing::Default(text)),
        (None, Some(optional)) => optional.boolean().filter(|on| *on).map(|_| OnMissing::Omit),
        (None, None) => None,
    };
    let on_missing = on_missing.unwrap_or(OnMissing::Fail);
    Some(Entry {
        transform,
        pattern,
        on_missing,
        ..Entry::new(target?, source?, origin)
    })
}

/// Returns the valid forms of an entry, in words.
fn expected(takes_value: bool) -> &'static str {
    match takes_value {
        true => "a reference such as prod/db:password, or { value: … } for plain text",
        false => "a reference such as prod/db:password",
    }
}

/// Reads a reference, in whose place nothing but `expected` may stand. A number or a boolean is most likely a literal, for which the hint
/// is `value` if the entry has that key.
fn reference(item: &Item<'_>, expected: &str, takes_value: bool) -> Option<Reference> {
    let text = item.text(expected)?;
    let what = match item.node.boolean() {
        Some(_) => text,
        None if item.node.is_number() => "a number",
        None => return parsed(item, text),
    };
    let literal = format!("write {}: {{ value: \"{text}\" }}", item.subject);
    let help = takes_value.then_some(literal);
    item.refuse_with(format!("is {what}, not a reference to a secret"), help);
    None
}

/// Parses a reference.
pub fn parsed(item: &Item<'_>, text: &str) -> Option<Reference> {
    match Reference::parse(text) {
        Ok(reference) => Some(reference),
        Err(error) => {
            let help = error.help.map(|help| match is_name(&item.subject) {
                true => help
                    .replace("NAME: {", &format!("{}: {{", item.subject))
                    .replace(" in a declaration", ""),
                false => help,
            });
            item.refuse_sentence(error.text, help);
            None
        }
    }
}

fn regular_expression(item: &Item<'_>) -> Option<Regex> {
    let text = item.text("a regular expression")?;
    Regex::new(text)
        .map_err(|why| item.refuse(format!("is not a valid regular expression: {why}")))
        .ok()
}

fn template(item: &Item<'_>) -> Option<Template> {
    match Template::parse(item.text(TEXT)?) {
        Ok(template) => Some(template),
        Err(TemplateError { text, help }) => {
            item.refuse_sentence(text, help);
            None
        }
    }
}
