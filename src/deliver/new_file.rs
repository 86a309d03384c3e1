//! A file that must not exist before, written complete or not at all.

use std::path::PathBuf;

use super::access::Access;
use super::directory::DirectoryEntry;
use super::disk::DiskFile;
use super::problem::{DeliverError, DeliverProblem};
use super::signals::{Signals, Undoing};
use crate::model::entry::{FileTarget, Mode, Origin, Place};
use crate::model::secret_value::SecretValue;

/// A file of an option, whose directory is open and has no such name.
#[derive(Debug)]
pub struct NewFile {
    target: FileTarget,
    option: &'static str,
    entry: DirectoryEntry,
}

impl NewFile {
    /// Looks up the directory.
    ///
    /// # Errors
    /// When the name is taken, or the directory is missing or cannot be written.
    pub fn find(path: PathBuf, mode: Mode, option: &'static str) -> Result<Self, Vec<DeliverError>> {
        let found = DirectoryEntry::find(&path).and_then(|entry| entry.expect_free().map(|()| entry));
        let target = FileTarget { place: Place::Path(path), env: None, mode, owner: None };
        match found {
            Ok(entry) => Ok(Self { target, option, entry }),
            Err(problem) => Err(vec![error(target, option, problem)]),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written, or the name was taken meanwhile. No part of the file is left then.
    pub fn write(self, content: &str) -> Result<(), Vec<DeliverError>> {
        let Self { target, option, entry } = self;
        write(entry, &target, content).map_err(|problem| vec![error(target, option, problem)])
    }
}

fn write(entry: DirectoryEntry, target: &FileTarget, content: &str) -> Result<(), DeliverProblem> {
    // Without an owner, no name is looked up.
    let access = Access::wanted(target).map_err(|_| DeliverProblem::NoFileName)?;
    let signals = Signals::hold(Undoing::Files);
    let mut file = DiskFile::stage(entry, &access, &SecretValue::new(content))?;
    if signals.caught() {
        file.undo()?;
        return Err(DeliverProblem::Interrupted);
    }
    file.place_new()?;
    file.keep();
    Ok(())
}

fn error(target: FileTarget, option: &'static str, problem: DeliverProblem) -> DeliverError {
    DeliverError { target, origin: Origin::Argument(option), problem }
}
