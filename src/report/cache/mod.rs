//! Messages about the cache: a directory that cannot hold values, entries that cannot be used, and answers that take AWS's place.

use std::mem::{Discriminant, discriminant};
use std::path::Path;
use std::time::Duration;

use crate::backend::cached::{CacheError, CacheNotice, Defect, DirectoryProblem, EntryProblem, FileProblem};
use crate::model::answer::{CachedAnswer, FetchError, Fetched, Outage};
use crate::report::exit_status::{CONFIGURATION, TEMPORARY};
use crate::report::fetch_errors::{fetch_text, name};
use crate::report::line::{Label, Line};
use crate::system::os_error::{describe, is_limit};
use crate::system::paths::WalkError;

pub fn status(error: &CacheError) -> u8 {
    match error.problem {
        DirectoryProblem::Path(WalkError::Failed(why)) | DirectoryProblem::Failed(why) if is_limit(why) => TEMPORARY,
        DirectoryProblem::Path(_)
        | DirectoryProblem::Owner { .. }
        | DirectoryProblem::Mode(_)
        | DirectoryProblem::OnDisk
        | DirectoryProblem::Failed(_) => CONFIGURATION,
    }
}

pub fn lines(CacheError { path, problem }: &CacheError) -> Vec<Line> {
    let path = path.display();
    let (what, hint) = match problem {
        DirectoryProblem::Path(WalkError::Missing) => {
            ("does not exist".to_owned(), "create it first: mkdir -m 700 (systemd: RuntimeDirectory=)".to_owned())
        }
        DirectoryProblem::Path(WalkError::NotADirectory) => {
            ("is not a directory".to_owned(), "name a directory on tmpfs, for example under /run".to_owned())
        }
        DirectoryProblem::Path(WalkError::Link) => {
            ("is a symbolic link, which is not followed".to_owned(), "name the directory that it points to".to_owned())
        }
        DirectoryProblem::Path(WalkError::ForeignLink { link, owner }) => (
            format!("its path leads through {}, a symbolic link of user {owner}", link.display()),
            "name the directory that it leads to; only links of root and of the effective user are followed".to_owned(),
        ),
        DirectoryProblem::Path(WalkError::Failed(why)) | DirectoryProblem::Failed(why) => {
            (format!("cannot be opened: {}", describe(*why)), "check its permissions".to_owned())
        }
        DirectoryProblem::Owner { uid, wanted } => (
            format!("belongs to user {uid}, not to the effective user, {wanted}"),
            format!("give it to user {wanted}: chown {wanted} DIR"),
        ),
        DirectoryProblem::Mode(mode) => (
            format!("gives other users access (mode {:04o})", mode.bits()),
            "allow only its owner: chmod 700 DIR".to_owned(),
        ),
        DirectoryProblem::OnDisk => (
            "is not in memory, but on a disk".to_owned(),
            "name a directory on tmpfs, for example under /run or /dev/shm".to_owned(),
        ),
    };
    vec![Line::error(format!("--cache {path}: {what}")), Line::help(hint)]
}

/// Returns warnings for the errors of a directory that polls do without.
pub fn cache_unusable(lines: Vec<Line>) -> Vec<Line> {
    let warning = |Line { label, text, .. }: Line| match label {
        Label::Error => Line::warning(format!("{text}; the secrets are read again without it")),
        Label::Warning | Label::Note | Label::Help => Line::help(text),
    };
    lines.into_iter().map(warning).collect()
}

/// The warnings about the cache: first each answer that takes the place of AWS's, grouped by the reason, then entries that cannot be used.
pub fn cache_warnings(directory: &Path, notices: &[CacheNotice], fetched: &Fetched) -> Vec<Line> {
    // The texts of one kind of outage differ in their request ids.
    let mut covering: Vec<(Kind, String, Vec<String>)> = Vec::new();
    for (locator, answer) in fetched.iter() {
        let Ok(document) = answer else { continue };
        let Some(CachedAnswer { age, covers: Some(failure) }) = &document.cached else { continue };
        let version = document.version_id.as_ref().map(|id| format!(" version {id},")).unwrap_or_default();
        let answer = format!("{},{version} {} old", name(locator), age_text(*age));
        let kind = kind(&failure.error);
        match covering.iter_mut().find(|(other, ..)| *other == kind) {
            Some((.., answers)) => answers.push(answer),
            None => covering.push((kind, fetch_text(&failure.error, None), vec![answer])),
        }
    }
    let covering = covering.into_iter();
    let covering =
        covering.map(|(_, why, answers)| format!("{why}; answers of the cache are used: {}", answers.join("; ")));
    let mut unusable: Vec<(String, Vec<String>)> = Vec::new();
    for CacheNotice { locator, problem } in notices {
        let (what, entry) = (entry_problem(problem), name(locator));
        match unusable.iter_mut().find(|(other, _)| *other == what) {
            Some((_, entries)) => entries.push(entry),
            None => unusable.push((what, vec![entry])),
        }
    }
    let unusable = unusable.into_iter();
    let unusable =
        unusable.map(|(what, entries)| format!("--cache {}: {what}: {}", directory.display(), entries.join(", ")));
    covering.chain(unusable).map(Line::warning).collect()
}

/// The kind of an outage; `None` for credentials.
type Kind = Option<Discriminant<Outage>>;

fn kind(error: &FetchError) -> Kind {
    match error {
        FetchError::Unavailable(outage) => Some(discriminant(outage)),
        FetchError::NotFound { .. }
        | FetchError::Denied { .. }
        | FetchError::Refused(_)
        | FetchError::NoCredentials(_)
        | FetchError::NoRegion => None,
    }
}

fn entry_problem(problem: &EntryProblem) -> String {
    match problem {
        EntryProblem::File(FileProblem::NotRegular) => "passed over what is no regular file".to_owned(),
        EntryProblem::File(FileProblem::Foreign) => {
            "passed over a file of another user, or with another mode than 0600".to_owned()
        }
        EntryProblem::File(FileProblem::TooLarge) => "passed over a file that is too large".to_owned(),
        EntryProblem::File(FileProblem::Failed(why)) => format!("an entry cannot be read ({})", describe(*why)),
        EntryProblem::Content(Defect::OtherFormat) => {
            "passed over an entry of another version of secrets-exec".to_owned()
        }
        EntryProblem::Content(Defect::Damaged) => "passed over a damaged entry".to_owned(),
        EntryProblem::Future => "passed over an entry of another boot or time namespace".to_owned(),
        EntryProblem::NotKept(why) => format!("the answer cannot be kept ({})", describe(*why)),
        EntryProblem::NotRemoved(why) => {
            format!("the entry of a value that AWS no longer gives cannot be removed ({})", describe(*why))
        }
    }
}

/// An age in its largest unit or two: `45s`, `3m 20s`, `5h 12m`, `2days 3h`.
pub fn age_text(age: Duration) -> String {
    let seconds = age.as_secs();
    let unit = if seconds < 3600 {
        1
    } else if seconds < 86400 {
        60
    } else {
        3600
    };
    humantime::format_duration(Duration::from_secs(seconds / unit * unit)).to_string()
}
