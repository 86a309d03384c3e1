//! A file at a path: written under a temporary name in the same directory, then renamed.

use std::ffi::OsString;
use std::fs::File;

use nix::unistd::close;

use super::directory::DirectoryEntry;
use super::problem::{DeliverProblem, FailedStep, Step};

/// A file at a path. Dropping the value removes a temporary file, and a new one unless [`Self::keep`] was called.
#[derive(Debug)]
pub struct DiskFile {
    entry: DirectoryEntry,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Complete under this temporary name.
    Temporary(OsString),
    /// In place; no file was replaced.
    New,
    /// In place to stay.
    Kept,
}

impl DiskFile {
    /// Lets `fill` write the file under a temporary name.
    ///
    /// # Errors
    /// When anything but a regular file has its name, or a step fails; then the temporary file is removed.
    pub fn stage(
        entry: DirectoryEntry,
        fill: impl FnOnce(&mut File) -> Result<(), FailedStep>,
    ) -> Result<Self, DeliverProblem> {
        entry.find_regular_file()?;
        let (mut file, temporary) = entry.create_temporary()?;
        let staged = Self { entry, state: State::Temporary(temporary) };
        fill(&mut file)?;
        // Some file systems (NFS, quotas) report a full disk only on close.
        close(file).map_err(|errno| Step::Write.failed(errno))?;
        Ok(staged)
    }

    /// Renames the file to its own name. A regular file that has it is replaced, and the new one then stays.
    pub fn place(&mut self) -> Result<(), DeliverProblem> {
        if let State::Temporary(temporary) = &self.state {
            let is_replacing = self.entry.find_regular_file()?;
            self.entry.rename(temporary)?;
            self.state = if is_replacing { State::Kept } else { State::New };
        }
        Ok(())
    }

    /// Leaves the file in place when the value is dropped.
    pub fn keep(&mut self) {
        self.state = State::Kept;
    }

    pub fn entry(&self) -> &DirectoryEntry {
        &self.entry
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        let _ = match &self.state {
            State::Temporary(name) => self.entry.remove(name),
            State::New => self.entry.remove(self.entry.name()),
            State::Kept => Ok(()),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::{Path, PathBuf};

    use nix::errno::Errno;

    use super::*;
    use crate::deliver::access::Access;
    use crate::deliver::testing::*;

    fn refused(path: impl Into<PathBuf>) -> DeliverProblem {
        let problems = problems(deliver(vec![on_disk(path, "value")]));
        problems.into_iter().next().unwrap()
    }

    fn stage(path: &Path) -> DiskFile {
        let file = on_disk(path, "new");
        let entry = DirectoryEntry::find(path).unwrap();
        let access = Access::wanted(&file.target).unwrap();
        DiskFile::stage(entry, |opened| access.fill(opened, &file.value)).unwrap()
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
    fn a_link_to_the_directory_is_followed() {
        let directory = Directory::new();
        fs::create_dir(directory.path("real")).unwrap();
        symlink("real", directory.path("link")).unwrap();
        let delivered = deliver(vec![on_disk(directory.path("link/file"), "value")]).unwrap();
        assert_eq!(fs::read(directory.path("real/file")).unwrap(), b"value");
        drop(delivered);
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
        drop(staged);
        assert_eq!(names(&directory.path("b")), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_created_meanwhile_is_replaced() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = stage(&path);
        fs::write(&path, "of another process").unwrap();
        staged.place().unwrap();
        drop(staged);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(directory.names(), ["file"]);
    }

    #[test]
    fn a_link_that_is_created_meanwhile_is_not_replaced() {
        let directory = Directory::new();
        let path = directory.path("file");
        let mut staged = stage(&path);
        symlink("elsewhere", &path).unwrap();
        assert_eq!(staged.place(), Err(DeliverProblem::Link));
        drop(staged);
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("elsewhere"));
        assert_eq!(directory.names(), ["file"]);
    }
}
