//! The steps of a delivery. First every file gets its content under a temporary name, and then each
//! gets its own name.

#![cfg_attr(
    not(target_os = "linux"),
    allow(irrefutable_let_patterns, reason = "only Linux has files in memory")
)]

#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::directory::DirectoryEntry;
use super::disk::{Access, DiskFile};
#[cfg(target_os = "linux")]
use super::{disk::PlacedFile, memory::MemoryFile};
use crate::model::entry::{Origin, Subject};
use crate::model::env_variables::EnvName;
use crate::model::outcome::FileValue;
use crate::model::plan::EntryId;
use crate::model::problem::{Impact, Problem, unless_errors};
use crate::system::ending::{End, end};
use crate::system::signals;

/// Files that are to be delivered. Their directories are open already, and are not looked up again.
#[derive(Debug)]
pub struct Files<'a>(Vec<Pending<'a>>);

/// A file that is to be delivered, and where.
#[derive(Debug)]
struct Pending<'a> {
    file: FileValue<'a>,
    /// `None` for a file in memory.
    destination: Result<Option<DirectoryEntry>, Problem>,
}

/// Files with their content. A file on disk has a temporary name until [`Self::rename_all`].
///
/// Dropping the value closes files in memory and removes temporary files. It also removes files
/// that did not exist before, unless [`Self::keep`] was called.
#[derive(Debug)]
pub struct Delivery(Vec<DeliveredFile>);

/// A file with its content.
#[derive(Debug)]
struct DeliveredFile {
    /// The variable that gets the path.
    env: Option<EnvName>,
    subject: Subject,
    file: TemporaryFile,
}

/// A file with its content, in memory or on a disk.
#[derive(Debug)]
enum TemporaryFile {
    #[cfg(target_os = "linux")]
    Memory(MemoryFile),
    Disk(DiskFile),
}

impl<'a> Files<'a> {
    /// Opens the directories of the files, and checks who owns them. Keeps the errors for
    /// [`Delivery::write_temporary`], which returns all errors together.
    pub fn open_directories(files: impl IntoIterator<Item = FileValue<'a>>) -> Self {
        let mut pending = Vec::new();
        for file in files {
            let destination = match &file.target.path {
                None => Ok(None),
                Some(path) => {
                    // If the owner of the file doesn't exist, `write_temporary` and `undeliverable`
                    // return this error.
                    let access = Access::from_target(file.target).ok();
                    let owner = access.and_then(|access| access.user);
                    DirectoryEntry::open(path).and_then(|entry| {
                        entry.expect_trusted_owner(owner)?;
                        Ok(Some(entry))
                    })
                }
            };
            pending.push(Pending { file, destination });
        }
        Self(pending)
    }

    /// Returns the paths on file systems other than tmpfs and ramfs, and where they were declared.
    pub fn persistent_files(&self) -> impl Iterator<Item = (&Path, &Origin)> {
        self.0
            .iter()
            .filter_map(|pending| match &pending.destination {
                Ok(Some(entry)) if entry.is_on_disk() => {
                    Some((entry.path.as_path(), &pending.file.subject.origin))
                }
                Ok(_) | Err(_) => None,
            })
    }

    /// Checks owners and directories without writing anything. Returns a problem for each reason
    /// why a file can't be delivered, with the id of its outcome.
    pub fn undeliverable(&self) -> Vec<(EntryId, Problem)> {
        let mut problems = Vec::new();
        for Pending { file, destination } in &self.0 {
            let owner_problem = Access::from_target(file.target).err();
            let destination_problem = match destination {
                Ok(None) => None,
                Ok(Some(entry)) => entry
                    .is_regular_file()
                    .and_then(|_| entry.expect_writable())
                    .err(),
                Err(problem) => Some(problem.clone()),
            };
            for found in [owner_problem, destination_problem].into_iter().flatten() {
                let problem = found
                    .code("not-deliverable")
                    .for_entry(file.subject.clone(), Impact::Undelivered);
                problems.push((file.id, problem));
            }
        }
        problems
    }
}

impl Delivery {
    /// Writes every file. A file on a disk gets a temporary name.
    ///
    /// # Errors
    /// A problem for each file that can't be written. In that case, no file is left behind.
    pub fn write_temporary(files: Files<'_>) -> Result<Self, Vec<Problem>> {
        let (mut staged, mut errors) = (Vec::new(), Vec::new());
        for pending in files.0 {
            let env = pending.file.target.env.clone();
            let subject = pending.file.subject.clone();
            match TemporaryFile::write(pending.file, pending.destination) {
                Ok(file) => staged.push(DeliveredFile { env, subject, file }),
                Err(problem) => errors.push(problem.for_entry(subject, Impact::Undelivered)),
            }
        }
        unless_errors(errors, Self(staged))
    }

    /// Returns the files on disk with their inode numbers, for the process that removes them. Call
    /// this after [`Self::rename_all`]: before, the names belong to older files.
    #[cfg(target_os = "linux")]
    pub fn placed_files(&self) -> Vec<PlacedFile> {
        let mut placed = Vec::new();
        for delivered in &self.0 {
            if let TemporaryFile::Disk(file) = &delivered.file
                && let Ok(Some(stat)) = file.entry.stat()
            {
                let (path, id) = (file.entry.path.clone(), (stat.st_dev, stat.st_ino));
                placed.push(PlacedFile { path, id });
            }
        }
        placed
    }

    /// Returns the variables that hold the path of a file, and the paths.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &[u8])> {
        self.0.iter().filter_map(|delivered| {
            let path = delivered.file.path().as_os_str();
            Some((delivered.env.as_ref()?, path.as_bytes()))
        })
    }

    /// Returns the files in memory. The command inherits them, although they have FD_CLOEXEC.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().filter_map(|delivered| match &delivered.file {
            #[cfg(target_os = "linux")]
            TemporaryFile::Memory(file) => Some(file.descriptor.as_fd()),
            TemporaryFile::Disk(_) => None,
        })
    }

    /// Renames the files on disk to their own names. If a held signal has come, this ends the
    /// process instead, and removes the temporary files.
    ///
    /// # Errors
    /// When a file can't be renamed. The files that were renamed before it stay if they replaced
    /// older files, and are removed if they are new.
    pub fn rename_all(self) -> Result<Self, Problem> {
        let mut delivery = self.unless_interrupted();
        for delivered in &mut delivery.0 {
            if let TemporaryFile::Disk(file) = &mut delivered.file
                && let Err(problem) = file.rename_into_place()
            {
                return Err(problem.for_entry(delivered.subject.clone(), Impact::Undelivered));
            }
        }
        Ok(delivery)
    }

    /// Ends this process if a held signal has come. Temporary and new files are removed first.
    #[must_use]
    pub fn unless_interrupted(self) -> Self {
        if let Some(signal) = signals::held_signal() {
            drop(self);
            end(End::Signal(signal), || ());
        }
        self
    }

    /// Keeps the files when the value is dropped.
    pub fn keep(mut self) {
        for delivered in &mut self.0 {
            if let TemporaryFile::Disk(file) = &mut delivered.file {
                file.keep();
            }
        }
    }
}

impl TemporaryFile {
    /// Writes a file on a disk under a temporary name or, if `destination` is `None`, a file in
    /// memory. `destination` may be the error of [`Files::open_directories`], which nobody has
    /// reported yet if this function is called.
    ///
    /// # Errors
    /// When the owner doesn't exist, when the directory couldn't be opened, or when the file can't
    /// be written. In that case, no file is left behind.
    fn write(
        file: FileValue<'_>,
        destination: Result<Option<DirectoryEntry>, Problem>,
    ) -> Result<Self, Problem> {
        let access = Access::from_target(file.target)?;
        match destination? {
            #[cfg(target_os = "linux")]
            None if file.target.once => MemoryFile::pipe(&access, file.value).map(Self::Memory),
            #[cfg(target_os = "linux")]
            None => MemoryFile::create(&access, file.value).map(Self::Memory),
            #[cfg(not(target_os = "linux"))]
            None => Err(Problem::configuration("only Linux has files in memory")
                .help("give the entry a `path`")),
            Some(entry) => {
                DiskFile::write_temporary(entry, |opened| access.write(opened, file.value))
                    .map(Self::Disk)
            }
        }
    }

    /// Returns the path under which the command can open the file.
    fn path(&self) -> &Path {
        match self {
            #[cfg(target_os = "linux")]
            Self::Memory(file) => &file.path,
            Self::Disk(file) => &file.entry.path,
        }
    }
}
