//! The notes of `--verbose`: the secret, version and region of each variable and file, and what the resolution took.

use super::record::{Record, age};
use crate::model::answer::{Document, Fetched};
use crate::model::reference::Store;
use crate::model::resolved::{OmittedEntry, ReadFrom, Resolved, ResolvedValue};

pub fn provenance(resolved: &Resolved, fetched: &Fetched) -> Vec<Record> {
    let mut records: Vec<Record> = resolved
        .values
        .iter()
        .map(|value| value_note(value, fetched))
        .collect();
    for OmittedEntry {
        target, subject, ..
    } in &resolved.omitted
    {
        if !resolved.sets(target) {
            let text = format!("{subject}: not set, since it is optional and absent");
            records.push(
                Record::note(text)
                    .event("omitted")
                    .with("variables", vec![subject.label.as_str()]),
            );
        }
    }
    records.extend((!resolved.elapsed.is_zero()).then(|| total(resolved, fetched)));
    records
}

/// Returns the note about the whole resolution.
fn total(
    Resolved {
        values,
        elapsed,
        requests,
        ..
    }: &Resolved,
    fetched: &Fetched,
) -> Record {
    let answers = Vec::from_iter(fetched.values().flatten());
    let from_cache = answers
        .iter()
        .filter(|answer| answer.cached.is_some())
        .count();
    let counted =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (values, secrets, milliseconds) = (values.len(), answers.len(), elapsed.as_millis() as u64);
    let [value, secret, request] = [
        (values, "value"),
        (secrets, "secret"),
        (*requests, "request"),
    ]
    .map(|(count, what)| counted(count, what));
    Record::note(format!(
        "{value} of {secret} in {milliseconds} ms, {request}"
    ))
    .event("resolution")
    .with("values", values)
    .with("secrets", secrets)
    .with("milliseconds", milliseconds)
    .with("requests", *requests)
    .with("from_cache", from_cache)
}

fn value_note(resolved: &ResolvedValue, fetched: &Fetched) -> Record {
    let ResolvedValue {
        subject,
        read_from,
        is_default,
        ..
    } = resolved;
    let mut sources = Vec::new();
    for from in read_from {
        if let Some(Ok(answer)) = fetched.get(&from.locator) {
            sources.push(source(from, answer));
        }
    }
    let text = match (read_from.as_slice(), &subject.written) {
        ([], _) if *is_default => "absent, so its default is set".to_owned(),
        ([], None) => "literal".to_owned(),
        ([], Some(_)) => "names no secret".to_owned(),
        ([_, ..], _) => sources.join("; "),
    };
    let remark = resolved
        .remark()
        .map(|remark| format!("; {remark}"))
        .unwrap_or_default();
    let record = Record::note(format!("{subject}: {text}{remark}")).event("resolved");
    let record = record.with("variables", vec![subject.label.as_str()]);
    let [only] = read_from.as_slice() else {
        return record;
    };
    let secret = only.locator.written_id() + only.parameter_name.as_deref().unwrap_or_default();
    let answer = fetched
        .get(&only.locator)
        .and_then(|answer| answer.as_ref().ok());
    let read = answer.and_then(|answer| answer.part(only.parameter_name.as_deref()));
    record
        .with("secret", secret)
        .with_some("version", read.and_then(|read| read.version_id.clone()))
}

/// Describes a secret or parameter, its version, and where it was read.
fn source(from: &ReadFrom, answer: &Document) -> String {
    let document = answer
        .part(from.parameter_name.as_deref())
        .unwrap_or(answer);
    let version = document.version_id.as_deref().unwrap_or("without id");
    let place = document.region.as_ref().map_or_else(
        || "local file".to_owned(),
        |region| format!("region {region}"),
    );
    let name = from.locator.name_of(from.parameter_name.as_deref());
    let labels = match (document.stages.join(", "), from.locator.store) {
        (labels, _) if labels.is_empty() => labels,
        (labels, Store::SecretsManager) => format!(", stage {labels}"),
        (labels, Store::ParameterStore) => format!(", label {labels}"),
    };
    let mut text = format!("{name}, version {version}{labels}, {place}");
    for passed in &answer.passed_over {
        text += &format!(", in place of {} ({})", passed.region, passed.outage.text());
    }
    if let Some(cached) = &answer.cached {
        text += &format!(", from the cache, {} old", age(cached.age.as_secs()));
    }
    text
}
