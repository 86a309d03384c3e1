//! Writes the files of a launch.
//!
//! The input is the files and their contents. The output is files on disk, files in memory that the
//! command inherits, and the variables that hold the paths. A launch that fails must not leave a
//! new file behind. While a file still has its temporary name, only users who could open the
//! finished file can open it.
//!
//! ```text
//! Files::open_directories     opens the directory of each file, without following links of other
//!      │                      users (`disk`, `system/paths`)
//! Delivery::write_temporary   writes each file with its owner and mode, to disk under a temporary
//!      │                      name or to memory (`disk`, `in_memory`). If one file fails, removes
//!      │                      the temporary files of all.
//! Delivery::rename_all        renames each file to its own name. If one rename fails, removes the
//!      │                      files whose names were free. Files that were replaced stay replaced.
//!    execve                   keeps everything. If it fails, dropping the `Delivery` removes the
//!                             new files.
//! ```

mod disk;
#[cfg(target_os = "linux")]
mod in_memory;
#[cfg(test)]
pub mod testing;

pub use disk::{AppendedFile, NamedBy, install};

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::fstat;
use nix::unistd::Uid;

#[cfg(target_os = "linux")]
use crate::model::answer::SecretValue;
use crate::model::entry::{DeclaredPath, EntryId, Subject};
use crate::model::environment::EnvName;
use crate::model::message::{Problem, Record};
use crate::model::outcome::FileValue;
use crate::system::lifecycle::{End, end, held_signal};
use crate::system::paths::is_in_memory;
use disk::{Access, DirectoryEntry, DiskFile};

/// The files to deliver, each with its open directory and numeric owner, or with the errors that
/// prevent its delivery.
pub struct Files<'a>(Vec<Pending<'a>>);

struct Pending<'a> {
    file: FileValue<'a>,
    access: Result<Access, Problem>,
    /// The place to write the file: an open directory, and a name in it. `None` for a file in
    /// memory.
    destination: Result<Option<DirectoryEntry>, Problem>,
}

/// The files that a launch wrote. On disk, they have temporary names until [`Self::rename_all`].
///
/// Dropping this value closes the files in memory and removes the files on disk, except for a file
/// that replaced an older one. After [`Self::keep`], all files on disk stay.
#[derive(Default)]
pub struct Delivery {
    variables: Vec<(EnvName, PathBuf)>,
    disk_files: Vec<(DiskFile, Subject)>,
    memory_files: Vec<OwnedFd>,
}

impl<'a> Files<'a> {
    /// Prepares the files without writing to a disk: looks up their owners, opens their
    /// directories, and checks that this process may deliver the files and that no two paths lead
    /// to the same file. `check` does no more than this with files.
    ///
    /// Errors are stored in the result. [`Delivery::write_temporary`] and [`Self::undeliverable`]
    /// return them all together.
    pub fn open_directories(files: impl IntoIterator<Item = FileValue<'a>>) -> Self {
        let mut pending = Vec::new();
        let mut subjects = HashMap::new();
        for file in files {
            let mut access = Access::from_target(file.target);
            let owner = access.as_ref().ok().and_then(|access| access.user);
            let mut destination = match &file.target.path {
                Some(path) => open_deliverable(path, owner).map(Some),
                None => expect_proc().map(|()| None),
            };
            if file.target.owner.is_some() {
                access = access.and_then(expect_settable);
            }
            // These two paths must be spelled differently. Otherwise, the plan would have dropped
            // one of the entries.
            if let Ok(Some(entry)) = &destination
                && let Ok(stat) = fstat(&entry.directory)
                && let place = (stat.st_dev, stat.st_ino, entry.name.clone())
                && let Some(other) = subjects.insert(place, file.subject)
            {
                let text = "two entries write the same file under different paths";
                destination = Err(Problem::configuration(text)
                    .help("write the same path in both files, or remove one of the entries")
                    .for_entry(other.clone()));
            }
            pending.push(Pending {
                file,
                access,
                destination,
            });
        }
        Self(pending)
    }

    /// Warns about each file on a persistent file system, which is any but tmpfs and ramfs. Skips
    /// files in memory and files that can't be delivered. The warning shows the path as the user
    /// wrote it, since the value of a variable in the path may be a password.
    pub fn disk_warnings(&self) -> impl Iterator<Item = Record> {
        self.0.iter().filter_map(|pending| {
            let entry = pending.destination.as_ref().ok()?.as_ref()?;
            // Don't warn if the kernel doesn't report the type of the file system.
            let is_persistent = is_in_memory(entry.directory.as_fd()) == Ok(false);
            if !is_persistent || pending.access.is_err() {
                return None;
            }
            let path = &entry.path;
            let origin = &pending.file.subject.origin;
            let text = format!(
                "\"{path}\" ({origin}) is on a disk, so the value may stay there after the command ends"
            );
            let help = "mount a tmpfs there (docker run --tmpfs, or emptyDir with medium: Memory), or leave out \"path\"";
            Some(Record::warning(text).help(help))
        })
    }

    /// Lists the reasons why files can't be delivered, each with the id of the file's entry.
    pub fn undeliverable(&self) -> Vec<(EntryId, Problem)> {
        let mut problems = Vec::new();
        for pending in &self.0 {
            let found = [
                pending.access.as_ref().err(),
                pending.destination.as_ref().err(),
            ];
            for problem in found.into_iter().flatten().cloned() {
                let problem = problem.for_entry(pending.file.subject.clone());
                problems.push((pending.file.id, problem.code("not-deliverable")));
            }
        }
        problems
    }
}

/// Fails on Linux if /proc isn't mounted, since the command opens files in memory as
/// `/proc/self/fd/N`. Uses lstat(2), because the command may be allowed to open a file there that
/// this process can't open.
fn expect_proc() -> Result<(), Problem> {
    if !cfg!(target_os = "linux") || Path::new("/proc/self/fd").symlink_metadata().is_ok() {
        return Ok(());
    }
    let text = "the command couldn't open a file in memory, because /proc isn't mounted";
    let help = "mount /proc (with systemd, set MountAPIVFS=yes), or give the entry a `path`";
    Err(Problem::configuration(text).help(help))
}

/// Fails if this process isn't allowed to give a file this owner and mode. Tries it with an empty
/// pipe, which the kernel treats like any other file of this process.
fn expect_settable(access: Access) -> Result<Access, Problem> {
    #[cfg(target_os = "linux")]
    in_memory::pipe(&access, &SecretValue::new(""))?;
    Ok(access)
}

/// Opens the directory of the file at `path`, and checks that the file can be delivered there. The
/// directory must belong to root, to the effective user, or to `owner`, who will own the file.
fn open_deliverable(path: &DeclaredPath, owner: Option<Uid>) -> Result<DirectoryEntry, Problem> {
    let entry = DirectoryEntry::open(path.clone())?;
    entry.expect_trusted_owner(owner)?;
    entry.expect_deliverable()?;
    Ok(entry)
}

impl Delivery {
    /// Writes every file, either to memory or to disk under a temporary name.
    pub fn write_temporary(files: Files<'_>) -> Result<Self, Vec<Problem>> {
        let mut delivery = Self::default();
        let mut errors = Vec::new();
        for pending in files.0 {
            let subject = pending.file.subject;
            if let Err(problem) = delivery.write(pending) {
                errors.push(problem.for_entry(subject.clone()));
            }
        }
        if !errors.is_empty() {
            // Dropping `delivery` removes the files that were written.
            return Err(errors);
        }
        Ok(delivery)
    }

    /// Writes one file, either to memory or to disk under a temporary name. If a variable should
    /// hold the path of the file, stores this variable, too.
    fn write(&mut self, pending: Pending<'_>) -> Result<(), Problem> {
        let file = pending.file;
        let access = pending.access?;
        let path = match pending.destination? {
            Some(entry) => {
                let path = entry.path.expanded.clone();
                let written =
                    DiskFile::write_temporary(entry, |opened| access.write(opened, file.value))?;
                self.disk_files.push((written, file.subject.clone()));
                path
            }
            #[cfg(target_os = "linux")]
            None => {
                use std::os::fd::AsRawFd;

                let descriptor = if file.target.once {
                    in_memory::pipe(&access, file.value)?
                } else {
                    in_memory::sealed_file(&access, file.value)?
                };
                let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd()).into();
                self.memory_files.push(descriptor);
                path
            }
            #[cfg(not(target_os = "linux"))]
            None => {
                let problem = Problem::configuration("only Linux has files in memory");
                return Err(problem.help("give the entry a `path`"));
            }
        };
        if let Some(name) = &file.target.env {
            self.variables.push((name.clone(), path));
        }
        Ok(())
    }

    /// Lists the files on disk with their device and inode numbers, for the process that will
    /// remove them. Call this only after [`Self::rename_all`]. Until then, the names may belong to
    /// older files.
    #[cfg(target_os = "linux")]
    pub fn files(&self) -> Vec<DeliveredFile> {
        let mut delivered = Vec::new();
        for (file, _) in &self.disk_files {
            if let Ok(Some(stat)) = file.entry.stat() {
                delivered.push(DeliveredFile {
                    path: file.entry.path.expanded.clone(),
                    id: (stat.st_dev, stat.st_ino),
                });
            }
        }
        delivered
    }

    /// The variables that hold the paths of the files, each with its path.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &[u8])> {
        self.variables
            .iter()
            .map(|(name, path)| (name, path.as_os_str().as_bytes()))
    }

    /// The descriptors of the files in memory, which the command must inherit.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.memory_files.iter().map(AsFd::as_fd)
    }

    /// Renames the files on disk from their temporary names to their own. But if a termination
    /// signal has arrived, removes the temporary files and ends the process
    /// ([`Self::unless_interrupted`]).
    pub fn rename_all(self) -> Result<Self, Problem> {
        let mut delivery = self.unless_interrupted();
        for (file, subject) in &mut delivery.disk_files {
            file.rename_into_place()
                .map_err(|problem| problem.for_entry(subject.clone()))?;
        }
        Ok(delivery)
    }

    /// If a termination signal has arrived ([`held_signal`]), removes the temporary and new files,
    /// and ends this process. Otherwise, returns `self`.
    #[must_use]
    pub fn unless_interrupted(self) -> Self {
        if let Some(signal) = held_signal() {
            drop(self);
            end(End::Signal(signal), || ());
        }
        self
    }

    /// Drops the delivery without removing the files on disk.
    pub fn keep(mut self) {
        for (file, _) in &mut self.disk_files {
            file.keep();
        }
    }
}

/// A file on disk that was delivered for a command under `--on-rotation`. The child process that
/// wrote the file reports it to the parent process, which removes the file when the command has
/// ended.
#[cfg(target_os = "linux")]
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct DeliveredFile {
    pub path: PathBuf,
    /// The device and inode numbers of the file. They show whether the path still leads to this
    /// file, or to a newer one.
    pub id: (u64, u64),
}

/// Removes delivered files, and returns a problem for each file that can't be removed.
///
/// A file stays if its device and inode numbers differ from those that were noted: a later delivery
/// or another process put it there. A file whose directory can't be opened is skipped, since it is
/// usually gone together with the directory.
#[cfg(target_os = "linux")]
pub fn remove_files(files: Vec<DeliveredFile>) -> Vec<Problem> {
    use crate::model::entry::Argument;

    let mut problems = Vec::new();
    for DeliveredFile { path, id } in files {
        let Ok(entry) = DirectoryEntry::open(DeclaredPath::new(&path)) else {
            continue;
        };
        let removed = entry.stat().and_then(|found| match found {
            Some(found) if (found.st_dev, found.st_ino) == id => entry.remove(&entry.name),
            _ => Ok(()),
        });
        if let Err(problem) = removed {
            let subject = Subject::for_file(&path, Argument::OnRotation);
            problems.push(problem.for_entry(subject));
        }
    }
    problems
}
