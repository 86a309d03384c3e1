//! The directory entry at a path, found component by component, so that no other user's symbolic link redirects a file.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::libc::{dev_t, ino_t};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{AccessFlags, UnlinkatFlags, faccessat, unlinkat};

use super::problem::{DeliverProblem, FailedStep, Step};
use crate::system::paths::{FileSystem, WalkError, file_system, open_directory};

/// An open directory and a name in it. All operations use the descriptor, so later changes of the path do not matter.
#[derive(Debug)]
pub struct DirectoryEntry {
    path: PathBuf,
    directory: OwnedFd,
    /// Device and inode number.
    directory_id: (dev_t, ino_t),
    name: OsString,
}

impl DirectoryEntry {
    /// Opens the directory that `path` leads to, a relative one from the working directory.
    ///
    /// A symbolic link before the last component is followed only if root or the effective user owns it.
    pub fn find(path: &Path) -> Result<Self, DeliverProblem> {
        let (parent, name) = split(path)?;
        let directory = open_directory(parent)?;
        let stat = fstat(&directory).map_err(|errno| Step::Directory.failed(errno))?;
        let directory_id = (stat.st_dev, stat.st_ino);
        Ok(Self { path: path.to_owned(), directory, directory_id, name: name.to_owned() })
    }

    /// The path as it was declared.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// A key that is equal for two paths to the same directory entry.
    pub fn id(&self) -> ((dev_t, ino_t), OsString) {
        (self.directory_id, self.name.clone())
    }

    /// True if the directory's file system is neither tmpfs nor ramfs, nor one of the kernel's own.
    pub fn is_on_disk(&self) -> bool {
        file_system(self.directory()) == Ok(FileSystem::Disk)
    }

    /// Returns the entry's file as fstatat(2) describes it; `None` if there is none.
    pub fn stat(&self) -> Result<Option<FileStat>, FailedStep> {
        match fstatat(self.directory(), self.name(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Step::Look.failed(errno)),
        }
    }

    /// Returns true if the entry is a regular file, and false if there is none.
    ///
    /// # Errors
    /// When the entry is anything else, or cannot be examined.
    pub fn find_regular_file(&self) -> Result<bool, DeliverProblem> {
        let Some(stat) = self.stat()? else { return Ok(false) };
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Ok(true),
            SFlag::S_IFLNK => Err(DeliverProblem::Link),
            SFlag::S_IFDIR => Err(DeliverProblem::IsADirectory),
            _ => Err(DeliverProblem::NotRegular),
        }
    }

    /// Checks that this process may create a file in the directory.
    pub fn expect_writable(&self) -> Result<(), DeliverProblem> {
        if file_system(self.directory()) == Ok(FileSystem::Kernel) {
            return Err(Step::Create.failed(Errno::EACCES).into());
        }
        let access = AccessFlags::W_OK | AccessFlags::X_OK;
        match faccessat(self.directory(), ".", access, AtFlags::AT_EACCESS) {
            Err(errno @ (Errno::EACCES | Errno::EROFS)) => Err(Step::Create.failed(errno).into()),
            // Old seccomp profiles refuse faccessat2(2) itself with another errno.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Creates an empty file with mode 0600 under a temporary name.
    pub fn create_temporary(&self) -> Result<(File, OsString), FailedStep> {
        let name = self.temporary_name();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let created = openat(self.directory(), name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR);
        Ok((File::from(created.map_err(|errno| Step::Create.failed(errno))?), name))
    }

    /// Renames a temporary file to the entry's name, and replaces a file that has it.
    pub fn rename(&self, temporary: &OsStr) -> Result<(), FailedStep> {
        renameat(self.directory(), temporary, self.directory(), self.name()).map_err(|errno| Step::Rename.failed(errno))
    }

    /// Removes a name of the directory. A missing one is no error.
    pub fn remove(&self, name: &OsStr) -> Result<(), FailedStep> {
        match unlinkat(self.directory(), name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Step::Remove.failed(errno)),
        }
    }

    /// Returns a hidden name with a random suffix.
    fn temporary_name(&self) -> OsString {
        // NAME_MAX is 255 bytes: a longer name is cut.
        let start = self.name().as_bytes().iter().take(200).copied();
        let random = std::iter::repeat_with(|| fastrand::alphanumeric() as u8).take(8);
        OsString::from_vec([b'.'].into_iter().chain(start).chain([b'.']).chain(random).collect())
    }
}

/// Splits a path into directory and name. `Path` would take `a/` and `a/.` for `a`, which could be a file.
fn split(path: &Path) -> Result<(&OsStr, &OsStr), DeliverProblem> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(DeliverProblem::Nul);
    }
    let end_of_parent = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (parent, name) = bytes.split_at(end_of_parent);
    match name {
        b"" | b"." | b".." => Err(DeliverProblem::NoFileName),
        name => Ok((OsStr::from_bytes(parent), OsStr::from_bytes(name))),
    }
}

impl From<WalkError> for DeliverProblem {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Missing => Self::DirectoryMissing,
            // Only the last component of a path may not be a link, and that is a file's name here.
            WalkError::NotADirectory | WalkError::Link => Self::NotADirectory,
            WalkError::ForeignLink { link, owner } => Self::ForeignLink { link, owner },
            WalkError::Failed(errno) => Step::Directory.failed(errno).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, lchown, symlink};

    use nix::fcntl::open;

    use super::*;
    use crate::deliver::testing::*;
    use crate::system::paths::COMPONENT;

    /// True if `path` resolves to `directory` as the kernel resolves it.
    fn leads_to(path: &Path, directory: &Path) -> bool {
        let found = fs::metadata(directory).unwrap();
        DirectoryEntry::find(path).unwrap().directory_id == (found.dev(), found.ino())
    }

    #[test]
    fn a_path_must_end_in_a_name() {
        for path in ["", "/", "/dev/shm/", "/dev/shm/file/", "/dev/shm/.", "..", "/dev/shm/file/.."] {
            assert_eq!(DirectoryEntry::find(Path::new(path)).unwrap_err(), DeliverProblem::NoFileName, "{path}");
        }
        assert_eq!(DirectoryEntry::find(Path::new("/dev/shm/a\0b")).unwrap_err(), DeliverProblem::Nul);
    }

    #[test]
    fn a_relative_path_begins_at_the_working_directory() {
        for path in ["file", "./file", ".//./file", "src/../file"] {
            assert!(leads_to(Path::new(path), Path::new(".")), "{path}");
        }
        assert!(leads_to(Path::new("src/file"), Path::new("src")));
    }

    #[test]
    fn an_absolute_path_begins_at_the_root() {
        for path in ["/file", "//file", "/../file", "/./dev/../file"] {
            assert!(leads_to(Path::new(path), Path::new("/")), "{path}");
        }
    }

    #[test]
    fn links_of_root_or_the_effective_user_lead_where_the_kernel_goes() {
        let directory = Directory::new();
        fs::create_dir_all(directory.path("real/deep")).unwrap();
        symlink("real/deep", directory.path("relative")).unwrap();
        symlink(directory.path("real/deep"), directory.path("absolute")).unwrap();
        symlink("../relative/..", directory.path("real/up")).unwrap();
        symlink("./real/.//up/deep/", directory.path("through")).unwrap();
        for (path, wanted) in [
            ("relative/file", "real/deep"),
            ("absolute/file", "real/deep"),
            ("relative/../file", "real"),
            ("absolute/../deep/file", "real/deep"),
            ("real/up/file", "real"),
            ("through/file", "real/deep"),
        ] {
            assert!(leads_to(&directory.path(path), &directory.path(wanted)), "{path}");
        }
    }

    #[test]
    fn a_link_of_another_user_is_followed_at_no_depth() {
        if !is_root("deliver::directory::tests::a_link_of_another_user_is_followed_at_no_depth") {
            return;
        }
        let directory = Directory::new();
        fs::create_dir_all(directory.path("real/deep")).unwrap();
        symlink("real", directory.path("foreign")).unwrap();
        lchown(directory.path("foreign"), Some(NOBODY), None).unwrap();
        symlink("foreign/deep", directory.path("relative")).unwrap();
        symlink(directory.path("foreign/deep"), directory.path("absolute")).unwrap();
        for path in ["foreign/file", "foreign/deep/file", "relative/file", "absolute/file", "real/../foreign/file"] {
            let problem = DirectoryEntry::find(&directory.path(path)).unwrap_err();
            let DeliverProblem::ForeignLink { link, owner: NOBODY } = problem else { panic!("{path}: {problem:?}") };
            assert_eq!(fs::symlink_metadata(&link).unwrap().uid(), NOBODY, "{path}: {}", link.display());
        }
    }

    #[test]
    fn as_many_links_are_followed_as_the_kernel_follows() {
        let directory = Directory::new();
        fs::create_dir(directory.path("0")).unwrap();
        for number in 1..=41 {
            symlink((number - 1).to_string(), directory.path(&number.to_string())).unwrap();
        }
        assert!(leads_to(&directory.path("40/file"), &directory.path("40")));
        assert!(fs::metadata(directory.path("41")).is_err());
        let endless = DeliverProblem::Failed(FailedStep { step: Step::Directory, why: Errno::ELOOP });
        assert_eq!(DirectoryEntry::find(&directory.path("41/file")).unwrap_err(), endless);
        symlink("itself", directory.path("itself")).unwrap();
        assert_eq!(DirectoryEntry::find(&directory.path("itself/file")).unwrap_err(), endless);
    }

    #[test]
    fn a_magic_link_of_proc_leads_to_its_inode_and_not_to_the_path_in_its_text() {
        let directory = Directory::new();
        let gone = directory.path("gone");
        fs::create_dir(&gone).unwrap();
        let held = open(&gone, COMPONENT | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        let wanted = fstat(&held).unwrap();
        fs::remove_dir(&gone).unwrap();
        let path = format!("/proc/self/fd/{}/file", std::os::fd::AsRawFd::as_raw_fd(&held));
        assert_eq!(DirectoryEntry::find(Path::new(&path)).unwrap().directory_id, (wanted.st_dev, wanted.st_ino));
        assert!(leads_to(Path::new("/proc/self/cwd/file"), Path::new(".")));
        assert!(leads_to(Path::new("/proc/self/root/file"), Path::new("/")));
    }

    #[test]
    fn a_missing_directory_is_distinct_from_a_file() {
        let directory = Directory::new();
        fs::write(directory.path("file"), "").unwrap();
        symlink("nothing", directory.path("dangling")).unwrap();
        symlink("file", directory.path("link")).unwrap();
        for (path, wanted) in [
            ("missing/file", DeliverProblem::DirectoryMissing),
            ("dangling/file", DeliverProblem::DirectoryMissing),
            ("file/file", DeliverProblem::NotADirectory),
            ("file/deeper/file", DeliverProblem::NotADirectory),
            ("link/file", DeliverProblem::NotADirectory),
        ] {
            assert_eq!(DirectoryEntry::find(&directory.path(path)).unwrap_err(), wanted, "{path}");
        }
    }

    #[test]
    fn a_directory_without_read_permission_can_be_traversed() {
        let test = "deliver::directory::tests::a_directory_without_read_permission_can_be_traversed";
        if !is_root(test) {
            return;
        }
        if let Some(child) = in_child(test, &[], "chmod 711 .; mkdir -m 711 outer; mkdir -m 733 outer/inner") {
            return passed(&child);
        }
        become_nobody();
        assert!(leads_to(Path::new("outer/inner/file"), Path::new("outer/inner")));
    }
}
