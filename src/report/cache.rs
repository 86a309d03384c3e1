//! Warnings about the cache: entries that cannot be used, and answers that take AWS's place.

use std::collections::BTreeMap;
use std::path::Path;

use crate::backend::cached::CacheNotice;
use crate::model::answer::{CachedAnswer, Fetched};
use crate::report::record::{Record, age};
use crate::report::rotation::some_of;

/// Returns the warnings about the cache: first each answer that takes the place of AWS's, grouped by the reason, then entries that cannot
/// be used.
pub fn cache_warnings(directory: &Path, notices: &[CacheNotice], fetched: &Fetched) -> Vec<Record> {
    let mut covering = BTreeMap::new();
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
            Some(id) => format!(" (version {id})"),
            None => String::new(),
        };
        let (name, age) = (locator.noun(), age(since.as_secs()));
        let problem = failure.error.problem();
        let before = failure.error.before_secret();
        let (.., names, notes) = covering.entry(problem.text.clone()).or_insert((
            problem,
            before,
            Vec::new(),
            Vec::new(),
        ));
        notes.push(format!("the cached value of {name} is {age} old{version}"));
        names.push(name);
    }
    let mut unusable: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for CacheNotice { locator, what } in notices {
        unusable.entry(what).or_default().push(locator.noun());
    }
    let mut records = Vec::new();
    for (problem, before, names, notes) in covering.into_values() {
        let reason = match before {
            None => problem.text,
            Some(before) => format!("{before}{} {}", some_of(&names), problem.text),
        };
        let detail = problem.detail;
        records.push(Record {
            notes,
            aws_says: problem.aws_says.map(|text| text + &detail),
            ..Record::warning(format!("{reason}, so the cache is used"))
        });
    }
    for (what, entries) in unusable {
        let directory = directory.display();
        let text = format!("a cached value in \"{directory}\" {what}");
        records.push(Record {
            entries,
            ..Record::warning(text)
        });
    }
    records
}
