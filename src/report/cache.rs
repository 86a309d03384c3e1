//! The warnings about the cache.

use std::path::Path;

use crate::backend::cached::CacheNotice;
use crate::model::answer::Fetched;
use crate::report::record::{Record, age, grouped};

/// Returns the warnings about values that come from the cache, because requests failed. Failures with the same reason share a warning, and each
/// value has a note.
fn fallback_warnings(fetched: &Fetched) -> Vec<Record> {
    let mut replaced = Vec::new();
    for (locator, answer) in fetched {
        if let Ok(document) = answer
            && let Some(cached) = &document.cached
            && let Some(failure) = &cached.replaces
        {
            let version = match &document.version_id {
                Some(id) => format!(" (version {id})"),
                None => String::new(),
            };
            let (name, age) = (locator.noun(), age(cached.age.as_secs()));
            let note = format!("the cached value of {name} is {age} old{version}");
            replaced.push((failure.error.sentence(), note));
        }
    }

    let mut records = Vec::new();
    for (reason, notes) in grouped(replaced) {
        let text = format!("{reason}, so the cache is used");
        records.push(Record {
            notes,
            ..Record::warning(text)
        });
    }
    records
}

/// Returns the warnings about the cache in `directory`: first those about values that come from it, and then those about entries that can't
/// be used.
pub fn cache_warnings(directory: &Path, notices: &[CacheNotice], fetched: &Fetched) -> Vec<Record> {
    let mut records = fallback_warnings(fetched);
    let unusable = notices
        .iter()
        .map(|notice| (&notice.what, notice.locator.noun()));
    for (what, entries) in grouped(unusable) {
        let text = format!("a cached value in \"{}\" {what}", directory.display());
        records.push(Record {
            entries,
            ..Record::warning(text)
        });
    }
    records
}
