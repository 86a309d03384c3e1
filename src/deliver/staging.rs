//! The steps of a delivery: every file complete under a temporary name, then each under its own.

#![cfg_attr(
    not(target_os = "linux"),
    allow(irrefutable_let_patterns, reason = "only Linux has files in memory")
)]

use std::collections::HashSet;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::access::Access;
use super::directory::DirectoryEntry;
use super::disk::DiskFile;
#[cfg(target_os = "linux")]
use super::{memory::MemoryFile, written::PlacedFile};
use crate::model::entry::{FilePlace, Origin, Subject};
use crate::model::env_name::EnvName;
use crate::model::outcome::FileValue;
use crate::model::plan::EntryId;
use crate::model::problem::{Impact, Problem};
use crate::system::ending::{End, end};
use crate::system::signals;

/// Files to deliver. The directory of each is open already and is not looked up again.
#[derive(Debug)]
pub struct Files<'a>(Vec<Pending<'a>>);

#[derive(Debug)]
struct Pending<'a> {
    file: FileValue<'a>,
    /// `None` for a file in memory.
    destination: Result<Option<DirectoryEntry>, Problem>,
}

/// Files with their content. A file on disk has a temporary name until [`Self::place`].
///
/// Dropping the value closes the files in memory, and removes temporary files. It also removes a file that replaced no other, unless
/// [`Self::keep`] was called.
#[derive(Debug)]
pub struct Delivery(Vec<DeliveredFile>);

#[derive(Debug)]
struct DeliveredFile {
    /// The variable for the path.
    env: Option<EnvName>,
    subject: Subject,
    file: StagedFile,
}

#[derive(Debug)]
enum StagedFile {
    #[cfg(target_os = "linux")]
    Memory(MemoryFile),
    Disk(DiskFile),
}

impl<'a> Files<'a> {
    /// Opens the directories of the files. Errors are kept for [`Delivery::stage`], which returns all errors together.
    pub fn find(files: impl IntoIterator<Item = FileValue<'a>>) -> Self {
        let (mut entries, mut pending) = (HashSet::new(), Vec::new());
        for file in files {
            let destination = match &file.target.place {
                FilePlace::Memory => Ok(None),
                FilePlace::Path(path) => {
                    let owner = Access::wanted(file.target)
                        .ok()
                        .and_then(|access| access.user);
                    DirectoryEntry::find(path)
                        .and_then(|entry| entry.of_trusted_owner(owner))
                        .map(Some)
                }
            };
            let destination = match destination {
                Ok(Some(entry)) if !entries.insert(entry.id()) => Err(Problem::configuration(
                    "another entry writes the same file under a different path",
                )),
                destination => destination,
            };
            pending.push(Pending { file, destination });
        }
        Self(pending)
    }

    /// Returns the paths on file systems other than tmpfs and ramfs, and their origins.
    pub fn persistent_files(&self) -> impl Iterator<Item = (&Path, &Origin)> {
        self.0
            .iter()
            .filter_map(|Pending { file, destination }| match destination {
                Ok(Some(entry)) if entry.is_on_disk() => {
                    Some((entry.path.as_path(), &file.subject.origin))
                }
                Ok(_) | Err(_) => None,
            })
    }

    /// Checks owners and places without writing anything, and returns an error for each reason that a file cannot be delivered, with the id
    /// of its outcome.
    pub fn undeliverable(&self) -> Vec<(EntryId, Problem)> {
        let mut problems = Vec::new();
        for Pending { file, destination } in &self.0 {
            let place = match destination {
                Ok(None) => Ok(()),
                Ok(Some(entry)) => entry
                    .find_regular_file()
                    .and_then(|_| entry.expect_writable()),
                Err(problem) => Err(problem.clone()),
            };
            let found = [Access::wanted(file.target).err(), place.err()];
            for problem in found.into_iter().flatten() {
                let problem = problem.of(file.subject.clone(), Impact::Undelivered);
                problems.push((file.id, problem));
            }
        }
        problems
    }
}

impl Delivery {
    /// Writes every file. A file on disk gets a temporary name.
    ///
    /// # Errors
    /// An error for each file that cannot be written; no file is left then.
    pub fn stage(files: Files<'_>) -> Result<Self, Vec<Problem>> {
        let (mut staged, mut errors) = (Vec::new(), Vec::new());
        for Pending { file, destination } in files.0 {
            let (env, subject) = (file.target.env.clone(), file.subject.clone());
            match StagedFile::stage(file, destination) {
                Ok(file) => staged.push(DeliveredFile { env, subject, file }),
                Err(problem) => errors.push(problem.of(subject, Impact::Undelivered)),
            }
        }
        if errors.is_empty() {
            Ok(Self(staged))
        } else {
            Err(errors)
        }
    }

    /// Returns the files on disk, for the process that removes them.
    #[cfg(target_os = "linux")]
    pub fn placed_files(&self) -> Vec<PlacedFile> {
        let mut placed = Vec::new();
        for delivered in &self.0 {
            if let StagedFile::Disk(file) = &delivered.file
                && let Ok(Some(stat)) = file.entry.stat()
            {
                placed.push(PlacedFile {
                    path: file.entry.path.clone(),
                    id: (stat.st_dev, stat.st_ino),
                });
            }
        }
        placed
    }

    /// Returns the variables that hold a file's path, and the paths.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &[u8])> {
        self.0.iter().filter_map(|delivered| {
            Some((
                delivered.env.as_ref()?,
                delivered.file.path().as_os_str().as_bytes(),
            ))
        })
    }

    /// The files in memory, which the command inherits despite FD_CLOEXEC.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().filter_map(|delivered| match &delivered.file {
            #[cfg(target_os = "linux")]
            StagedFile::Memory(file) => Some(file.descriptor.as_fd()),
            StagedFile::Disk(_) => None,
        })
    }

    /// Renames the files to their own names, unless a held signal has come.
    ///
    /// # Errors
    /// When one cannot be renamed. Files that were replaced before it stay replaced.
    pub fn place(self) -> Result<Self, Problem> {
        let mut delivery = self.unless_interrupted();
        for delivered in &mut delivery.0 {
            if let StagedFile::Disk(file) = &mut delivered.file
                && let Err(problem) = file.place()
            {
                return Err(problem.of(delivered.subject.clone(), Impact::Undelivered));
            }
        }
        Ok(delivery)
    }

    /// Ends this process if a held signal has come; no temporary or new file is left then.
    #[must_use]
    pub fn unless_interrupted(self) -> Self {
        if let Some(signal) = signals::held_signal() {
            drop(self);
            end(End::Signal(signal), || ());
        }
        self
    }

    /// Leaves the files in place.
    pub fn keep(mut self) {
        for delivered in &mut self.0 {
            if let StagedFile::Disk(file) = &mut delivered.file {
                file.keep();
            }
        }
    }
}

impl StagedFile {
    fn stage(
        file: FileValue<'_>,
        destination: Result<Option<DirectoryEntry>, Problem>,
    ) -> Result<Self, Problem> {
        let access = Access::wanted(file.target)?;
        match destination? {
            #[cfg(target_os = "linux")]
            None => MemoryFile::create(&access, file.value).map(Self::Memory),
            #[cfg(not(target_os = "linux"))]
            None => Err(Problem::configuration("only Linux has files in memory")
                .help("give the entry a `path`")),
            Some(entry) => {
                DiskFile::stage(entry, |opened| access.fill(opened, file.value)).map(Self::Disk)
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            #[cfg(target_os = "linux")]
            Self::Memory(file) => &file.path,
            Self::Disk(file) => &file.entry.path,
        }
    }
}
