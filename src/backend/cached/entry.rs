//! The format of an entry: a line with the version, a line with the checksum, a line of JSON about the answer, and the values.
//!
//! The JSON holds no value, so that no value passes through a buffer that is not wiped. It has the lengths of the values that follow.

use std::iter;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::answer::Document;
use crate::model::reference::Region;
use crate::model::secret_value::SecretValue;

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

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The entry's name, so that an entry under another name is not taken for that request's.
    name: String,
    /// In nanoseconds since the boot.
    fetched: u64,
    /// True for an answer of a fallback region.
    is_replica: bool,
    answer: StoredAnswer,
}

/// A document without its values.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredAnswer {
    version_id: Option<String>,
    stages: Vec<String>,
    created: Option<SystemTime>,
    region: Option<String>,
    /// Of the value, in bytes.
    length: usize,
    /// Of a path, each parameter with the rest of its name.
    parameters: Vec<(String, StoredAnswer)>,
}

/// Returns the file name of the entry for a text of [`Settings::distinction`](crate::backend::aws::Settings::distinction).
pub fn entry_name(text: &str) -> String {
    checksum(text.as_bytes())
}

/// Returns the bytes of an entry, in a buffer that is wiped; `None` for a document that the format cannot express.
pub fn encode(name: &str, document: &Document, fetched: Duration) -> Option<Zeroizing<Vec<u8>>> {
    let fetched = u64::try_from(fetched.as_nanos()).ok()?;
    let is_replica = !document.passed_over.is_empty();
    let header = Header {
        name: name.to_string(),
        fetched,
        is_replica,
        answer: StoredAnswer::of(document),
    };
    let header = serde_json::to_vec(&header).ok()?;
    let start = MAGIC.len() + CHECKSUM;
    let mut bytes = Zeroizing::new(Vec::new());
    bytes.extend_from_slice(MAGIC);
    bytes.resize(start, b'\n');
    bytes.extend_from_slice(&header);
    bytes.push(b'\n');
    values(document).for_each(|value| bytes.extend_from_slice(value));
    let checksum = checksum(bytes.get(start..)?);
    bytes
        .get_mut(start - CHECKSUM..start - 1)?
        .copy_from_slice(checksum.as_bytes());
    Some(bytes)
}

/// Reads the bytes of the entry with this name.
///
/// # Errors
/// The message about bytes that are no entry, or not this one, which it does not quote.
pub fn decode(name: &str, bytes: &[u8]) -> Result<CacheEntry, &'static str> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(DAMAGED)?;
    let (expected, rest) = rest.split_at_checked(CHECKSUM).ok_or(DAMAGED)?;
    if expected.strip_suffix(b"\n") != Some(checksum(rest).as_bytes()) {
        return Err(DAMAGED);
    }
    parse(name, rest).ok_or(DAMAGED)
}

fn parse(name: &str, bytes: &[u8]) -> Option<CacheEntry> {
    let (header, mut values) =
        bytes.split_at_checked(bytes.iter().position(|byte| *byte == b'\n')?)?;
    let header: Header = serde_json::from_slice(header).ok()?;
    values = values.strip_prefix(b"\n")?;
    let document = header.answer.document(&mut values)?;
    let is_whole = values.is_empty() && header.name == name;
    is_whole.then_some(CacheEntry {
        document,
        fetched: Duration::from_nanos(header.fetched),
        is_replica: header.is_replica,
    })
}

impl StoredAnswer {
    fn of(document: &Document) -> Self {
        // The regions that were passed over, and an earlier use of the cache, are not a part of the answer.
        let Document {
            body,
            version_id,
            stages,
            created,
            region,
            passed_over: _,
            cached: _,
            parameters,
        } = document;
        Self {
            version_id: version_id.clone(),
            stages: stages.clone(),
            created: *created,
            region: region.as_ref().map(Region::to_string),
            length: body.len(),
            parameters: parameters
                .iter()
                .map(|(name, document)| (name.clone(), Self::of(document)))
                .collect(),
        }
    }

    /// Returns the document, and takes its values off the front of `values`.
    fn document(self, values: &mut &[u8]) -> Option<Document> {
        let Self {
            version_id,
            stages,
            created,
            region,
            length,
            parameters,
        } = self;
        let (body, rest) = values.split_at_checked(length)?;
        *values = rest;
        let region = match region {
            Some(region) => Some(Region::parse(&region)?),
            None => None,
        };
        let parameters = parameters
            .into_iter()
            .map(|(name, answer)| Some((name, answer.document(values)?)));
        let parameters = parameters.collect::<Option<_>>()?;
        Some(Document {
            version_id,
            stages,
            created,
            region,
            parameters,
            ..Document::new(SecretValue::new(body))
        })
    }
}

/// Returns the values in an entry: the document's, and its parameters', which have no parameters themselves.
fn values(document: &Document) -> impl Iterator<Item = &[u8]> {
    let parameters = document
        .parameters
        .iter()
        .map(|(_, parameter)| parameter.body.expose());
    iter::once(document.body.expose()).chain(parameters)
}

/// The SHA-256 of bytes, in hexadecimal digits.
fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
