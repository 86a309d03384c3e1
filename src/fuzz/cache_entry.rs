//! Fuzzes the entries of the cache. An entry that can be read can also be written and read again,
//! and an additional byte makes it invalid.

use super::support::CANARY;
use crate::backend::cached::{decode, encode, entry_name};
use crate::model::answer::Document;

/// Reads `data` as the JSON of an entry, after its checksum.
pub fn cache_entry(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // The function for the name of an entry also gives the checksum.
    let entry = [
        b"secrets-exec cache 1\n",
        entry_name(text).as_bytes(),
        b"\n",
        data,
    ]
    .concat();
    let Ok(read) = decode("name", &entry) else {
        return;
    };

    let debugged = format!("{read:?}");
    assert!(
        text.contains(CANARY) || !debugged.contains(CANARY),
        "{debugged}"
    );

    let written = encode("name", &read.document, read.fetched).map(|bytes| decode("name", &bytes));
    let again = written.and_then(Result::ok);
    assert!(
        again.is_some(),
        "{debugged} can't be written, or read again"
    );
    let Some(again) = again else { return };
    assert_eq!(
        (again.fetched, values(&again.document)),
        (read.fetched, values(&read.document))
    );

    let damaged = [&entry, CANARY.as_bytes()].concat();
    assert!(decode("name", &damaged).is_err() && decode("other", &entry).is_err());
}

/// Returns the value of a document, and the values of its parameters with their names.
fn values(document: &Document) -> Vec<(&str, &[u8])> {
    let own = std::iter::once(("", document.body.expose()));
    own.chain(
        document
            .parameters
            .iter()
            .map(|(name, parameter)| (name.as_str(), parameter.body.expose())),
    )
    .collect()
}
