//! The backend of `--cache`: AWS, and a directory in memory with its last good answers.
//!
//! An answer is kept as AWS gave it, before any key is taken from it, so that a declaration can change without a new request. An entry is a line
//! with the version of the format, a line with the checksum of the rest, and the answer as JSON.

mod directory;

pub use directory::CacheDirectory;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::aws::Aws;
use crate::model::answer::{Answer, Answers, CachedAnswer, Document, FetchFailure, Fetched};
use crate::model::options::CacheOptions;
use crate::model::problem::{Problem, Status};
use crate::model::reference::Locator;
use crate::system::os_error::describe;

/// An entry that is not used, kept or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheNotice {
    pub locator: Locator,
    pub what: String,
}

/// The beginning of every entry, with the version of the format.
const MAGIC: &[u8] = b"secrets-exec cache 1\n";
/// The length of the checksum and its line feed.
const CHECKSUM: usize = 65;

const DAMAGED: &str =
    "could not be used, because it is damaged or comes from another version of secrets-exec";

/// An answer of AWS, and the time at which it came.
#[derive(Debug)]
pub struct CacheEntry {
    pub document: Document,
    /// The time since the boot.
    pub fetched: Duration,
    /// True for an answer of a fallback region.
    pub is_replica: bool,
}

/// The time that a fetch has if the cache can answer all of it.
const RETRIED_FOR: Duration = Duration::from_secs(5);

/// AWS, and its cached answers.
pub struct Cached {
    aws: Aws,
    directory: CacheDirectory,
    /// `--cache-ttl`
    ttl: Duration,
    /// `--cache-stale`
    stale: Duration,
    notices: Vec<CacheNotice>,
}

impl Cached {
    pub fn new(aws: Aws, directory: CacheDirectory, options: &CacheOptions) -> Self {
        Self {
            aws,
            directory,
            ttl: options.ttl,
            stale: options.stale,
            notices: Vec::new(),
        }
    }

    /// AWS itself, for what is not cached.
    pub fn aws(&mut self) -> &mut Aws {
        &mut self.aws
    }

    /// Returns one answer for each of `wanted`: of an entry younger than `--cache-ttl`, else of AWS, and after an outage of an entry
    /// younger than `--cache-stale`. If the entries alone give every target its value, which `suffices` tells, AWS has [`RETRIED_FOR`].
    /// The entries of `refused` are kept, and not used.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn fetch(
        &mut self,
        wanted: &BTreeSet<&Locator>,
        suffices: &impl Fn(&Fetched) -> bool,
        refused: &BTreeSet<Locator>,
    ) -> Result<Answers, Problem> {
        let begun = boot_time();
        let is_usable = |locator: &Locator, entry: &CacheEntry, limit| {
            entry.age(begun) < limit && !refused.contains(locator)
        };
        let entries = self.read_all(wanted.iter().copied());
        let (fresh, mut entries): (BTreeMap<_, _>, BTreeMap<_, _>) = entries
            .into_iter()
            .partition(|(locator, entry)| is_usable(locator, entry, self.ttl));
        let asked: BTreeSet<_> = wanted
            .iter()
            .copied()
            .filter(|locator| !fresh.contains_key(locator))
            .collect();
        let stale = entries
            .iter()
            .filter(|(locator, entry)| !asked.is_empty() && is_usable(locator, entry, self.stale));
        let mut usable: Fetched = stale
            .map(|(locator, entry)| ((*locator).clone(), Ok(entry.document.copy())))
            .collect();
        let mut answers = Answers::new();
        for (locator, entry) in fresh {
            usable.insert(locator.clone(), Ok(entry.document.copy()));
            answers.push((locator.clone(), Ok(entry.answer(None))));
        }
        if asked.is_empty() {
            return Ok(answers);
        }
        let limit = suffices(&usable).then_some(RETRIED_FOR);
        for (locator, answer) in self.aws.fetch(&asked, limit).await? {
            let entry = entries.remove(&locator);
            self.keep(&locator, &answer, entry.as_ref(), begun);
            let entry = entry.filter(|entry| is_usable(&locator, entry, self.stale));
            let answer = match (answer, entry) {
                (Err(failure), Some(entry)) if may_be_covered(&failure) => {
                    Ok(entry.answer(Some(failure)))
                }
                (Err(mut failure), None) if may_be_covered(&failure) => {
                    let note = if refused.contains(&locator) {
                        "the cached value does not match its pattern"
                    } else {
                        "the cache doesn't have an answer that is younger than --cache-stale"
                    };
                    failure.notes.push(note.to_owned());
                    Err(failure)
                }
                (answer, _) => answer,
            };
            answers.push((locator, answer));
        }
        Ok(answers)
    }

    /// Returns the age of each entry that can be read, without any request.
    pub fn ages<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a Locator>,
    ) -> BTreeMap<Locator, Duration> {
        let now = boot_time();
        let entries = self.read_all(wanted);
        entries
            .into_iter()
            .map(|(locator, entry)| (locator.clone(), entry.age(now)))
            .collect()
    }

    /// Returns the events since the last call.
    pub fn take_notices(&mut self) -> Vec<CacheNotice> {
        std::mem::take(&mut self.notices)
    }

    /// The name of a locator's entry.
    fn name(&self, locator: &Locator) -> String {
        entry_name(&self.aws.settings().distinction(locator))
    }

    /// Reads the entries. Those that cannot be used are noted.
    fn read_all<'a>(
        &mut self,
        wanted: impl Iterator<Item = &'a Locator>,
    ) -> BTreeMap<&'a Locator, CacheEntry> {
        let mut entries = BTreeMap::new();
        for locator in wanted {
            match read_entry(&self.directory, &self.name(locator)) {
                Ok(Some(entry)) => {
                    let fallback_regions = &self.aws.settings().fallback_regions;
                    let region = entry.document.region.as_ref();
                    // A replica counts only while its region is one of `--fallback-region`.
                    if !entry.is_replica
                        || region.is_some_and(|region| fallback_regions.contains(region))
                    {
                        entries.insert(locator, entry);
                    }
                }
                Ok(None) => {}
                Err(what) => self.note(locator, what),
            }
        }
        entries
    }

    /// Keeps a good answer to a request that was begun at a time, and removes the entry of a secret that AWS says is denied or absent.
    ///
    /// An entry that cannot be replaced is removed: `--cache-ttl` would go on with a rotated password, and then there may be room.
    fn keep(
        &mut self,
        locator: &Locator,
        answer: &Answer,
        entry: Option<&CacheEntry>,
        begun: Duration,
    ) {
        let (directory, name) = (&self.directory, self.name(locator));
        let (kept, what) = match answer {
            Ok(document) => {
                let Some(bytes) = encode(&name, document, begun) else {
                    return;
                };
                let replaced = directory.replace(&name, &bytes);
                let again = |_| {
                    directory
                        .remove(&name)
                        .and_then(|()| directory.replace(&name, &bytes))
                };
                (replaced.or_else(again), "could not be stored")
            }
            Err(failure) if withholds_entry(failure, entry) => (
                directory.remove(&name),
                "that AWS no longer gives could not be removed",
            ),
            Err(_) => return,
        };
        if let Err(why) = kept {
            self.note(locator, format!("{what} ({})", describe(why)));
        }
    }

    fn note(&mut self, locator: &Locator, what: String) {
        let notice = CacheNotice {
            locator: locator.clone(),
            what,
        };
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }
}

fn read_entry(directory: &CacheDirectory, name: &str) -> Result<Option<CacheEntry>, String> {
    let Some(bytes) = directory.read(name)? else {
        return Ok(None);
    };
    let entry = decode(name, &bytes)?;
    // Memory dies with the boot, but a time namespace has its own boot time.
    if entry.fetched > boot_time() {
        return Err(
            "could not be used, because it comes from another boot or time namespace".to_owned(),
        );
    }
    Ok(Some(entry))
}

impl CacheEntry {
    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.fetched)
    }

    /// The document, with its age and the failure that it covers.
    fn answer(self, covers: Option<FetchFailure>) -> Document {
        let age = self.age(boot_time());
        Document {
            cached: Some(CachedAnswer { age, covers }),
            ..self.document
        }
    }
}

/// Returns the file name of the entry for a text of [`Settings::distinction`](super::aws::Settings::distinction).
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
/// The message about bytes that are not an entry, or not this one. It does not quote them.
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

/// Returns the time since the boot, which setting the clock does not change, on Linux with the time that the machine slept; zero without
/// such a clock.
fn boot_time() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::CLOCK_MONOTONIC;
    clock_gettime(clock).map(Duration::from).unwrap_or_default()
}

/// True if every region failed, and none answered.
fn may_be_covered(failure: &FetchFailure) -> bool {
    let mut errors =
        std::iter::once(&failure.error).chain(failure.elsewhere.iter().map(|(_, error)| error));
    errors.all(|error| error.status() == Status::Temporary)
}

/// True if an entry must go: its own region says that the value is denied or absent. A fallback region says so of its replica alone.
fn withholds_entry(failure: &FetchFailure, entry: Option<&CacheEntry>) -> bool {
    let of_entry = entry.and_then(|entry| entry.document.region.as_ref());
    let mut elsewhere = failure.elsewhere.iter();
    failure.error.withholds_value()
        || elsewhere.any(|(region, error)| error.withholds_value() && of_entry == Some(region))
}
