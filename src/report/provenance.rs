//! The notes of `--verbose`: which secret gives which variables, in which version and from which
//! region; how many values are literals; and how long everything took.

use super::record::{Record, age, counted, grouped};
use crate::model::answer::{Document, Fetched};
use crate::model::outcome::{EntryOutcome, Outcome, Outcomes};
use crate::model::reference::{Locator, Store};

/// Returns the notes about all values of a launch: those about secrets, about literals, and about
/// entries that get their default or aren't set. The last one is about the whole resolution.
pub fn provenance_notes(outcomes: &Outcomes, fetched: &Fetched) -> Vec<Record> {
    let mut records = secret_notes(outcomes, fetched);
    records.extend(literals_note(outcomes));

    for outcome in &outcomes.list {
        let subject = &outcome.subject;
        let label = vec![subject.label.as_str()];
        if outcome.is_default() {
            let text =
                format!("{subject} gets its default, because the secret or key does not exist");
            let note = Record::note(text).event("resolved");
            records.push(note.with("variables", label));
        } else if matches!(outcome.result, Outcome::Absent) && !outcomes.sets(&outcome.target) {
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
    let values = outcomes.values().flat_map(|(outcome, _)| {
        let reads = outcome.read_from().iter();
        reads.map(move |read| ((&read.locator, outcome.parameter_name.as_deref()), outcome))
    });

    let mut records = Vec::new();
    for ((locator, parameter_name), mut given) in grouped(values) {
        // A value is only made if every document was fetched, so this always finds one.
        let Some(Ok(answer)) = fetched.get(locator) else {
            continue;
        };
        // A composed value may use several keys of the same secret, and two aliases of a template
        // may stand for the same secret.
        given.dedup_by_key(|outcome| outcome.id);

        let labels = Vec::from_iter(given.iter().map(|outcome| outcome.subject.label.as_str()));
        let source = described_source(locator, parameter_name, answer);
        // A parameter below a path has a version of its own.
        let version = &answer
            .versioned(parameter_name)
            .unwrap_or(answer)
            .version_id;
        let secret = locator.written_id() + parameter_name.unwrap_or_default();
        let text = format!("{source} gives {}", labels.join(", "));
        let note = Record::note(text).event("resolved");
        let note = note.with("variables", labels).with("secret", secret);
        records.push(note.with_some("version", version.clone()));
    }
    records
}

/// Returns the note about values that are written in a declaration or in a variable, or `None` if
/// there aren't any.
fn literals_note(outcomes: &Outcomes) -> Option<Record> {
    let is_literal = |outcome: &EntryOutcome| outcome.reads.is_empty() && !outcome.is_default();
    let labels: Vec<&str> = outcomes
        .values()
        .filter(|(outcome, _)| is_literal(outcome))
        .map(|(outcome, _)| outcome.subject.label.as_str())
        .collect();
    if labels.is_empty() {
        return None;
    }
    let text = counted(labels.len(), "value is a literal", "values are literals");
    let note = Record::note(text).event("resolved");
    Some(note.with("variables", labels))
}

/// Returns the note about reading the secrets and resolving the plan. Returns `None` if there was
/// nothing to read.
pub fn total_note(outcomes: &Outcomes, fetched: &Fetched) -> Option<Record> {
    if fetched.is_empty() {
        return None;
    }
    let answers = Vec::from_iter(fetched.values().flatten());
    let cached = answers.iter().filter(|answer| answer.cached.is_some());
    let (values, secrets) = (outcomes.values().count(), answers.len());
    let (milliseconds, requests) = (outcomes.elapsed.as_millis() as u64, outcomes.requests);

    let text = format!(
        "{} of {} in {milliseconds} ms, {}",
        counted(values, "value", "values"),
        counted(secrets, "secret", "secrets"),
        counted(requests, "request", "requests"),
    );
    let record = Record::note(text)
        .event("resolution")
        .with("values", values)
        .with("secrets", secrets)
        .with("milliseconds", milliseconds)
        .with("requests", requests)
        .with("from_cache", cached.count());
    Some(record)
}

/// Returns the description of a secret or parameter with its version and where it was read: `the
/// secret "prod/db" (version …, stage AWSCURRENT, us-east-1)`.
fn described_source(locator: &Locator, parameter_name: Option<&str>, answer: &Document) -> String {
    let document = answer.versioned(parameter_name).unwrap_or(answer);
    let mut facts = Vec::new();
    let version_id = document.version_id.as_ref();
    facts.extend(version_id.map(|id| format!("version {id}")));
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
    for (region, outage) in &answer.passed_over {
        facts.push(format!("instead of {region} ({})", outage.sentence()));
    }
    if let Some(cached) = &answer.cached {
        facts.push(format!("from the cache, {} old", age(cached.age.as_secs())));
    }

    format!("{} ({})", locator.noun_of(parameter_name), facts.join(", "))
}
