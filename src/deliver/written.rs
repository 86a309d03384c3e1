//! The files on disk of a command that another process, its parent, removes when the command has ended.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use serde::{Deserialize, Serialize};

use super::directory::DirectoryEntry;
use crate::model::entry::{Origin, Subject};
use crate::model::problem::{Impact, Problem};
use crate::system::paths::COMPONENT;

/// A delivered file on disk, in a message to the parent.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlacedFile {
    pub path: PathBuf,
    /// Device and inode number.
    pub id: (u64, u64),
}

/// The files on disk that are to be removed.
#[derive(Debug, Default)]
pub struct WrittenFiles(Vec<WrittenFile>);

#[derive(Debug)]
struct WrittenFile {
    entry: DirectoryEntry,
    id: (u64, u64),
    /// Until the file is closed, no other file can get its inode number.
    _file: OwnedFd,
}

impl WrittenFiles {
    /// Opens files without access to their content. Those that are gone, or replaced by another process, are left out.
    pub fn open(placed: Vec<PlacedFile>) -> Self {
        let mut files = Vec::new();
        for PlacedFile { path, id } in placed {
            let Ok(entry) = DirectoryEntry::find(&path) else {
                continue;
            };
            let flags = COMPONENT | OFlag::O_NOFOLLOW;
            let Ok(file) = openat(
                &entry.directory,
                entry.name.as_os_str(),
                flags,
                Mode::empty(),
            ) else {
                continue;
            };
            if fstat(&file).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == id) {
                files.push(WrittenFile {
                    entry,
                    id,
                    _file: file,
                });
            }
        }
        Self(files)
    }

    /// Takes the files of a later delivery, and removes each earlier file whose path it lacks.
    ///
    /// # Errors
    /// An error for each file that cannot be removed.
    pub fn replace(&mut self, later: Self) -> Vec<Problem> {
        let mut earlier = std::mem::replace(self, later);
        earlier.0.retain(|file| {
            !self
                .0
                .iter()
                .any(|later| later.entry.path == file.entry.path)
        });
        earlier.remove()
    }

    /// Removes the files. A file that another process has put at such a path stays.
    ///
    /// # Errors
    /// An error for each file that cannot be removed.
    pub fn remove(self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for WrittenFile { entry, id, .. } in &self.0 {
            let removed = match entry.stat() {
                Ok(Some(found)) if (found.st_dev, found.st_ino) == *id => entry.remove(&entry.name),
                found => found.map(|_| ()),
            };
            let subject = Subject::of_path(&entry.path, Origin::Argument("--on-rotation"));
            problems.extend(
                removed
                    .err()
                    .map(|problem| problem.of(subject, Impact::None)),
            );
        }
        problems
    }
}
