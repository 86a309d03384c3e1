//! A file at a path: written under a temporary name in the same directory, renamed, and undone on failure.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::close;

use super::access::Access;
use super::directory::DirectoryEntry;
use super::problem::{DeliverProblem, FailedStep, Step};
use super::restore::restore;
use crate::model::secret_value::SecretValue;

/// A file at a path, staged or in place.
#[derive(Debug)]
pub struct DiskFile {
    entry: DirectoryEntry,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Complete under this temporary name.
    Staged(OsString),
    /// In place; no file was replaced.
    New,
    /// In place; the replaced file has this temporary name.
    Replacing(OsString),
    /// In place; the name of the replaced file is removed, and it is open if it could be opened for reading.
    Replaced(Result<File, Errno>),
    /// Nothing is left to undo.
    Undone,
}

impl DiskFile {
    /// Writes the file under a temporary name.
    ///
    /// # Errors
    /// When anything but a regular file has its name, or a step fails; then the temporary file is removed.
    pub fn stage(entry: DirectoryEntry, access: &Access, content: &SecretValue) -> Result<Self, DeliverProblem> {
        Self::stage_filled(entry, |file| access.fill(file, content))
    }

    /// Does the same as [`Self::stage`] with a file that `fill` writes.
    pub fn stage_filled(
        entry: DirectoryEntry,
        fill: impl FnOnce(&mut File) -> Result<(), FailedStep>,
    ) -> Result<Self, DeliverProblem> {
        entry.expect_regular()?;
        let state = State::Staged(write(&entry, fill)?);
        Ok(Self { entry, state })
    }

    /// Renames the file to its own name. A file that it replaces keeps a temporary name.
    pub fn place(&mut self) -> Result<(), DeliverProblem> {
        if let State::Staged(temporary) = &self.state {
            self.state = self.entry.replace(temporary)?.map_or(State::New, State::Replacing);
        }
        Ok(())
    }

    /// Removes the name of the replaced file, and keeps it open for [`Self::undo`].
    ///
    /// # Errors
    /// When a step fails; [`Self::undo`] still restores the replaced file.
    pub fn commit(&mut self) -> Result<(), DeliverProblem> {
        let State::Replacing(old) = &self.state else { return Ok(()) };
        // Without a name the file can only be copied back: linkat(2) does not link a file whose last link was removed.
        let file = self.entry.open(old).or_else(|errno| self.entry.open_own(old).map_err(|_| errno));
        self.entry.remove(old)?;
        self.state = State::Replaced(file);
        Ok(())
    }

    /// Leaves the file in place when the value is dropped, after [`Self::commit`].
    pub fn keep(&mut self) {
        self.state = State::Undone;
    }

    /// Opens the file, staged or in place, without access to its content.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self) -> Result<OwnedFd, DeliverProblem> {
        let name = match &self.state {
            State::Staged(temporary) => temporary,
            State::New | State::Replacing(_) | State::Replaced(_) | State::Undone => self.entry.name(),
        };
        self.entry.open_path(name).map_err(|errno| Step::Look.failed(errno).into())
    }

    /// Removes the file and restores the one that it replaced: the same inode, or a copy after [`Self::commit`].
    ///
    /// # Errors
    /// [`DeliverProblem::NotUndone`] or [`DeliverProblem::LeftAside`]. A second call does nothing.
    pub fn undo(&mut self) -> Result<(), DeliverProblem> {
        let entry = &self.entry;
        let undone = match std::mem::replace(&mut self.state, State::Undone) {
            State::Staged(temporary) => entry.remove(&temporary),
            State::New => entry.remove(entry.name()),
            State::Replacing(name) => {
                return entry.rename(&name).map_err(|failed| DeliverProblem::LeftAside { name, failed });
            }
            State::Replaced(Ok(old)) => restore(entry, &old),
            State::Replaced(Err(errno)) => entry.remove(entry.name()).and(Err(Step::Read.failed(errno))),
            State::Undone => Ok(()),
        };
        undone.map_err(DeliverProblem::NotUndone)
    }

    /// The path as it was declared.
    pub fn path(&self) -> &Path {
        self.entry.path()
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        let _ = self.undo();
    }
}

/// Writes a file under a temporary name, and removes it on failure.
fn write(
    entry: &DirectoryEntry,
    fill: impl FnOnce(&mut File) -> Result<(), FailedStep>,
) -> Result<OsString, FailedStep> {
    let (mut file, temporary) = entry.create_temporary()?;
    let filled = fill(&mut file);
    // Some file systems (NFS, quotas) report a full disk only on close.
    let closed = close(file).map_err(|errno| Step::Write.failed(errno));
    match filled.and(closed) {
        Ok(()) => Ok(temporary),
        Err(failed) => {
            let _ = entry.remove(&temporary);
            Err(failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    use nix::sys::stat::Mode;

    use super::*;
    use crate::deliver::testing::*;

    fn refused(path: impl Into<PathBuf>) -> DeliverProblem {
        let problems = problems(deliver(vec![on_disk(path, "value")]));
        problems.into_iter().next().unwrap()
    }

    fn stage(path: &Path) -> DiskFile {
        let file = on_disk(path, "new");
        let entry = DirectoryEntry::find(path).unwrap();
        DiskFile::stage(entry, &Access::wanted(&file.target).unwrap(), &file.value).unwrap()
    }

    #[test]
    fn a_file_has_its_bytes_and_its_mode_whatever_the_umask() {
        let test = "deliver::disk::tests::a_file_has_its_bytes_and_its_mode_whatever_the_umask";
        for umask in ["umask 0", "umask 077", "umask 0777"] {
            if let Some(child) = in_child(test, &[], umask) {
                passed(&child);
                continue;
            }
            let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
            let _delivered = deliver(vec![with("464", None, on_disk("file", bytes.clone()))]).unwrap();
            assert_eq!(fs::read("file").unwrap(), bytes);
            assert_eq!(fs::metadata("file").unwrap().mode() & 0o7777, 0o464);
            return;
        }
    }

    #[test]
    fn an_empty_value_is_an_empty_file() {
        let directory = Directory::new();
        let delivered = deliver(vec![on_disk(directory.path("file"), "")]).unwrap();
        assert_eq!(fs::read(directory.path("file")).unwrap(), b"");
        drop(delivered);
    }

    #[test]
    fn an_owner_is_a_number_or_a_name() {
        if !is_root("deliver::disk::tests::an_owner_is_a_number_or_a_name") {
            return;
        }
        let directory = Directory::new();
        let (by_number, by_name) = (directory.path("number"), directory.path("name"));
        let _delivered = deliver(vec![
            with("440", Some("1234:4321"), on_disk(&by_number, "value")),
            with("440", Some("daemon:daemon"), on_disk(&by_name, "value")),
        ]);
        let owner = |path| fs::metadata(path).map(|found| (found.uid(), found.gid())).unwrap();
        assert_eq!(owner(&by_number), (1234, 4321));
        assert_eq!(owner(&by_name), (1, 1));
    }

    #[test]
    fn a_reader_sees_the_old_file_or_the_new_one_and_never_a_part() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "old").unwrap();
        let mut reader = File::open(&path).unwrap();
        let mut staged = stage(&path);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(directory.names().len(), 2);
        staged.place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        staged.commit().unwrap();
        assert_eq!(directory.names(), ["file"]);
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "old");
    }

    #[test]
    fn a_temporary_name_is_hidden_and_another_each_time() {
        let directory = Directory::new();
        let (_first, _second) = (stage(&directory.path("file")), stage(&directory.path("file")));
        let names = directory.names();
        assert!(
            names.len() == 2 && names.iter().all(|name| name.starts_with(".file.") && name.len() == 14),
            "{names:?}"
        );
    }

    #[test]
    fn a_name_of_the_greatest_length_is_possible() {
        let directory = Directory::new();
        let delivered = deliver(vec![on_disk(directory.path(&"x".repeat(255)), "value")]).unwrap();
        drop(delivered);
        let too_long = FailedStep { step: Step::Look, why: Errno::ENAMETOOLONG };
        assert_eq!(refused(directory.path(&"x".repeat(256))), DeliverProblem::Failed(too_long));
    }

    #[test]
    fn a_link_is_not_followed_wherever_it_leads() {
        let directory = Directory::new();
        fs::write(directory.path("real"), "old").unwrap();
        symlink("real", directory.path("link")).unwrap();
        symlink("nothing", directory.path("dangling")).unwrap();
        assert_eq!(refused(directory.path("link")), DeliverProblem::Link);
        assert_eq!(refused(directory.path("dangling")), DeliverProblem::Link);
        assert_eq!(directory.names(), ["dangling", "link", "real"]);
        assert_eq!(fs::read(directory.path("real")).unwrap(), b"old");
    }

    #[test]
    fn a_link_to_the_directory_is_followed() {
        let directory = Directory::new();
        fs::create_dir(directory.path("real")).unwrap();
        symlink("real", directory.path("link")).unwrap();
        let delivered = deliver(vec![on_disk(directory.path("link/file"), "value")]).unwrap();
        assert_eq!(fs::read(directory.path("real/file")).unwrap(), b"value");
        drop(delivered);
    }

    #[test]
    fn only_a_regular_file_is_replaced() {
        let directory = Directory::new();
        fs::create_dir(directory.path("directory")).unwrap();
        nix::unistd::mkfifo(&directory.path("pipe"), Mode::S_IRUSR).unwrap();
        assert_eq!(refused(directory.path("directory")), DeliverProblem::IsADirectory);
        assert_eq!(refused(directory.path("pipe")), DeliverProblem::NotRegular);
        assert_eq!(refused("/dev/null"), DeliverProblem::NotRegular);
        assert_eq!(directory.names(), ["directory", "pipe"]);
    }

    #[test]
    fn a_directory_that_allows_no_files_is_reported() {
        assert!(matches!(refused("/proc/file"), DeliverProblem::Failed(FailedStep { step: Step::Create, .. })));
    }

    #[test]
    fn a_directory_that_replaces_the_open_one_does_not_get_the_file() {
        let directory = Directory::new();
        fs::create_dir(directory.path("a")).unwrap();
        let mut staged = stage(&directory.path("a/file"));
        fs::rename(directory.path("a"), directory.path("b")).unwrap();
        fs::create_dir(directory.path("a")).unwrap();
        staged.place().unwrap();
        assert_eq!(names(&directory.path("a")), Vec::<String>::new());
        assert_eq!(names(&directory.path("b")), ["file"]);
        staged.undo().unwrap();
        assert_eq!(names(&directory.path("b")), Vec::<String>::new());
    }

    /// The metadata that undoing must restore.
    fn identity(path: &Path) -> (u64, u64, i64, i64, u32, Vec<u8>) {
        let found = fs::metadata(path).unwrap();
        (found.ino(), found.nlink(), found.mtime(), found.mtime_nsec(), found.mode(), fs::read(path).unwrap())
    }

    #[test]
    fn undoing_restores_the_same_inode() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "old").unwrap();
        fs::hard_link(&path, directory.path("link")).unwrap();
        File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let before = identity(&path);
        let mut staged = stage(&path);
        staged.place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        staged.undo().unwrap();
        assert_eq!(identity(&path), before);
        assert_eq!(directory.names(), ["file", "link"]);
    }

    #[test]
    fn undoing_restores_the_same_inode_without_an_exchange() {
        let directory = Directory::new();
        let path = directory.path("file");
        for mode in [0o755, 0o1755] {
            fs::set_permissions(directory.path(""), PermissionsExt::from_mode(mode)).unwrap();
            fs::write(&path, "old").unwrap();
            let before = identity(&path);
            let mut staged = stage(&path);
            let State::Staged(temporary) = &staged.state else { unreachable!() };
            let old = staged.entry.replace_plainly(temporary).unwrap().unwrap();
            assert_eq!((fs::read(&path).unwrap(), directory.names().len()), (b"new".to_vec(), 2));
            staged.state = State::Replacing(old);
            staged.undo().unwrap();
            assert_eq!(identity(&path), before);
            assert_eq!(directory.names(), ["file"]);
        }
    }

    #[test]
    fn a_failing_rename_without_an_exchange_changes_nothing() {
        let directory = Directory::new();
        let path = directory.path("file");
        for mode in [0o755, 0o1755] {
            fs::set_permissions(directory.path(""), PermissionsExt::from_mode(mode)).unwrap();
            fs::write(&path, "old").unwrap();
            let before = identity(&path);
            let entry = DirectoryEntry::find(&path).unwrap();
            assert_eq!(entry.replace_plainly(OsStr::new("nothing")), Err(Errno::ENOENT));
            assert_eq!(identity(&path), before);
            assert_eq!(directory.names(), ["file"]);
        }
    }

    #[test]
    fn without_an_exchange_a_new_file_replaces_nothing() {
        let directory = Directory::new();
        let staged = stage(&directory.path("file"));
        let State::Staged(temporary) = &staged.state else { unreachable!() };
        assert_eq!(staged.entry.replace_plainly(temporary), Ok(None));
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn a_file_that_is_created_meanwhile_is_replaced_and_restored() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = stage(&path);
        fs::write(&path, "of another process").unwrap();
        staged.place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        staged.undo().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"of another process");
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn a_link_that_is_created_meanwhile_is_not_replaced() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = stage(&path);
        symlink("elsewhere", &path).unwrap();
        assert_eq!(staged.place(), Err(DeliverProblem::Link));
        staged.undo().unwrap();
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("elsewhere"));
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn once_committed_the_replaced_file_is_removed_and_restored_as_a_copy() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, b"old \xff\x00\n").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let before = identity(&path);
        let mut staged = stage(&path);
        staged.place().unwrap();
        staged.commit().unwrap();
        assert_eq!(directory.names(), ["file"]);
        staged.undo().unwrap();
        let after = identity(&path);
        assert_eq!((after.1, after.2, after.3, after.4, &after.5), (before.1, before.2, before.3, before.4, &before.5));
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn once_committed_a_file_with_another_link_is_restored_as_the_same_inode() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "old").unwrap();
        fs::hard_link(&path, directory.path("link")).unwrap();
        let before = identity(&path);
        let mut staged = stage(&path);
        staged.place().unwrap();
        staged.commit().unwrap();
        staged.undo().unwrap();
        assert_eq!(identity(&path), before);
        assert_eq!(directory.names(), ["file", "link"]);
    }

    #[test]
    fn a_copy_has_no_set_id_bits() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o2644)).unwrap();
        let mut staged = stage(&path);
        staged.place().unwrap();
        staged.commit().unwrap();
        staged.undo().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    }

    #[test]
    fn the_copy_of_a_sparse_file_is_sparse() {
        let directory = Directory::new();
        let path = directory.path("file");
        let sparse = File::create(&path).unwrap();
        sparse.write_all_at(b"start", 0).unwrap();
        sparse.write_all_at(b"middle", 1 << 30).unwrap();
        sparse.set_len(3 << 30).unwrap();
        let mut staged = stage(&path);
        staged.place().unwrap();
        staged.commit().unwrap();
        staged.undo().unwrap();
        let copy = File::open(&path).unwrap();
        let found = copy.metadata().unwrap();
        // stat(2) counts blocks of 512 bytes.
        assert!(found.len() == 3 << 30 && found.blocks() < 1 << 20, "{found:?}");
        let (mut start, mut middle) = ([0; 5], [0; 6]);
        copy.read_exact_at(&mut start, 0).unwrap();
        copy.read_exact_at(&mut middle, 1 << 30).unwrap();
        assert_eq!((&start, &middle), (b"start", b"middle"));
    }

    #[test]
    fn a_file_that_cannot_be_renamed_back_is_reported_with_its_temporary_name() {
        let directory = Directory::new();
        let path = directory.path("file");
        fs::write(&path, "old").unwrap();
        let mut staged = stage(&path);
        staged.place().unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let Err(DeliverProblem::LeftAside { name, failed }) = staged.undo() else { panic!("{staged:?}") };
        assert_eq!(failed.step, Step::Rename);
        assert_eq!(fs::read(directory.path(name.to_str().unwrap())).unwrap(), b"old");
    }

    #[test]
    fn undoing_is_done_once() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = stage(&path);
        staged.undo().unwrap();
        fs::write(&path, "of another process").unwrap();
        staged.place().unwrap();
        staged.undo().unwrap();
        drop(staged);
        assert_eq!(directory.names(), ["file"]);
    }
}
