//! Warnings about the cache: entries that cannot be used, and answers that take AWS's place.

use std::collections::BTreeMap;
use std::path::Path;

use crate::backend::cached::CacheNotice;
use crate::model::answer::{CachedAnswer, Fetched};
use crate::report::record::{Record, age};

/// Returns the warnings about the cache: first each answer that takes the place of AWS's, grouped by the reason, then entries that cannot
/// be used.
pub fn cache_warnings(directory: &Path, notices: &[CacheNotice], fetched: &Fetched) -> Vec<Record> {
    let mut covering: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (locator, answer) in fetched {
        let Ok(document) = answer else { continue };
        let Some(CachedAnswer {
            age: since,
            covers: Some(failure),
        }) = &document.cached
        else {
            continue;
        };
        let version = match &document.version_id {
            Some(id) => format!("version {id}, "),
            None => String::new(),
        };
        let answer = format!("{} ({version}{} old)", locator.noun(), age(since.as_secs()));
        covering
            .entry(failure.error.text())
            .or_default()
            .push(answer);
    }
    let mut unusable: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for CacheNotice { locator, what } in notices {
        unusable.entry(what).or_default().push(locator.noun());
    }
    let mut records = Vec::new();
    for (why, answers) in covering {
        records.push(Record::warning(format!(
            "{why}; using cached values for {}",
            answers.join(", ")
        )));
    }
    for (what, entries) in unusable {
        let answers = if entries.len() == 1 {
            "answer"
        } else {
            "answers"
        };
        records.push(Record::warning(format!(
            "the {answers} for {} in the --cache directory \"{}\" {what}",
            entries.join(", "),
            directory.display()
        )));
    }
    records
}
