//! The steps of a delivery: files under temporary names, then under their own, and back.

use std::collections::HashSet;
use std::iter;
use std::path::Path;

use super::access::Access;
use super::directory::DirectoryEntry;
use super::disk::DiskFile;
use super::inheritance::Inheritance;
use super::memory::MemoryFile;
use super::problem::{DeliverError, DeliverProblem};
use super::signals::{Signals, Undoing};
use crate::model::entry::{FileTarget, Origin, Place};
use crate::model::resolved::FileValue;
use crate::model::secret_value::SecretValue;

/// Files to deliver. The directory of each is open already and is not looked up again.
#[derive(Debug)]
pub struct Files(Vec<Pending>);

#[derive(Debug)]
struct Pending {
    file: FileValue,
    destination: Result<Destination, DeliverProblem>,
}

#[derive(Debug)]
enum Destination {
    Memory,
    Disk(DirectoryEntry),
}

#[derive(Debug)]
pub struct Delivery {
    pub target: FileTarget,
    pub origin: Origin,
    pub file: File,
}

#[derive(Debug)]
pub enum File {
    Memory(MemoryFile),
    Disk(DiskFile),
}

impl Files {
    /// Opens the directories of the files. Errors are kept for [`deliver`], which returns all errors together.
    pub fn find(files: Vec<FileValue>) -> Self {
        let destination = |file: &FileValue| match &file.target.place {
            Place::Memory => Ok(Destination::Memory),
            Place::Path(path) => DirectoryEntry::find(path).map(Destination::Disk),
        };
        Self(files.into_iter().map(|file| Pending { destination: destination(&file), file }).collect())
    }

    /// Holds the signals that must not end the process during the delivery of these files.
    pub fn hold_signals(&self) -> Signals {
        let is_on_disk = |file: &Pending| matches!(file.file.target.place, Place::Path(_));
        Signals::hold(if self.0.iter().any(is_on_disk) { Undoing::Files } else { Undoing::Nothing })
    }

    /// Returns the paths on file systems other than tmpfs and ramfs, and their origins.
    pub fn persistent_files(&self) -> impl Iterator<Item = (&Path, &Origin)> {
        self.0.iter().filter_map(|Pending { file, destination }| match destination {
            Ok(Destination::Disk(entry)) if entry.is_on_disk() => Some((entry.path(), &file.origin)),
            Ok(_) | Err(_) => None,
        })
    }
}

/// Returns every reason, known without writing anything, that the files cannot be delivered.
pub fn undeliverable(files: Files) -> Vec<DeliverError> {
    let mut entries = HashSet::new();
    let mut errors = Vec::new();
    for Pending { file, destination } in files.0 {
        let mut problems = Access::wanted(&file.target).err().unwrap_or_default();
        problems.extend(match destination {
            Ok(Destination::Memory) => None,
            Ok(Destination::Disk(entry)) if !entries.insert(entry.id()) => Some(DeliverProblem::SamePlace),
            Ok(Destination::Disk(entry)) => entry.expect_regular().and_then(|()| entry.expect_writable()).err(),
            Err(problem) => Some(problem),
        });
        let error = |problem| DeliverError { target: file.target.clone(), origin: file.origin.clone(), problem };
        errors.extend(problems.into_iter().map(error));
    }
    errors
}

/// Writes every file, those on disk under a temporary name.
pub fn stage(files: Files, inheritance: Inheritance) -> Result<Vec<Delivery>, Vec<DeliverError>> {
    let (mut staged, mut errors) = (Vec::new(), Vec::new());
    let mut entries = HashSet::new();
    for Pending { file: FileValue { target, value, origin }, destination } in files.0 {
        if let Ok(Destination::Disk(entry)) = &destination
            && !entries.insert(entry.id())
        {
            errors.push(DeliverError { target, origin, problem: DeliverProblem::SamePlace });
            continue;
        }
        match File::stage(&target, destination, &value, inheritance) {
            Ok(file) => staged.push(Delivery { target, origin, file }),
            Err(problems) => errors.extend(problems.into_iter().map(|problem| DeliverError {
                target: target.clone(),
                origin: origin.clone(),
                problem,
            })),
        }
    }
    if errors.is_empty() {
        return Ok(staged);
    }
    errors.extend(undo(staged));
    Err(errors)
}

/// Renames the files to their names. If one fails, undoes all.
pub fn place(mut staged: Vec<Delivery>) -> Result<Vec<Delivery>, Vec<DeliverError>> {
    let failed = staged.iter_mut().find_map(|delivery| match &mut delivery.file {
        File::Memory(_) => None,
        File::Disk(file) => file.place().err().map(|problem| delivery.error(problem)),
    });
    match failed {
        None => Ok(staged),
        Some(error) => Err(iter::once(error).chain(undo(staged)).collect()),
    }
}

/// Undoes deliveries, the last one first.
pub fn undo(deliveries: Vec<Delivery>) -> Vec<DeliverError> {
    let undone = deliveries.into_iter().rev().filter_map(|mut delivery| match &mut delivery.file {
        File::Memory(_) => None,
        File::Disk(file) => file.undo().err().map(|problem| delivery.error(problem)),
    });
    undone.collect()
}

impl Delivery {
    /// Removes the replaced file.
    pub fn commit(&mut self) -> Option<DeliverError> {
        match &mut self.file {
            File::Memory(_) => None,
            File::Disk(file) => file.commit().err().map(|problem| self.error(problem)),
        }
    }

    pub fn error(&self, problem: DeliverProblem) -> DeliverError {
        DeliverError { target: self.target.clone(), origin: self.origin.clone(), problem }
    }
}

impl File {
    fn stage(
        target: &FileTarget,
        destination: Result<Destination, DeliverProblem>,
        value: &SecretValue,
        inheritance: Inheritance,
    ) -> Result<Self, Vec<DeliverProblem>> {
        let access = Access::wanted(target)?;
        let file = destination.and_then(|destination| match destination {
            Destination::Memory => MemoryFile::create(&access, value, inheritance).map(Self::Memory),
            Destination::Disk(entry) => DiskFile::stage(entry, &access, value).map(Self::Disk),
        });
        file.map_err(|problem| vec![problem])
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Memory(file) => file.path(),
            Self::Disk(file) => file.path(),
        }
    }
}
