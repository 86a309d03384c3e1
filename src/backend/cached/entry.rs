//! The format of an entry: a line with the version, a line with the checksum of the rest, and the answer as JSON.

use std::time::Duration;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::answer::Document;

/// The beginning of every entry, with the version of the format.
const MAGIC: &[u8] = b"secrets-exec cache 1\n";
/// The length of the checksum and its line feed.
const CHECKSUM: usize = 65;

/// An answer of AWS, and the time at which it came.
#[derive(Debug)]
pub struct CacheEntry {
    pub document: Document,
    /// The time since the boot.
    pub fetched: Duration,
    /// True for an answer of a fallback region.
    pub is_replica: bool,
}

const DAMAGED: &str = "passed over a damaged entry, or one of another version of secrets-exec";

/// Returns the file name of the entry for a text of [`Settings::distinction`](crate::backend::aws::Settings::distinction).
pub fn entry_name(text: &str) -> String {
    checksum(text.as_bytes())
}

/// Returns the bytes of an entry, in a buffer that is wiped; `None` for a document that the format cannot express.
pub fn encode(name: &str, document: &Document, fetched: Duration) -> Option<Zeroizing<Vec<u8>>> {
    let is_replica = !document.passed_over.is_empty();
    let json = serde_json::to_vec(&(name, fetched, is_replica, document)).ok()?;
    let json = Zeroizing::new(json);

    let mut bytes = Zeroizing::new(Vec::new());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(checksum(&json).as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(&json);
    Some(bytes)
}

/// Reads the bytes of the entry with this name.
///
/// # Errors
/// The message about bytes that are no entry, or not this one, which it does not quote.
pub fn decode(name: &str, bytes: &[u8]) -> Result<CacheEntry, &'static str> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(DAMAGED)?;
    let (expected, json) = rest.split_at_checked(CHECKSUM).ok_or(DAMAGED)?;
    if expected.strip_suffix(b"\n") != Some(checksum(json).as_bytes()) {
        return Err(DAMAGED);
    }

    // The entry has its own name, so that a copy under another name is not taken for that request's.
    let entry: (String, Duration, bool, Document) =
        serde_json::from_slice(json).map_err(|_| DAMAGED)?;
    let (own_name, fetched, is_replica, document) = entry;
    if own_name != name {
        return Err(DAMAGED);
    }
    Ok(CacheEntry {
        document,
        fetched,
        is_replica,
    })
}

/// The SHA-256 of bytes, in hexadecimal digits.
fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
