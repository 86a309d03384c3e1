//! The backend of `--cache`: AWS, and a directory in memory with its last good answers.
//!
//! An answer is kept as AWS gave it, before any key is taken from it, so that a changed declaration needs no new request.

mod directory;
mod entry;
mod name;

pub use directory::{CacheDirectory, CacheError, DirectoryProblem, FileProblem};
pub use entry::Defect;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix::errno::Errno;

use super::aws::{Aws, SetupError, UnreachableFile};
use crate::model::answer::{Answer, Answers, CachedAnswer, Document, FetchFailure};
use crate::model::options::CacheOptions;
use crate::model::reference::Locator;
use crate::system::boot_time;
use entry::{Entry, decode, encode};
use name::EntryName;

/// An entry that is not used, kept or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheNotice {
    pub locator: Locator,
    pub problem: EntryProblem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryProblem {
    /// The file is not one of ours.
    File(FileProblem),
    /// The content is no answer to this request.
    Content(Defect),
    /// It was fetched later than now, so that its age is unknown.
    Future,
    /// The new answer is not in the cache.
    NotKept(Errno),
    /// The entry should have been removed, and is still there.
    NotRemoved(Errno),
}

/// The time for which a request is retried if the cache has an answer that can take its place.
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

/// The name of each entry, and the entries that can be used.
type Known<'a> = BTreeMap<&'a Locator, EntryName>;

impl Cached {
    pub fn new(aws: Aws, directory: CacheDirectory, options: &CacheOptions) -> Self {
        Self { aws, directory, ttl: options.ttl, stale: options.stale, notices: Vec::new() }
    }

    /// Closes the connections to AWS, and keeps the credentials.
    #[must_use]
    pub fn rest(self) -> Self {
        Self { aws: self.aws.rest(), ..self }
    }

    /// AWS itself, for what is not cached.
    pub fn aws(&mut self) -> &mut Aws {
        &mut self.aws
    }

    /// AWS's configuration files that counted as absent.
    pub fn unreachable_files(&self) -> &[UnreachableFile] {
        self.aws.unreachable_files()
    }

    /// Returns one answer for each of `wanted`.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        let names = self.names(wanted).await?;
        let is_used = !(self.ttl.is_zero() && self.stale.is_zero());
        let entries = if is_used { self.read_all(&names) } else { BTreeMap::new() };
        let now = boot_time::now();
        let is_younger = |locator: &Locator, limit: Duration| {
            let entry = names.get(locator).and_then(|name| entries.get(name));
            entry.is_some_and(|entry| now.saturating_sub(entry.fetched) < limit)
        };
        let (fresh, asked): (BTreeSet<_>, BTreeSet<_>) =
            wanted.iter().copied().partition(|locator| is_younger(locator, self.ttl));
        let covered: BTreeSet<_> = asked.iter().copied().filter(|locator| is_younger(locator, self.stale)).collect();
        let cached =
            |locator: &Locator, covers| names.get(locator).and_then(|name| Some(answer(entries.get(name)?, covers)));
        let mut answers: Answers =
            fresh.iter().filter_map(|locator| Some(((*locator).clone(), Ok(cached(locator, None)?)))).collect();
        if asked.is_empty() {
            return Ok(answers);
        }
        let notices = RefCell::new(std::mem::take(&mut self.notices));
        // Kept as soon as it comes, with that time: other launches are served by it, and a later answer of theirs is not replaced by it.
        let observe = |locator: &Locator, answer: &Answer| {
            let kept = names.get(locator).map_or(Ok(()), |name| keep(&self.directory, name, answer));
            if let Err(problem) = kept {
                note(&mut notices.borrow_mut(), locator, problem);
            }
        };
        let answered = self.aws.fetch_within(&asked, &covered, RETRIED_FOR, &observe).await;
        self.notices = notices.into_inner();
        let answered = answered?;
        answers.extend(answered.into_iter().map(|(locator, answer)| {
            let answer = match answer {
                Err(failure) if covered.contains(&locator) && may_be_covered(&failure) => {
                    cached(&locator, Some(failure.clone())).ok_or(failure)
                }
                answer => answer,
            };
            (locator, answer)
        }));
        Ok(answers)
    }

    /// Returns the age of each entry that can be read, without any request.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn ages(&mut self, wanted: &BTreeSet<&Locator>) -> Result<BTreeMap<Locator, Duration>, SetupError> {
        let names = self.names(wanted).await?;
        let entries = self.read_all(&names);
        let now = boot_time::now();
        let age = |name| Some(now.saturating_sub(entries.get(name)?.fetched));
        Ok(names.iter().filter_map(|(locator, name)| Some(((*locator).clone(), age(name)?))).collect())
    }

    /// Returns the events since the last call.
    pub fn take_notices(&mut self) -> Vec<CacheNotice> {
        std::mem::take(&mut self.notices)
    }

    async fn names<'a>(&mut self, wanted: &BTreeSet<&'a Locator>) -> Result<Known<'a>, SetupError> {
        let distinctions = self.aws.distinctions(wanted).await?;
        Ok(distinctions.into_iter().map(|(locator, texts)| (locator, EntryName::new(&texts))).collect())
    }

    /// Reads each entry once. Those that cannot be used are noted.
    fn read_all(&mut self, names: &Known<'_>) -> BTreeMap<EntryName, Entry> {
        let (mut entries, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for (locator, name) in names.iter().filter(|(_, name)| seen.insert((*name).clone())) {
            match read(&self.directory, name) {
                // Without `--fallback-region`, no answer of that region is wanted.
                Ok(Some(entry)) if entry.is_replica && !self.aws.may_read_from(entry.document.region.as_ref()) => {}
                Ok(Some(entry)) => drop(entries.insert(name.clone(), entry)),
                Ok(None) => {}
                Err(problem) => note(&mut self.notices, locator, problem),
            }
        }
        entries
    }
}

fn read(directory: &CacheDirectory, name: &EntryName) -> Result<Option<Entry>, EntryProblem> {
    let Some(bytes) = directory.read(name).map_err(EntryProblem::File)? else { return Ok(None) };
    let entry = decode(name, &bytes).map_err(EntryProblem::Content)?;
    // Memory dies with the boot, but a time namespace has its own boot time.
    if entry.fetched > boot_time::now() { Err(EntryProblem::Future) } else { Ok(Some(entry)) }
}

/// Keeps a good answer, and removes the entry of a secret that AWS says is denied or absent.
fn keep(directory: &CacheDirectory, name: &EntryName, answer: &Answer) -> Result<(), EntryProblem> {
    match answer {
        Ok(document) => replace(directory, name, document).map_err(EntryProblem::NotKept),
        Err(failure) if withholds_entry(directory, name, failure) => {
            directory.remove(name).map_err(EntryProblem::NotRemoved)
        }
        Err(_) => Ok(()),
    }
}

/// Replaces an entry. One that cannot be replaced is removed if its values are others: `--cache-ttl` would go on with a rotated password.
fn replace(directory: &CacheDirectory, name: &EntryName, document: &Document) -> Result<(), Errno> {
    let fetched = boot_time::now();
    let Some(bytes) = encode(name, document, fetched) else { return Ok(()) };
    let Err(why) = directory.replace(name, &bytes) else { return Ok(()) };
    let is_same = |entry: &Entry| {
        // The regions that were passed over are part of the entry.
        let passed_over = document.copy().passed_over;
        encode(name, &Document { passed_over, ..entry.document.copy() }, fetched).is_some_and(|old| *old == *bytes)
    };
    if read(directory, name).is_ok_and(|entry| entry.as_ref().is_some_and(is_same)) {
        return Err(why);
    }
    // Now there may be room.
    directory.remove(name).and_then(|()| directory.replace(name, &bytes)).map_err(|_| why)
}

/// The document of an entry, with its age.
fn answer(entry: &Entry, covers: Option<FetchFailure>) -> Document {
    let age = boot_time::now().saturating_sub(entry.fetched);
    Document { cached: Some(CachedAnswer { age, covers }), ..entry.document.copy() }
}

/// True if every region failed, and none answered.
fn may_be_covered(failure: &FetchFailure) -> bool {
    failure.error.is_temporary() && failure.elsewhere.iter().all(|(_, error)| error.is_temporary())
}

/// True if an entry must go: its own region says that the value is denied or absent. A fallback region says so of its replica alone.
fn withholds_entry(directory: &CacheDirectory, name: &EntryName, failure: &FetchFailure) -> bool {
    let mut withheld = failure.elsewhere.iter().filter(|(_, error)| error.withholds_value()).map(|(region, _)| region);
    failure.error.withholds_value()
        || read(directory, name).is_ok_and(|entry| {
            entry.is_some_and(|entry| withheld.any(|region| entry.document.region.as_ref() == Some(region)))
        })
}

fn note(notices: &mut Vec<CacheNotice>, locator: &Locator, problem: EntryProblem) {
    let notice = CacheNotice { locator: locator.clone(), problem };
    if !notices.contains(&notice) {
        notices.push(notice);
    }
}
