//! The notes of `--verbose`: the secret, version and region of each variable and file, and what the resolution took.

use super::record::{Record, age};
use crate::model::answer::{Document, Fetched};
use crate::model::outcome::{EntryOutcome, Fate, Outcomes};
use crate::model::reference::{Locator, Store};

pub fn provenance(outcomes: &Outcomes, fetched: &Fetched) -> Vec<Record> {
    let mut records = Vec::new();
    for (outcome, _) in outcomes.values() {
        records.push(value_note(outcome, fetched));
    }
    for EntryOutcome {
        target,
        subject,
        fate,
        ..
    } in &outcomes.list
    {
        if matches!(fate, Fate::Absent) && !outcomes.sets(target) {
            let text = format!("{subject}: not set, since it is optional and absent");
            records.push(
                Record::note(text)
                    .event("omitted")
                    .with("variables", vec![subject.label.as_str()]),
            );
        }
    }
    if !outcomes.elapsed.is_zero() {
        records.push(total(outcomes, fetched));
    }
    records
}

/// Returns the note about the whole resolution.
fn total(outcomes: &Outcomes, fetched: &Fetched) -> Record {
    let answers = Vec::from_iter(fetched.values().flatten());
    let from_cache = answers
        .iter()
        .filter(|answer| answer.cached.is_some())
        .count();
    let counted =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (values, secrets) = (outcomes.values().count(), answers.len());
    let (milliseconds, requests) = (outcomes.elapsed.as_millis() as u64, outcomes.requests);
    let [value, secret, request] = [
        (values, "value"),
        (secrets, "secret"),
        (requests, "request"),
    ]
    .map(|(count, what)| counted(count, what));
    Record::note(format!(
        "{value} of {secret} in {milliseconds} ms, {request}"
    ))
    .event("resolution")
    .with("values", values)
    .with("secrets", secrets)
    .with("milliseconds", milliseconds)
    .with("requests", requests)
    .with("from_cache", from_cache)
}

fn value_note(outcome: &EntryOutcome, fetched: &Fetched) -> Record {
    let (subject, read_from) = (&outcome.subject, outcome.read_from());
    let parameter_name = outcome.parameter_name.as_deref();
    let mut sources = Vec::new();
    for reference in read_from {
        if let Some(Ok(answer)) = fetched.get(&reference.locator) {
            sources.push(source(&reference.locator, parameter_name, answer));
        }
    }
    let text = match (read_from, &subject.written) {
        ([], _) if outcome.is_default() => "absent, so its default is set".to_owned(),
        ([], None) => "literal".to_owned(),
        ([], Some(_)) => "names no secret".to_owned(),
        ([_, ..], _) => sources.join("; "),
    };
    let remark = outcome
        .remark()
        .map(|remark| format!("; {remark}"))
        .unwrap_or_default();
    let record = Record::note(format!("{subject}: {text}{remark}")).event("resolved");
    let record = record.with("variables", vec![subject.label.as_str()]);
    let [only] = read_from else {
        return record;
    };
    let locator = &only.locator;
    let secret = locator.written_id() + parameter_name.unwrap_or_default();
    let answer = fetched.get(locator).and_then(|answer| answer.as_ref().ok());
    let read = answer.and_then(|answer| answer.part(parameter_name));
    record
        .with("secret", secret)
        .with_some("version", read.and_then(|read| read.version_id.clone()))
}

/// Describes a secret or parameter, its version, and where it was read.
fn source(locator: &Locator, parameter_name: Option<&str>, answer: &Document) -> String {
    let document = answer.part(parameter_name).unwrap_or(answer);
    let version = document.version_id.as_deref().unwrap_or("without id");
    let place = document.region.as_ref().map_or_else(
        || "local file".to_owned(),
        |region| format!("region {region}"),
    );
    let name = locator.name_of(parameter_name);
    let labels = match (document.stages.join(", "), locator.store) {
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
