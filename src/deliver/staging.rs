//! The steps of a delivery: every file complete under a temporary name, then each under its own.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::access::Access;
use super::directory::DirectoryEntry;
use super::disk::DiskFile;
use super::memory::MemoryFile;
#[cfg(target_os = "linux")]
use super::written::PlacedFile;
use crate::model::entry::{FilePlace, FileTarget, Origin, Subject};
use crate::model::env_name::EnvName;
use crate::model::problem::{Lacks, Problem};
use crate::model::resolved::FileValue;
use crate::model::secret_value::SecretValue;
use crate::system::ending;

/// Files to deliver. The directory of each is open already and is not looked up again.
#[derive(Debug)]
pub struct Files(Vec<Pending>);

#[derive(Debug)]
struct Pending {
    file: FileValue,
    destination: Result<Destination, Problem>,
}

#[derive(Debug)]
enum Destination {
    Memory,
    Disk(DirectoryEntry),
}

/// Files with their content: those on disk have temporary names until [`Self::place`].
///
/// Dropping the value closes the files in memory, and removes temporary files and those that replaced no other, unless [`Self::keep`]
/// was called.
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
    Memory(MemoryFile),
    Disk(DiskFile),
}

impl Files {
    /// Opens the directories of the files. Errors are kept for [`Delivery::stage`], which returns all errors together.
    pub fn find(files: Vec<FileValue>) -> Self {
        let destinations = find(&files);
        Self(files.into_iter().zip(destinations).map(|(file, destination)| Pending { file, destination }).collect())
    }

    /// Returns the paths on file systems other than tmpfs and ramfs, and their origins.
    pub fn persistent_files(&self) -> impl Iterator<Item = (&Path, &Origin)> {
        self.0.iter().filter_map(|Pending { file, destination }| match destination {
            Ok(Destination::Disk(entry)) if entry.is_on_disk() => Some((entry.path(), &file.subject.origin)),
            Ok(_) | Err(_) => None,
        })
    }

    /// Returns the reasons, known without writing anything, that files cannot be delivered: of its owner, and of its place.
    pub fn undeliverable(&self) -> Vec<Problem> {
        let error = |Pending { file: FileValue { target, subject, .. }, destination }: &Pending| {
            let found = match destination {
                Ok(Destination::Memory) => Ok(()),
                Ok(Destination::Disk(entry)) => entry.find_regular_file().and_then(|_| entry.expect_writable()),
                Err(problem) => Err(problem.clone()),
            };
            let problems = [Access::wanted(target).err(), found.err()].into_iter().flatten();
            problems.map(|problem| problem.of(subject.clone(), Lacks::Delivery)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(error).collect()
    }
}

fn find(files: &[FileValue]) -> Vec<Result<Destination, Problem>> {
    let mut entries = HashSet::new();
    let destination = |file: &FileValue| match &file.target.place {
        FilePlace::Memory => Ok(Destination::Memory),
        FilePlace::Path(path) => match DirectoryEntry::find(path)? {
            entry if entries.insert(entry.id()) => Ok(Destination::Disk(entry)),
            _ => Err(Problem::configuration("another entry writes the same file by another path")),
        },
    };
    files.iter().map(destination).collect()
}

impl Delivery {
    /// Writes every file, those on disk under a temporary name.
    ///
    /// # Errors
    /// One for each file that cannot be written; then none is left.
    pub fn stage(files: Files) -> Result<Self, Vec<Problem>> {
        let (mut staged, mut errors) = (Vec::new(), Vec::new());
        for Pending { file: FileValue { target, value, subject }, destination } in files.0 {
            match StagedFile::stage(&target, destination, &value) {
                Ok(file) => staged.push(DeliveredFile { env: target.env, subject, file }),
                Err(problem) => errors.push(problem.of(subject, Lacks::Delivery)),
            }
        }
        if errors.is_empty() { Ok(Self(staged)) } else { Err(errors) }
    }

    /// Returns the files on disk, for the process that removes them.
    #[cfg(target_os = "linux")]
    pub fn placed_files(&self) -> Vec<PlacedFile> {
        let placed = |delivered: &DeliveredFile| match &delivered.file {
            StagedFile::Memory(_) => None,
            StagedFile::Disk(file) => {
                let stat = file.entry().stat().ok()??;
                Some(PlacedFile { path: file.entry().path().to_owned(), id: (stat.st_dev, stat.st_ino) })
            }
        };
        self.0.iter().filter_map(placed).collect()
    }

    /// Returns the variables that hold a file's path, and the paths.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &Path)> {
        self.0.iter().filter_map(|delivered| Some((delivered.env.as_ref()?, delivered.file.path())))
    }

    /// The files in memory, which the command inherits despite FD_CLOEXEC.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().filter_map(|delivered| match &delivered.file {
            StagedFile::Memory(file) => Some(file.descriptor()),
            StagedFile::Disk(_) => None,
        })
    }

    /// Renames the files to their own names. A held signal that came before the first or before the end of the last ends this process, and
    /// no new file is left then.
    ///
    /// # Errors
    /// When one cannot be renamed. Files that were replaced before it stay replaced.
    pub fn place(self) -> Result<Self, Problem> {
        let mut delivery = self.unless_interrupted();
        for delivered in &mut delivery.0 {
            if let StagedFile::Disk(file) = &mut delivered.file
                && let Err(problem) = file.place()
            {
                return Err(problem.of(delivered.subject.clone(), Lacks::Delivery));
            }
        }
        Ok(delivery.unless_interrupted())
    }

    fn unless_interrupted(self) -> Self {
        if let Some(signal) = ending::pending_signal() {
            drop(self);
            ending::by_signal(signal);
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
        target: &FileTarget,
        destination: Result<Destination, Problem>,
        value: &SecretValue,
    ) -> Result<Self, Problem> {
        let access = Access::wanted(target)?;
        match destination? {
            Destination::Memory => MemoryFile::create(&access, value).map(Self::Memory),
            Destination::Disk(entry) => DiskFile::stage(entry, |file| access.fill(file, value)).map(Self::Disk),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Memory(file) => file.path(),
            Self::Disk(file) => file.entry().path(),
        }
    }
}
