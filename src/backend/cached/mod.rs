//! The backend of `--cache`: AWS, and a directory in memory with its last good answers.
//!
//! An answer is kept as AWS gave it, before any key is taken from it, so that a changed declaration needs no new request.

mod directory;
mod entry;
mod name;
mod notice;

pub use directory::{CacheDirectory, CacheError, DirectoryProblem, FileProblem};
pub use entry::Defect;
pub use notice::{CacheNotice, EntryProblem};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::aws::{Aws, SetupError, UnreachableFile};
use crate::model::answer::{Answer, Answers, CachedAnswer, Document, FetchFailure};
use crate::model::options::CacheOptions;
use crate::model::reference::Locator;
use crate::system::boot_time;
use entry::{Entry, decode, encode};
use name::EntryName;

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
        let answered = self.aws.fetch_within(&asked, &covered, RETRIED_FOR).await?;
        self.keep(&names, &answered);
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
            match self.read(name) {
                Ok(Some(entry)) => drop(entries.insert(name.clone(), entry)),
                Ok(None) => {}
                Err(problem) => self.note(locator, problem),
            }
        }
        entries
    }

    fn read(&self, name: &EntryName) -> Result<Option<Entry>, EntryProblem> {
        let Some(bytes) = self.directory.read(name).map_err(EntryProblem::File)? else { return Ok(None) };
        let entry = decode(name, &bytes).map_err(EntryProblem::Content)?;
        // Memory dies with the boot, but a time namespace has its own boot time.
        if entry.fetched > boot_time::now() { Err(EntryProblem::Future) } else { Ok(Some(entry)) }
    }

    /// Keeps good answers, and removes the entries of secrets that AWS says are denied or absent.
    fn keep(&mut self, names: &Known<'_>, answered: &Answers) {
        let fetched = boot_time::now();
        let mut seen = BTreeSet::new();
        for (locator, answer) in answered {
            let Some(name) = names.get(locator).filter(|name| seen.insert((*name).clone())) else { continue };
            if let Err(problem) = self.keep_one(name, answer, fetched) {
                self.note(locator, problem);
            }
        }
    }

    fn keep_one(&self, name: &EntryName, answer: &Answer, fetched: Duration) -> Result<(), EntryProblem> {
        match answer {
            Ok(document) => match encode(name, document, fetched) {
                Some(bytes) => self.directory.replace(name, &bytes).map_err(EntryProblem::NotKept),
                None => Ok(()),
            },
            Err(failure) if withholds_value(failure) => self.directory.remove(name).map_err(EntryProblem::NotRemoved),
            Err(_) => Ok(()),
        }
    }

    fn note(&mut self, locator: &Locator, problem: EntryProblem) {
        let notice = CacheNotice { locator: locator.clone(), problem };
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }
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

/// True if a region answered that the value is denied or absent.
fn withholds_value(failure: &FetchFailure) -> bool {
    failure.error.withholds_value() || failure.elsewhere.iter().any(|(_, error)| error.withholds_value())
}
