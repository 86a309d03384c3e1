//! Files of a command that this process stays with: staged while the command runs, replaced for its next start or before a signal, and
//! removed at the end.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use super::directory::DirectoryEntry;
use super::inheritance::Inheritance;
use super::problem::{DeliverError, DeliverProblem, Step};
use super::staging::{Delivery, File, Files, place, stage, undo};
use crate::model::entry::{FileTarget, Origin, Place};
use crate::model::env_name::EnvName;

/// Files with new values: those on disk under temporary names. Dropping the value removes them.
#[derive(Debug)]
pub struct Staged(Vec<Delivery>);

/// Files with new values under their own names. Dropping the value restores the files that they replaced.
#[derive(Debug)]
pub struct Placed(Vec<Delivery>);

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

impl Staged {
    /// Writes the files. Signals are blocked, or else a signal leaves temporary files behind.
    ///
    /// # Errors
    /// One for each file that cannot be written; then none is.
    pub fn stage(files: Files) -> Result<Self, Vec<DeliverError>> {
        stage(files, Inheritance::Child).map(Self)
    }

    /// Returns the variables that hold a file's path, and the paths.
    pub fn variables(&self) -> impl Iterator<Item = (&EnvName, &Path)> {
        self.0.iter().filter_map(|delivery| Some((delivery.target.env.as_ref()?, delivery.file.path())))
    }

    /// Renames the files to their own names.
    ///
    /// # Errors
    /// When one cannot be renamed; then none is.
    pub fn place(self) -> Result<Placed, Vec<DeliverError>> {
        place(self.0).map(Placed)
    }
}

impl Placed {
    /// The files in memory, for the child process of the command.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().filter_map(|delivery| match &delivery.file {
            File::Memory(file) => Some(file.descriptor()),
            File::Disk(_) => None,
        })
    }

    /// Removes the replaced files, and closes those in memory.
    ///
    /// # Errors
    /// Beside the files: one for each replaced file that is left under a temporary name.
    pub fn commit(mut self) -> (Written, Vec<DeliverError>) {
        let (mut written, mut errors) = (Vec::new(), Vec::new());
        for mut delivery in std::mem::take(&mut self.0) {
            errors.extend(delivery.commit());
            let File::Disk(file) = &mut delivery.file else { continue };
            let opened = file.open();
            file.keep();
            let Delivery { target, origin, .. } = delivery;
            match opened {
                Ok(file) => written.push(WrittenFile { target, origin, file }),
                Err(problem) => errors.push(DeliverError { target, origin, problem }),
            }
        }
        (Written(written), errors)
    }

    /// Restores the files that were replaced, as dropping does, and returns the failures.
    pub fn undo(mut self) -> Vec<DeliverError> {
        undo(std::mem::take(&mut self.0))
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        undo(std::mem::take(&mut self.0));
    }
}

impl Written {
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
            Ok(entry) => entry,
            Err(DeliverProblem::DirectoryMissing | DeliverProblem::NotADirectory) => return Ok(()),
            Err(problem) => return Err(problem.of_undoing()),
        };
        if entry.leads_to(&self.file).map_err(|errno| DeliverProblem::NotUndone(Step::Look.failed(errno)))? {
            entry.remove(entry.name()).map_err(DeliverProblem::NotUndone)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::errno::Errno;

    use super::*;
    use crate::deliver::problem::FailedStep;
    use crate::deliver::testing::{Directory, in_memory, on_disk};
    use crate::model::resolved::FileValue;

    fn staged(files: Vec<FileValue>) -> Staged {
        Staged::stage(Files::find(files)).unwrap()
    }

    fn written(files: Vec<FileValue>) -> Written {
        let (written, errors) = staged(files).place().unwrap().commit();
        assert_eq!(errors, []);
        written
    }

    #[test]
    fn a_staged_file_changes_nothing_under_its_name_and_leaves_nothing_when_dropped() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "old").unwrap();
        let staged = staged(vec![on_disk(&path, "new")]);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(staged);
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn a_placed_file_that_is_undone_gives_way_to_the_same_file_as_before() {
        let directory = Directory::new();
        let path = directory.path("file");
        let first = written(vec![on_disk(&path, "old")]);
        let placed = staged(vec![on_disk(&path, "new")]).place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(placed.undo(), []);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(first.remove(), []);
        assert_eq!(directory.names(), [""; 0]);
    }

    #[test]
    fn a_committed_file_stays_until_it_is_removed() {
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
    fn a_file_that_cannot_be_removed_is_an_error() {
        let directory = Directory::new();
        fs::create_dir(directory.path("sub")).unwrap();
        let first = written(vec![on_disk(directory.path("sub/file"), "value")]);
        fs::rename(directory.path("sub"), directory.path("moved")).unwrap();
        std::os::unix::fs::symlink("sub", directory.path("sub")).unwrap();
        let errors = first.remove();
        let endless = FailedStep { step: Step::Directory, why: Errno::ELOOP };
        assert_eq!(
            errors.into_iter().map(|error| error.problem).collect::<Vec<_>>(),
            [DeliverProblem::NotUndone(endless)]
        );
    }

    #[test]
    fn a_file_whose_directory_is_gone_is_no_error() {
        let directory = Directory::new();
        fs::create_dir(directory.path("sub")).unwrap();
        let first = written(vec![on_disk(directory.path("sub/file"), "value")]);
        fs::remove_dir_all(directory.path("sub")).unwrap();
        assert_eq!(first.remove(), []);
    }

    #[test]
    fn a_file_in_memory_is_open_for_the_child_alone() {
        use nix::fcntl::{FcntlArg, FdFlag, fcntl};
        let placed = staged(vec![in_memory("A", "value")]).place().unwrap();
        let descriptors: Vec<_> = placed.descriptors().collect();
        assert_eq!(descriptors.len(), 1);
        let flags = fcntl(descriptors[0], FcntlArg::F_GETFD).map(FdFlag::from_bits_truncate);
        assert_eq!(flags, Ok(FdFlag::FD_CLOEXEC));
    }
}
