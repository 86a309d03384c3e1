//! The notes of `--verbose`: each secret with its version, its region and the variables that it gives, the values that come from no secret, and
//! what the resolution took.

use std::collections::HashMap;

use super::record::{Record, age};
use crate::model::answer::{Document, Fetched};
use crate::model::outcome::{EntryOutcome, Fate, Outcomes};
use crate::model::reference::{Locator, SecretRef, Store};

/// Returns the notes about all values of a launch.
pub fn provenance(outcomes: &Outcomes, fetched: &Fetched) -> Vec<Record> {
    let mut records = secret_notes(outcomes, fetched);
    records.extend(literals_note(outcomes));
    for outcome in &outcomes.list {
        let subject = &outcome.subject;
        let label = vec![subject.label.as_str()];
        if outcome.is_default() {
            let text =
                format!("{subject} gets its default, because the secret or key does not exist");
            records.push(
                Record::note(text)
                    .event("resolved")
                    .with("variables", label),
            );
        } else if matches!(outcome.fate, Fate::Absent) && !outcomes.sets(&outcome.target) {
            let text = format!(
                "{subject} is not set, because it is optional and the secret or key does not exist"
            );
            records.push(Record::note(text).event("omitted").with("variables", label));
        }
    }
    records.extend(total_note(outcomes, fetched));
    records
}

/// Returns a note for each secret or parameter that gives a value, in the order of the entries.
pub fn secret_notes(outcomes: &Outcomes, fetched: &Fetched) -> Vec<Record> {
    let mut secrets: Vec<(&Locator, Option<&str>, Vec<&EntryOutcome>)> = Vec::new();
    let mut positions = HashMap::new();
    for (outcome, _) in outcomes.values() {
        let parameter_name = outcome.parameter_name.as_deref();
        for SecretRef { locator, .. } in outcome.read_from() {
            let position = *positions
                .entry((locator, parameter_name))
                .or_insert(secrets.len());
            if position == secrets.len() {
                secrets.push((locator, parameter_name, Vec::new()));
            }
            let given = &mut secrets[position].2;
            // A template may read several keys of the secret.
            if given.last().is_none_or(|last| last.id != outcome.id) {
                given.push(outcome);
            }
        }
    }

    let mut records = Vec::new();
    for (locator, parameter_name, given) in secrets {
        let Some(Ok(answer)) = fetched.get(locator) else {
            continue;
        };
        let labels = given.iter().map(|outcome| outcome.subject.label.as_str());
        let with_remark = |outcome: &&EntryOutcome| match outcome.remark() {
            Some(remark) => format!("{} ({remark})", outcome.subject.label),
            None => outcome.subject.label.clone(),
        };
        let shown: Vec<String> = given.iter().map(with_remark).collect();
        let source = source(locator, parameter_name, answer);
        let version = &answer.part(parameter_name).unwrap_or(answer).version_id;
        records.push(
            Record::note(format!("{source} gives {}", shown.join(", ")))
                .event("resolved")
                .with("variables", labels.collect::<Vec<_>>())
                .with(
                    "secret",
                    locator.written_id() + parameter_name.unwrap_or_default(),
                )
                .with_some("version", version.clone()),
        );
    }
    records
}

/// Returns the note about the values that are written in a declaration or in a variable; `None` without any.
fn literals_note(outcomes: &Outcomes) -> Option<Record> {
    let is_literal = |outcome: &EntryOutcome| outcome.reads.is_empty() && !outcome.is_default();
    let values = outcomes.values();
    let literals = values.filter(|(outcome, _)| is_literal(outcome));
    let labels: Vec<&str> = literals
        .map(|(outcome, _)| outcome.subject.label.as_str())
        .collect();
    let text = match labels.len() {
        0 => return None,
        1 => "1 value is a literal".to_owned(),
        count => format!("{count} values are literals"),
    };
    Some(
        Record::note(text)
            .event("resolved")
            .with("variables", labels),
    )
}

/// Returns the note about the whole resolution; `None` if nothing was resolved.
pub fn total_note(outcomes: &Outcomes, fetched: &Fetched) -> Option<Record> {
    if outcomes.elapsed.is_zero() {
        return None;
    }
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
    let text = format!("{value} of {secret} in {milliseconds} ms, {request}");
    let record = Record::note(text)
        .event("resolution")
        .with("values", values)
        .with("secrets", secrets)
        .with("milliseconds", milliseconds)
        .with("requests", requests)
        .with("from_cache", from_cache);
    Some(record)
}

/// Describes a secret or parameter, its version, and where it was read: `the secret "prod/db" (version …, stage AWSCURRENT, us-east-1)`.
fn source(locator: &Locator, parameter_name: Option<&str>, answer: &Document) -> String {
    let document = answer.part(parameter_name).unwrap_or(answer);
    let mut facts = Vec::new();
    facts.extend(
        document
            .version_id
            .as_ref()
            .map(|id| format!("version {id}")),
    );
    if !document.stages.is_empty() {
        let label = match locator.store {
            Store::SecretsManager => "stage",
            Store::ParameterStore => "label",
        };
        facts.push(format!("{label} {}", document.stages.join(", ")));
    }
    facts.push(match &document.region {
        Some(region) => region.to_string(),
        None => "from the --local file".to_owned(),
    });
    for passed in &answer.passed_over {
        facts.push(format!(
            "instead of {} ({})",
            passed.region,
            passed.outage.text()
        ));
    }
    if let Some(cached) = &answer.cached {
        facts.push(format!("from the cache, {} old", age(cached.age.as_secs())));
    }
    format!("{} ({})", locator.noun_of(parameter_name), facts.join(", "))
}
