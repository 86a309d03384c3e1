//! The notes of `--verbose`: the secret, version and region of each variable and file.

use super::record::{Record, age};
use crate::model::answer::{Document, Fetched};
use crate::model::reference::{Locator, Store};
use crate::model::resolved::{ReadFrom, Resolved, ResolvedEntry};

pub fn provenance(resolved: &Resolved, fetched: &Fetched) -> Vec<Record> {
    let mut records: Vec<Record> = resolved.entries.iter().map(|entry| value_note(entry, fetched)).collect();
    for unused in &resolved.omitted {
        let subject = &unused.subject;
        if !resolved.has(&subject.label) {
            let text = format!("{subject}: not set, since it is optional and absent");
            records.push(Record::note(text).event("omitted").with("variables", vec![subject.label.as_str()]));
        }
    }
    records
}

fn value_note(ResolvedEntry { subject, read_from, is_default, .. }: &ResolvedEntry, fetched: &Fetched) -> Record {
    let source = match (read_from.as_slice(), &subject.written) {
        ([], _) if *is_default => "absent, so its default is set".to_owned(),
        ([], None) => "literal".to_owned(),
        ([], Some(_)) => "names no secret".to_owned(),
        (read_from, _) => {
            let read: Vec<_> = read_from.iter().filter_map(|read| described(read, fetched)).collect();
            read.join("; ")
        }
    };
    let text = format!("{subject}: {source}");
    let record = Record::note(text).event("resolved").with("variables", vec![subject.label.as_str()]);
    match read_from.as_slice() {
        [only] => {
            let secret = only.locator.written_id() + only.parameter_name.as_deref().unwrap_or_default();
            let version = read(only, fetched).and_then(|document| document.version_id.clone());
            record.with("secret", secret).with_some("version", version)
        }
        [] | [_, _, ..] => record,
    }
}

/// Returns the document of a secret or parameter.
fn read<'f>(ReadFrom { locator, parameter_name }: &ReadFrom, fetched: &'f Fetched) -> Option<&'f Document> {
    let answer = fetched.get(locator)?.as_ref().ok()?;
    match parameter_name {
        None => Some(answer),
        Some(rest) => answer.parameters.iter().find(|(name, _)| name == rest).map(|(_, parameter)| parameter),
    }
}

fn described(from: &ReadFrom, fetched: &Fetched) -> Option<String> {
    let document = read(from, fetched)?;
    let answer = fetched.get(&from.locator)?.as_ref().ok()?;
    let version = document.version_id.as_deref().unwrap_or("without id");
    let place = document.region.as_ref().map_or_else(|| "local file".to_owned(), |region| format!("region {region}"));
    let name = from.locator.name_of(from.parameter_name.as_deref());
    let mut text = format!("{name}, version {version}{}, {place}", labels(&from.locator, document));
    for passed in &answer.passed_over {
        text += &format!(", in place of {} ({})", passed.region, passed.outage.text());
    }
    if let Some(cached) = &answer.cached {
        text += &format!(", from the cache, {} old", age(cached.age.as_secs()));
    }
    Some(text)
}

/// Returns the labels of a version, which may have none.
fn labels(locator: &Locator, document: &Document) -> String {
    let labels = document.stages.join(", ");
    match locator.store {
        _ if labels.is_empty() => String::new(),
        Store::SecretsManager => format!(", stage {labels}"),
        Store::ParameterStore => format!(", label {labels}"),
    }
}
