//! The lines of `--verbose`: the secret, version and region of each variable and file.

use super::record::{Record, age};
use crate::model::answer::{Document, FetchError, Fetched};
use crate::model::reference::{Locator, Store};
use crate::model::resolved::{ReadFrom, Resolved, ResolvedEntry};

pub fn provenance(resolved: &Resolved, fetched: &Fetched) -> Vec<Record> {
    let not_set = resolved.omitted.iter().map(|unused| &unused.subject).filter(|subject| !resolved.has(&subject.label));
    let not_set = not_set.map(|subject| {
        let text = format!("{subject}: not set, since it is optional and absent");
        Record::note(text).event("omitted").with("variables", vec![subject.label.as_str()])
    });
    resolved.entries.iter().map(|entry| line(entry, fetched)).chain(not_set).collect()
}

fn line(ResolvedEntry { subject, read_from, .. }: &ResolvedEntry, fetched: &Fetched) -> Record {
    let text = match (read_from.as_slice(), &subject.written) {
        ([], None) => format!("{subject}: literal"),
        ([], Some(_)) => format!("{subject}: absent, so its default is set"),
        (read_from, _) => {
            let read: Vec<_> = read_from.iter().filter_map(|read| described(read, fetched)).collect();
            format!("{subject}: {}", read.join("; "))
        }
    };
    let line = Record::note(text).event("resolved").with("variables", vec![subject.label.as_str()]);
    match read_from.as_slice() {
        [only] => {
            let secret = only.locator.written_id() + only.parameter_name.as_deref().unwrap_or_default();
            let version = read(only, fetched).and_then(|(document, _)| document.version_id.clone());
            line.with("secret", secret).with_some("version", version)
        }
        [] | [_, _, ..] => line,
    }
}

/// Returns the document, and the name of its secret or parameter.
fn read<'f>(ReadFrom { locator, parameter_name }: &ReadFrom, fetched: &'f Fetched) -> Option<(&'f Document, String)> {
    let answer = fetched.get(locator)?.as_ref().ok()?;
    match parameter_name {
        None => Some((answer, locator.name())),
        Some(rest) => {
            let (_, parameter) = answer.parameters.iter().find(|(name, _)| name == rest)?;
            Some((parameter, locator.name_of(Some(rest))))
        }
    }
}

fn described(from: &ReadFrom, fetched: &Fetched) -> Option<String> {
    let (document, name) = read(from, fetched)?;
    let answer = fetched.get(&from.locator)?.as_ref().ok()?;
    let version = document.version_id.as_deref().unwrap_or("without id");
    let place = document.region.as_ref().map_or_else(|| "local file".to_owned(), |region| format!("region {region}"));
    let passed_over = answer.passed_over.iter();
    let instead = passed_over.map(|passed| {
        let why = FetchError::Unavailable(passed.outage.clone()).text();
        format!(", in place of {} ({why})", passed.region)
    });
    let cached = answer.cached.iter().map(|cached| format!(", from the cache, {} old", age(cached.age.as_secs())));
    let stages = stages(&from.locator, document);
    Some(format!("{name}, version {version}{stages}, {place}{}", instead.chain(cached).collect::<String>()))
}

fn stages(locator: &Locator, document: &Document) -> String {
    let stages = document.stages.join(", ");
    match locator.store {
        Store::SecretsManager => format!(", stage {stages}"),
        Store::ParameterStore if stages.is_empty() => String::new(),
        Store::ParameterStore => format!(", label {stages}"),
    }
}
