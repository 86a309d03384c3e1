//! Writes the files of a launch: to disk, or to memory that the command inherits. A launch that
//! fails must not leave a new file behind. While a file still has its temporary name, only users
//! who could open the finished file can open it.
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
use crate::system::lifecycle::{end_by_signal, held_signal};
use crate::system::paths::is_in_memory;
use disk::{Access, DirectoryEntry, DiskFile};

/// The files to deliver, or the errors that prevent their delivery.
pub struct Files<'a>(Vec<Pending<'a>>);

struct Pending<'a> {
    file: FileValue<'a>,
    access: Result<Access, Problem>,
    destination: Result<Destination, Problem>,
}

enum Destination {
    Disk(DirectoryEntry),
    Memory,
}

/// The files that a launch wrote. On disk, they have temporary names until [`Self::rename_all`].
///
/// Dropping this value closes the files in memory and, unless [`Self::keep`] was called, removes
/// the files on disk, except for those that replaced an older one.
#[derive(Default)]
pub struct Delivery {
    variables: Vec<(EnvName, PathBuf)>,
    disk_files: Vec<(DiskFile, Subject)>,
    memory_files: Vec<OwnedFd>,
}

impl<'a> Files<'a> {
    /// Looks up the owners, opens the directories, and checks that this process may deliver the
    /// files and that no two paths lead to the same file. The subcommand `check` does nothing else
    /// with files.
    ///
    /// This returns no errors: [`Delivery::write_temporary`] and [`Self::undeliverable`] return
    /// them all together.
    pub fn open_directories(files: impl IntoIterator<Item = FileValue<'a>>) -> Self {
        let mut pending = Vec::new();
        let mut subjects = HashMap::new();
        for file in files {
            let mut access = Access::from_target(file.target);
            let owner = access.as_ref().ok().and_then(|access| access.user);
            let mut destination = match &file.target.path {
                Some(path) => open_deliverable(path, owner).map(Destination::Disk),
                None => expect_proc().map(|()| Destination::Memory),
            };
            if file.target.owner.is_some() {
                access = access.and_then(expect_settable);
            }
            if let Ok(Destination::Disk(entry)) = &destination
                && let Ok(stat) = fstat(&entry.directory)
            {
                let place = (stat.st_dev, stat.st_ino, entry.name.clone());
                // The two paths are spelled differently, because the plan keeps only one entry for
                // a path.
                if let Some(other) = subjects.insert(place, file.subject) {
                    let text = "two entries write the same file under different paths";
                    destination = Err(Problem::configuration(text)
                        .help("write the same path in both files, or remove one of the entries")
                        .for_entry(other.clone()));
                }
            }
            pending.push(Pending {
                file,
                access,
                destination,
            });
        }
        Self(pending)
    }

    /// Warns about each file that isn't on tmpfs or ramfs. The warning shows the path as the user
    /// wrote it, because the value of a variable in the path may be a password.
    pub fn disk_warnings(&self) -> impl Iterator<Item = Record> {
        self.0.iter().filter_map(|pending| {
            let Ok(Destination::Disk(entry)) = &pending.destination else {
                return None;
            };
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

    /// The reasons why files can't be delivered.
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

/// Fails if /proc isn't mounted, because the command opens files in memory as `/proc/self/fd/N`.
/// Uses lstat(2), because the command may be allowed to open a file there that this process can't
/// open.
fn expect_proc() -> Result<(), Problem> {
    if !cfg!(target_os = "linux") || Path::new("/proc/self/fd").symlink_metadata().is_ok() {
        return Ok(());
    }
    let text = "the command couldn't open a file in memory, because /proc isn't mounted";
    let help = "mount /proc (with systemd, set MountAPIVFS=yes), or give the entry a `path`";
    Err(Problem::configuration(text).help(help))
}

/// Fails if this process can't give a file this owner and mode. Tries it with an empty pipe, which
/// the kernel treats like any other file of this process.
fn expect_settable(access: Access) -> Result<Access, Problem> {
    #[cfg(target_os = "linux")]
    in_memory::pipe(&access, &SecretValue::new(""))?;
    Ok(access)
}

/// Opens the directory of a file that `owner` will own, and checks that the file can be delivered.
fn open_deliverable(path: &DeclaredPath, owner: Option<Uid>) -> Result<DirectoryEntry, Problem> {
    let entry = DirectoryEntry::open(path.clone())?;
    entry.expect_trusted_owner(owner)?;
    entry.expect_deliverable()?;
    Ok(entry)
}

impl Delivery {
    /// Writes every file, to memory or to disk under a temporary name.
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

    fn write(&mut self, pending: Pending<'_>) -> Result<(), Problem> {
        let file = pending.file;
        let access = pending.access?;
        let path = match pending.destination? {
            Destination::Disk(entry) => {
                let path = entry.path.expanded.clone();
                let written =
                    DiskFile::write_temporary(entry, |opened| access.write(opened, file.value))?;
                self.disk_files.push((written, file.subject.clone()));
                path
            }
            #[cfg(target_os = "linux")]
            Destination::Memory => {
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
            Destination::Memory => {
                let problem = Problem::configuration("only Linux has files in memory");
                return Err(problem.help("give the entry a `path`"));
            }
        };
        if let Some(name) = &file.target.env {
            self.variables.push((name.clone(), path));
        }
        Ok(())
    }

    /// The files on disk, for the process that will remove them. Call this only after
    /// [`Self::rename_all`]: until then, the names may belong to older files.
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

    /// The variables that hold the paths of the files.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &[u8])> {
        self.variables
            .iter()
            .map(|(name, path)| (name, path.as_os_str().as_bytes()))
    }

    /// The files in memory, which the command must inherit.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.memory_files.iter().map(AsFd::as_fd)
    }

    /// Renames the files to their own names, unless a signal came ([`Self::unless_interrupted`]).
    pub fn rename_all(self) -> Result<Self, Problem> {
        let mut delivery = self.unless_interrupted();
        for (file, subject) in &mut delivery.disk_files {
            file.rename_into_place()
                .map_err(|problem| problem.for_entry(subject.clone()))?;
        }
        Ok(delivery)
    }

    /// If a termination signal has arrived ([`held_signal`]), removes the temporary and new files,
    /// and ends this process.
    #[must_use]
    pub fn unless_interrupted(self) -> Self {
        if let Some(signal) = held_signal() {
            drop(self);
            end_by_signal(signal);
        }
        self
    }

    /// Drops the delivery, but lets the files on disk stay.
    pub fn keep(mut self) {
        for (file, _) in &mut self.disk_files {
            file.keep();
        }
    }
}

/// A file for a command under `--on-rotation`. The child process that wrote it reports it to the
/// parent process, which removes it when the command has ended.
#[cfg(target_os = "linux")]
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DeliveredFile {
    pub path: PathBuf,
    /// The device and inode numbers, which show whether the path still leads to this file.
    pub id: (u64, u64),
}

/// Removes delivered files, except those whose path leads to another file by now. `newer` are files
/// that were delivered since: one of them may have the inode number of a file that was removed. If
/// a directory can't be opened, skips its file, because both are usually gone.
#[cfg(target_os = "linux")]
pub fn remove_files(files: Vec<DeliveredFile>, newer: &[DeliveredFile]) -> Vec<Problem> {
    use crate::model::entry::Argument;

    let mut problems = Vec::new();
    let files = files.into_iter().filter(|file| !newer.contains(file));
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::testing::Directory;
    use super::*;

    #[test]
    fn a_new_file_with_the_inode_number_of_the_file_before_it_is_not_removed() {
        let directory = Directory::new();
        let path = directory.path("file");
        std::fs::write(&path, "new").unwrap();
        let stat = nix::sys::stat::stat(&path).unwrap();
        let delivered = || DeliveredFile {
            path: path.clone(),
            id: (stat.st_dev, stat.st_ino),
        };
        assert!(remove_files(vec![delivered()], &[delivered()]).is_empty());
        assert_eq!(directory.names(), ["file"]);
        assert!(remove_files(vec![delivered()], &[]).is_empty());
        assert_eq!(directory.names(), [""; 0]);
    }
}
