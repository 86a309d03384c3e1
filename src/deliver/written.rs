//! The files on disk of a command that this process stays with, which are removed when the command has ended.

use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};

use super::directory::DirectoryEntry;
use super::problem::{DeliverError, DeliverProblem, FailedStep, Step};
use super::staging::{Delivery, File};
use crate::model::entry::{FileTarget, Origin, Place};
use crate::system::paths::COMPONENT;

/// The files on disk that this process has written.
#[derive(Debug, Default)]
pub struct Written(Vec<WrittenFile>);

#[derive(Debug)]
struct WrittenFile {
    target: FileTarget,
    origin: Origin,
    /// The open file: until it is closed, no other file can get its inode number.
    file: OwnedFd,
}

impl Written {
    /// Leaves the files of a delivery in place, to be removed by this value.
    ///
    /// # Errors
    /// One for each file that cannot be opened; the delivery then still removes its new files when it is dropped.
    pub fn keep(delivery: &mut Delivery) -> Result<Self, Vec<DeliverError>> {
        let (mut written, mut errors) = (Vec::new(), Vec::new());
        for delivered in delivery.files() {
            let File::Disk(file) = &delivered.file else { continue };
            match open(file.entry()) {
                Ok(file) => written.push(WrittenFile {
                    target: delivered.target.clone(),
                    origin: delivered.origin.clone(),
                    file,
                }),
                Err(failed) => errors.push(delivered.error(failed.into())),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        delivery.keep();
        Ok(Self(written))
    }

    /// Takes the files of a later delivery, and removes those that it does not have.
    ///
    /// # Errors
    /// One for each file that cannot be removed.
    pub fn replace(&mut self, later: Self) -> Vec<DeliverError> {
        let earlier = std::mem::replace(self, later);
        let is_gone = |file: &WrittenFile| !self.0.iter().any(|later| later.target.place == file.target.place);
        Self(earlier.0.into_iter().filter(is_gone).collect()).remove()
    }

    /// Removes the files. A file that another process has put in the place of one is left.
    ///
    /// # Errors
    /// One for each file that cannot be removed.
    pub fn remove(self) -> Vec<DeliverError> {
        self.0.into_iter().filter_map(WrittenFile::remove).collect()
    }
}

impl WrittenFile {
    fn remove(self) -> Option<DeliverError> {
        let Place::Path(path) = &self.target.place else { return None };
        let problem = self.remove_from(path).err()?;
        Some(DeliverError { target: self.target, origin: self.origin, problem })
    }

    fn remove_from(&self, path: &Path) -> Result<(), DeliverProblem> {
        let entry = match DirectoryEntry::find(path) {
            Err(DeliverProblem::DirectoryMissing | DeliverProblem::NotADirectory) => return Ok(()),
            entry => entry?,
        };
        let written = fstat(&self.file).map_err(|errno| Step::Look.failed(errno))?;
        let is_ours =
            entry.stat()?.is_some_and(|found| (found.st_dev, found.st_ino) == (written.st_dev, written.st_ino));
        if is_ours {
            entry.remove(entry.name())?;
        }
        Ok(())
    }
}

/// Opens a file without access to its content.
fn open(entry: &DirectoryEntry) -> Result<OwnedFd, FailedStep> {
    let opened = openat(entry.directory(), entry.name(), COMPONENT | OFlag::O_NOFOLLOW, Mode::empty());
    opened.map_err(|errno| Step::Look.failed(errno))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::deliver::testing::{Directory, deliver, on_disk};
    use crate::model::resolved::FileValue;

    fn written(files: Vec<FileValue>) -> Written {
        Written::keep(&mut deliver(files).unwrap()).unwrap()
    }

    #[test]
    fn a_file_stays_until_it_is_removed() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut first = written(vec![on_disk(&path, "old")]);
        assert_eq!(first.replace(written(vec![on_disk(&path, "new")])), []);
        assert_eq!(directory.names(), ["file"]);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(first.remove(), []);
        assert_eq!(directory.names(), [""; 0]);
    }

    #[test]
    fn a_file_that_a_later_delivery_does_not_have_is_removed() {
        let directory = Directory::new();
        let (optional, other) = (directory.path("optional"), directory.path("other"));
        let mut first = written(vec![on_disk(&optional, "value"), on_disk(&other, "value")]);
        assert_eq!(first.replace(written(vec![on_disk(&other, "new")])), []);
        assert_eq!(directory.names(), ["other"]);
    }

    #[test]
    fn a_file_that_another_process_put_in_its_place_is_left() {
        let directory = Directory::new();
        let path = directory.path("file");
        let first = written(vec![on_disk(&path, "ours")]);
        // Many file systems, such as ext4, give the number of a removed inode to the next file.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert_eq!(first.remove(), []);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn a_file_whose_directory_is_gone_is_no_error() {
        let directory = Directory::new();
        fs::create_dir(directory.path("sub")).unwrap();
        let first = written(vec![on_disk(directory.path("sub/file"), "value")]);
        fs::remove_dir_all(directory.path("sub")).unwrap();
        assert_eq!(first.remove(), []);
    }
}
