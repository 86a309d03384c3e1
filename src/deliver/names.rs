//! Operations on the names in a directory: creating temporary files, renaming and removing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::{AccessFlags, UnlinkatFlags, faccessat, linkat, unlinkat};

use super::directory::DirectoryEntry;
use super::platform::{NOT_SUPPORTED, exchange, open_own, rename_to_free};
use super::problem::{DeliverProblem, FailedStep, Step};
use crate::system::paths::{COMPONENT, link_open};

impl DirectoryEntry {
    /// Opens a file of the directory without access to its content.
    pub fn open_path(&self, name: &OsStr) -> Result<OwnedFd, Errno> {
        openat(self.directory(), name, COMPONENT | OFlag::O_NOFOLLOW, Mode::empty())
    }

    /// Returns true if the entry's name is that of this open file.
    pub fn leads_to(&self, file: &OwnedFd) -> Result<bool, Errno> {
        let named = match stat(self.directory(), self.name()) {
            Err(Errno::ENOENT) => return Ok(false),
            named => named?,
        };
        let opened = fstat(file)?;
        Ok((named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino))
    }

    /// Checks that the entry's name is free or that of a regular file.
    pub fn expect_regular(&self) -> Result<(), DeliverProblem> {
        match stat(self.directory(), self.name()) {
            Ok(stat) => regular(&stat),
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Step::Look.failed(errno).into()),
        }
    }

    /// Checks that this process may create a file in the directory.
    pub fn expect_writable(&self) -> Result<(), DeliverProblem> {
        if self.is_of_the_kernel() {
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

    /// Opens a file of the directory for reading.
    pub fn open(&self, name: &OsStr) -> Result<File, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        openat(self.directory(), name, flags, Mode::empty()).map(File::from)
    }

    /// Opens a file of this user whose mode forbids its owner to read: adds the bit, opens, and restores the mode.
    pub fn open_own(&self, name: &OsStr) -> Result<File, Errno> {
        open_own(self.directory(), name)
    }

    /// Renames a temporary file to the entry's name. A regular file that has it gets a temporary name, which is returned.
    ///
    /// # Errors
    /// When a rename fails, or anything but a regular file has the name; then nothing is changed.
    pub fn replace(&self, temporary: &OsStr) -> Result<Option<OsString>, DeliverProblem> {
        let replaced = match self.exchange(temporary) {
            Err(Errno::ENOENT) => match rename_to_free(self.directory(), temporary, self.name()) {
                Ok(()) => return Ok(None),
                // A file of that name was created between the two calls.
                Err(Errno::EEXIST) => self.exchange(temporary),
                Err(errno) => Err(errno),
            },
            exchanged => exchanged,
        };
        match replaced {
            Ok(()) => self.keep_regular(temporary).map(Some),
            Err(Errno::EINVAL | Errno::ENOSYS | NOT_SUPPORTED) => {
                self.replace_plainly(temporary).map_err(|errno| self.not_renamed(errno))
            }
            Err(errno) => Err(self.not_renamed(errno)),
        }
    }

    /// Renames a file of the directory to the entry's name, and replaces a file that has it.
    pub fn rename(&self, name: &OsStr) -> Result<(), FailedStep> {
        self.rename_to(name, self.name()).map_err(|errno| Step::Rename.failed(errno))
    }

    /// Removes a name of the directory. A missing one is no error.
    pub fn remove(&self, name: &OsStr) -> Result<(), FailedStep> {
        match unlinkat(self.directory(), name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Step::Remove.failed(errno)),
        }
    }

    /// Links an open file to a temporary name. Fails with ENOENT for a file whose last link was removed.
    pub fn link(&self, file: &File) -> Result<OsString, Errno> {
        let name = self.temporary_name();
        link_open(file.as_fd(), self.directory(), &name)?;
        Ok(name)
    }

    fn exchange(&self, temporary: &OsStr) -> Result<(), Errno> {
        exchange(self.directory(), temporary, self.name())
    }

    /// Checks the type of the exchanged file, since it may have changed after [`Self::expect_regular`], and exchanges it back
    /// unless it is a regular file.
    fn keep_regular(&self, exchanged: &OsStr) -> Result<OsString, DeliverProblem> {
        let looked = stat(self.directory(), exchanged).map_err(|errno| Step::Look.failed(errno).into());
        match looked.and_then(|stat| regular(&stat)) {
            Ok(()) => Ok(exchanged.to_owned()),
            Err(problem) => {
                self.exchange(exchanged).map_err(|errno| Step::Rename.failed(errno))?;
                Err(problem)
            }
        }
    }

    /// Replaces the file without renameat2(2), which NFS and some other file systems do not support.
    pub fn replace_plainly(&self, temporary: &OsStr) -> Result<Option<OsString>, Errno> {
        let aside = match self.set_aside() {
            Ok(aside) => aside,
            Err(Errno::ENOENT) => return self.rename_to(temporary, self.name()).map(|()| None),
            Err(errno) => return Err(errno),
        };
        self.rename_to(temporary, self.name()).inspect_err(|_| {
            // rename(2) does nothing if both names link to the same file, so the temporary one is removed.
            let _ = self.rename(&aside).and_then(|()| self.remove(&aside));
        })?;
        Ok(Some(aside))
    }

    /// Links the existing file to a temporary name, or renames it where the file system has no hard links.
    fn set_aside(&self) -> Result<OsString, Errno> {
        let (directory, aside) = (self.directory(), self.temporary_name());
        // In a sticky directory, a link to another user's file could not be removed again.
        if !self.is_sticky() {
            match linkat(directory, self.name(), directory, aside.as_os_str(), AtFlags::empty()) {
                Err(Errno::EPERM | NOT_SUPPORTED | Errno::ENOSYS | Errno::EMLINK) => {}
                linked => return linked.map(|()| aside),
            }
        }
        self.rename_to(self.name(), &aside).map(|()| aside)
    }

    fn not_renamed(&self, errno: Errno) -> DeliverProblem {
        match stat(self.directory(), self.name()) {
            Ok(stat) if errno == Errno::EPERM && self.is_sticky() => DeliverProblem::Sticky { owner: stat.st_uid },
            _ => Step::Rename.failed(errno).into(),
        }
    }

    fn is_sticky(&self) -> bool {
        fstat(self.directory()).is_ok_and(|stat| Mode::from_bits_truncate(stat.st_mode).contains(Mode::S_ISVTX))
    }

    fn rename_to(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        renameat(self.directory(), from, self.directory(), to)
    }

    /// Returns a hidden name with a random suffix.
    fn temporary_name(&self) -> OsString {
        // NAME_MAX is 255 bytes: a longer name is cut.
        let start = self.name().as_bytes().iter().take(200).copied();
        let random = std::iter::repeat_with(|| fastrand::alphanumeric() as u8).take(8);
        OsString::from_vec([b'.'].into_iter().chain(start).chain([b'.']).chain(random).collect())
    }
}

fn stat(directory: BorrowedFd<'_>, name: &OsStr) -> Result<FileStat, Errno> {
    fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn regular(stat: &FileStat) -> Result<(), DeliverProblem> {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(()),
        SFlag::S_IFLNK => Err(DeliverProblem::Link),
        SFlag::S_IFDIR => Err(DeliverProblem::IsADirectory),
        _ => Err(DeliverProblem::NotRegular),
    }
}
