//! The backend of `--cache`: it asks AWS, and keeps AWS's last good answers in a directory in
//! memory.
//!
//! Each answer is a file there, called a cache entry. The age of an entry decides what happens:
//!
//! ```text
//! age of the entry   0 ────────── --cache-ttl ───────────────────── --cache-stale ───────▶
//!                    │    fresh    │              stale              │   too old
//!                    │ used without│ AWS is asked:                   │ AWS is asked:
//!                    │ a request   │   answers    → answer is used   │   answers → answer is used
//!                    │             │   outage     → entry is used,   │   outage  → launch fails
//!                    │             │                with a warning   │
//!                    │             │   denied, or → no value, entry  │
//!                    │             │   absent       is removed       │
//! ```
//!
//! - Every document from the secret's own region replaces the entry. If credentials are missing or
//!   have expired, the entry stays, because this failure says nothing about the secret.
//! - During an outage of the secret's own region, a launch uses the document of a fallback region,
//!   but doesn't store it. If this document doesn't have every value, the launch uses the entry
//!   instead, unless the entry is too old.
//! - If the launch would fail with a fresh entry, for example because a key is missing, AWS is
//!   asked for a newer document.
//! - A damaged entry is ignored with a warning.
//! - A launch that stores an entry also removes all entries, of any request, that are too old both
//!   for this launch and for the launch that stored them.
//!
//! An entry contains the whole document, so a launch that needs another key of the same secret
//! doesn't send a request.
//!
//! An entry's file has a line with the version of the format, a line with the checksum of the rest,
//! and the answer as JSON. Its name is a hash of the request and of the options and variables that
//! choose its credentials and its endpoint, followed by the version of the format. So a launch with
//! a different `--role-arn` or endpoint never uses the entry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry, File};
use std::io::Read;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::geteuid;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::aws::Aws;
use crate::model::answer::{Answer, Answers, CachedAnswer, Document};
use crate::model::message::{FetchError, Placed, Problem, Record};
use crate::model::options::CacheOptions;
use crate::model::reference::Locator;
use crate::system::os_error::{call_problem, errno, errno_text, unexpanded_help};
use crate::system::paths::{is_in_memory, open_directory, remove_file, replace_file};
use crate::time::PATIENCE;

/// The first line of a cache entry, with the version of the format.
const MAGIC: &[u8] = b"secrets-exec cache 2\n";

/// The suffix of an entry's file name: the version of the format.
const SUFFIX: &str = ".2";

/// The age at which the temporary file of a killed launch is removed.
const TEMPORARY_KEPT_FOR: Duration = Duration::from_hours(24);

/// The length of 64 hexadecimal digits and a line feed.
const CHECKSUM_LINE_LENGTH: usize = 65;

/// Completes the warning that begins with `a cached value in "DIRECTORY"`.
const DAMAGED: &str =
    "couldn't be used, because it is damaged or comes from a different version of secrets-exec";

/// The JSON in the entry's file is an array of these fields, in this order.
#[derive(Debug, Deserialize)]
pub struct CacheEntry {
    /// The name of the file.
    pub name: String,
    /// When AWS was asked for the document, as a time since boot.
    pub fetched: Duration,
    /// The age at which the entry is too old for the launch that stored it.
    pub kept_for: Duration,
    pub document: Document,
}

/// The time that AWS has to answer if the cache could provide every value.
const RETRIED_FOR: Duration = Duration::from_secs(5);

pub struct Cached {
    aws: Aws,
    directory: CacheDirectory,
    /// `ttl` and `stale` are zero if this launch only stores answers and never uses entries.
    options: CacheOptions,
    /// The age at which an entry is too old for this launch.
    kept_for: Duration,
    /// Maps what is wrong with cache entries, such as `couldn't be stored`, to the affected
    /// secrets.
    unusable: BTreeMap<String, BTreeSet<String>>,
    /// The cached documents of secrets for which a fallback region answered. [`Cached::replace`]
    /// may swap the two documents.
    substitutes: BTreeMap<Locator, Document>,
    /// The locators whose entries would make the launch fail.
    unsuitable: BTreeSet<Locator>,
}

impl Cached {
    /// Creates a backend around `aws`. If `uses_entries` is false, answers are only stored.
    pub fn new(
        aws: Aws,
        directory: CacheDirectory,
        mut options: CacheOptions,
        uses_entries: bool,
    ) -> Self {
        let kept_for = options.ttl.max(options.stale);
        if !uses_entries {
            options.ttl = Duration::ZERO;
            options.stale = Duration::ZERO;
        }
        Self {
            aws,
            directory,
            options,
            kept_for,
            unusable: BTreeMap::new(),
            substitutes: BTreeMap::new(),
            unsuitable: BTreeSet::new(),
        }
    }

    pub(super) fn aws(&mut self) -> &mut Aws {
        &mut self.aws
    }

    /// Answers each locator in `wanted`, from the cache or from AWS, and updates the cache as the
    /// head of this file says.
    ///
    /// If the cache could provide everything that AWS is asked for, AWS has only [`RETRIED_FOR`] to
    /// answer. With fallback regions, each endpoint has [`PATIENCE`] instead.
    pub async fn answers(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, Problem> {
        let CacheOptions { ttl, stale, .. } = self.options;
        let begun = boot_time();
        let mut asked = wanted.clone();
        let mut answers = Answers::new();
        let mut not_fresh = BTreeMap::new();
        for &locator in wanted {
            if self.unsuitable.contains(locator) {
                continue;
            }
            match self.read_entry(locator) {
                Ok(Some(entry)) if entry.age(begun) < ttl => {
                    asked.remove(locator);
                    answers.insert(locator.clone(), Ok(entry.into_document(None)));
                }
                Ok(Some(entry)) => {
                    not_fresh.insert(locator, entry);
                }
                Ok(None) => {}
                Err(what) => self.add_unusable(what, locator),
            }
        }
        if asked.is_empty() {
            return Ok(answers);
        }

        let has_all = asked.iter().all(|locator| {
            let entry = not_fresh.get(locator);
            entry.is_some_and(|entry| entry.age(begun) < stale)
        });
        let fallback_regions = self.aws.settings.options.fallback_regions.len() as u32;
        let limit = if !has_all {
            None
        } else if fallback_regions == 0 {
            Some(RETRIED_FOR)
        } else {
            // Each region has one turn, and one more is for an STS endpoint that doesn't answer.
            Some(PATIENCE * (fallback_regions + 2))
        };

        let answered = self.aws.answers(&asked, limit).await?;
        if answered.values().any(is_stored) {
            self.remove_old_entries(begun);
        }
        for (locator, answer) in answered {
            let existing = not_fresh.remove(&locator);
            self.update_entry(&locator, &answer, begun);
            let without_substitute = if existing.is_some() {
                "the cached value is too old to be used instead (--cache-stale)"
            } else {
                "the cache doesn't have what this launch needs"
            };
            let substitute = existing.filter(|entry| entry.age(begun) < stale);
            let answer = match (answer, substitute) {
                (Ok(document), Some(entry)) => {
                    if let Some(failure) = document.own_failure() {
                        self.substitutes
                            .insert(locator.clone(), entry.into_document(Some(failure)));
                    }
                    Ok(document)
                }
                (Err(failure), Some(entry)) if failure.is_temporary() => {
                    Ok(entry.into_document(Some(failure)))
                }
                // If stale entries are never used (`--cache-stale 0`, or in a poll), the failure
                // doesn't mention the cache.
                (Err(failure), None) if failure.is_temporary() && !stale.is_zero() => {
                    Err(failure.notes([without_substitute.to_owned()]))
                }
                (answer, _) => answer,
            };
            answers.insert(locator, answer);
        }
        Ok(answers)
    }

    /// Replaces a document that doesn't have every value. `is_needed` is true if the launch would
    /// fail with it. Returns true if `answers` changed.
    ///
    /// - A document from a fallback region is replaced by the cached one, unless the cached one is
    ///   too old. If the launch would fail with both, the secret's own region is asked again.
    /// - A cached document with which the launch would fail is removed, so that AWS is asked. This
    ///   launch doesn't use the entry again.
    pub fn replace(&mut self, locator: Locator, is_needed: bool, answers: &mut Answers) -> bool {
        let Some(Ok(document)) = answers.get_mut(&locator) else {
            return false;
        };
        let is_cached = document.cached.is_some();
        if is_cached && !is_needed {
            return false;
        }

        if let Some(substitute) = self.substitutes.remove(&locator) {
            let replica = mem::replace(document, substitute);
            // Keep the replaced document, in case the launch would fail with the cached one.
            if !is_needed {
                self.substitutes.insert(locator, replica);
            }
            return true;
        }
        if is_cached {
            answers.remove(&locator);
            self.unsuitable.insert(locator);
            return true;
        }
        is_needed && self.aws.forget_replica(&locator, answers)
    }

    /// A warning for each problem with cache entries, with the secrets that it affects.
    pub fn warnings(&self) -> Vec<Record> {
        let directory = self.options.directory.value.display();
        let mut warnings = Vec::new();
        for (what, entries) in &self.unusable {
            let text = format!("a cached value in \"{directory}\" {what}");
            let entries = entries.iter().cloned().collect();
            warnings.push(Record::warning(text).for_entries(entries));
        }
        warnings
    }

    fn entry_name(&self, locator: &Locator) -> String {
        hex_hash(self.aws.cache_key(locator).as_bytes()) + SUFFIX
    }

    /// Removes entries that are too old for both this launch and the launch that stored them. `now`
    /// is the time since boot. Files that can't be read or removed stay.
    fn remove_old_entries(&self, now: Duration) {
        let Ok(files) = fs::read_dir(&self.options.directory.value) else {
            return;
        };
        for file in files.flatten() {
            if self.is_old(&file, now) == Some(true) {
                let _ = remove_file(&self.directory.0, &file.file_name());
            }
        }
    }

    /// True if a cache's file is old enough to be removed. `None` if the file isn't from a cache or
    /// can't be read.
    fn is_old(&self, file: &DirEntry, now: Duration) -> Option<bool> {
        let file_name = file.file_name();
        let name = file_name.to_str()?;
        // A temporary file is called `.NAME.` and eight random characters.
        let temporary = name
            .strip_prefix('.')
            .and_then(|rest| rest.rsplit_once('.'));
        if let Some((entry_name, _)) = temporary
            && is_entry_name(entry_name)
        {
            let written = file.metadata().ok()?.modified().ok()?;
            return Some(written.elapsed().ok()? > TEMPORARY_KEPT_FOR);
        }
        if !is_entry_name(name) {
            return None;
        }

        let content = self.directory.read(name).ok()??;
        let entry = decode(name, &content).ok()?;
        Some(entry.age(now) > entry.kept_for.max(self.kept_for))
    }

    /// Adds to the [`Self::warnings`].
    fn add_unusable(&mut self, what: String, locator: &Locator) {
        let secrets = self.unusable.entry(what).or_default();
        secrets.insert(locator.noun_phrase());
    }

    /// Reads a locator's entry, if there is one. The error completes the warning about the entry.
    fn read_entry(&self, locator: &Locator) -> Result<Option<CacheEntry>, String> {
        let name = self.entry_name(locator);
        let Some(bytes) = self.directory.read(&name)? else {
            return Ok(None);
        };
        let entry = decode(&name, &bytes)?;
        // Files in memory don't survive a reboot, so an entry from the future was written in a
        // different time namespace, which has its own boot time.
        if entry.fetched > boot_time() {
            return Err(DAMAGED.to_owned());
        }
        Ok(Some(entry))
    }

    /// Stores a document from the secret's own region. Removes the entry if that region denies
    /// access or doesn't have the value. `begun` is when AWS was asked, as a time since boot.
    ///
    /// An entry that can't be replaced is removed, because launches would otherwise keep using an
    /// outdated value until the end of `--cache-ttl`.
    fn update_entry(&mut self, locator: &Locator, answer: &Answer, begun: Duration) {
        let directory = &self.directory.0;
        let name = self.entry_name(locator);
        let (result, what) = match answer {
            Ok(document) if is_stored(answer) => {
                let bytes = encode(&name, document, begun, self.kept_for);
                let replaced = replace_file(directory, name.as_ref(), &bytes, None);
                if replaced.is_err() {
                    let _ = remove_file(directory, name.as_ref());
                }
                (replaced, "couldn't be stored")
            }
            Err(failure) if failure.cause().facts().withholds_value => (
                remove_file(directory, name.as_ref()),
                "that AWS no longer has couldn't be removed",
            ),
            _ => return,
        };
        if let Err(why) = result {
            self.add_unusable(format!("{what} ({})", errno_text(why)), locator);
        }
    }
}

fn is_entry_name(name: &str) -> bool {
    let hash = name.strip_suffix(SUFFIX).unwrap_or_default();
    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Only a document from the secret's own region is stored.
fn is_stored(answer: &Answer) -> bool {
    matches!(answer, Ok(document) if document.passed_over.is_empty())
}

impl CacheEntry {
    /// `now` is the time since boot.
    fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.fetched)
    }

    /// `replaces` is the failure of the request to AWS, or `None` for a fresh entry, which needs no
    /// request.
    fn into_document(self, replaces: Option<FetchError>) -> Document {
        let age = self.age(boot_time());
        Document {
            cached: Some(CachedAnswer { age, replaces }),
            ..self.document
        }
    }
}

/// Encodes a document as the content of the cache file `name`. `fetched` is when AWS was asked, as
/// a time since boot.
///
/// The content includes `name`, so that [`decode`] refuses a file that was copied to another name.
pub fn encode(
    name: &str,
    document: &Document,
    fetched: Duration,
    kept_for: Duration,
) -> Zeroizing<Vec<u8>> {
    let parts = (name, fetched, kept_for, document);
    // Serialization only fails for a time before 1970, which AWS's answers never contain. `decode`
    // would refuse the empty JSON.
    let json = Zeroizing::new(serde_json::to_vec(&parts).unwrap_or_default());

    let checksum = hex_hash(&json);
    Zeroizing::new([MAGIC, checksum.as_bytes(), b"\n", &json].concat())
}

/// Parses the content of the cache file `name`, which [`encode`] wrote. The error is [`DAMAGED`].
pub fn decode(name: &str, bytes: &[u8]) -> Result<CacheEntry, &'static str> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(DAMAGED)?;
    let (checksum_line, json) = rest.split_at_checked(CHECKSUM_LINE_LENGTH).ok_or(DAMAGED)?;
    if checksum_line.strip_suffix(b"\n") != Some(hex_hash(json).as_bytes()) {
        return Err(DAMAGED);
    }

    let entry: CacheEntry = serde_json::from_slice(json).map_err(|_| DAMAGED)?;
    if entry.name != name {
        return Err(DAMAGED);
    }
    Ok(entry)
}

/// SHA-256, in hexadecimal digits.
pub fn hex_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The time since boot, or zero if the kernel has no such clock. Setting the system's time doesn't
/// affect it. On Linux, it includes the time that the machine spent asleep.
fn boot_time() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::CLOCK_MONOTONIC;
    clock_gettime(clock).map(Duration::from).unwrap_or_default()
}

/// An open directory in memory that belongs to this user and that nobody else can access.
///
/// All cache files are opened through this descriptor, so nobody can replace the directory after
/// the checks.
pub struct CacheDirectory(OwnedFd);

const OTHERS: Mode = Mode::S_IRWXG.union(Mode::S_IRWXO);

const NOT_OURS: &str =
    "couldn't be used, because its file belongs to another user or doesn't have mode 0600";

impl CacheDirectory {
    /// Opens the cache directory, and checks that values can safely be stored in it.
    pub fn open(Placed { value: path, place }: &Placed<PathBuf>) -> Result<Self, Problem> {
        let directory = format!("the cache directory \"{}\" (from {place})", path.display());
        let descriptor = open_directory(path.as_os_str(), &directory).map_err(|problem| {
            problem.help(unexpanded_help(&path.to_string_lossy()).unwrap_or(USE_TMPFS))
        })?;
        let defect = directory_defect(&descriptor).map_err(|errno| {
            let what = format!("{directory} can't be examined");
            call_problem(&what, errno)
        })?;
        if let Some(defect) = defect {
            return Err(Problem::configuration(format!("{directory} {defect}")).help(USE_TMPFS));
        }
        Ok(Self(descriptor))
    }

    /// Reads a file, if it exists. Refuses anything but a regular file that belongs to this user
    /// and that nobody else can access. The error completes the warning about the entry.
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let unreadable = |why| format!("couldn't be read ({})", errno_text(why));
        // Without O_NONBLOCK, opening a named pipe would wait for a writer.
        let mut flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        flags |= OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let mut file = match openat(&self.0, name, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::ENOENT) => return Ok(None),
            // The file is a symbolic link (ELOOP) or a socket (ENXIO).
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(NOT_OURS.to_owned()),
            Err(errno) => return Err(unreadable(errno)),
        };

        let stat = fstat(&file).map_err(unreadable)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        let is_private = !Mode::from_bits_truncate(stat.st_mode).intersects(OTHERS);
        if kind != SFlag::S_IFREG || stat.st_uid != geteuid().as_raw() || !is_private {
            return Err(NOT_OURS.to_owned());
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_to_end(&mut bytes)
            .map_err(|error| unreadable(errno(&error)))?;
        Ok(Some(bytes))
    }
}

const USE_TMPFS: &str =
    "run install -d -m 700 /dev/shm/secrets-exec, and use --cache /dev/shm/secrets-exec";

/// Why values must not be stored in a directory, or `None` if they may. The reason completes a
/// sentence about the directory.
fn directory_defect(directory: &OwnedFd) -> Result<Option<String>, Errno> {
    if !is_in_memory(directory.as_fd())? {
        return Ok(Some(
            "is on a disk, but cached values must stay in memory".to_owned(),
        ));
    }

    let stat = fstat(directory)?;
    let owner = stat.st_uid;
    let own_uid = geteuid().as_raw();
    if owner != own_uid {
        return Ok(Some(format!(
            "belongs to user {owner}, but secrets-exec runs as user {own_uid}"
        )));
    }
    let mode = Mode::from_bits_truncate(stat.st_mode);
    // This test also finds an ACL that gives access to other users, because the group's permissions
    // show such an ACL.
    if mode.intersects(OTHERS) {
        return Ok(Some(format!(
            "is open to other users (mode {:04o})",
            mode.bits()
        )));
    }
    Ok(None)
}
