//! DnsResolver in a file's directory: temporary ones, and the exchange of one for the file's own.

#![allow(unsafe_code, reason = "renameat2(2) is called by its number")]

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat, renameat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::directory::Entry;
use super::problem::{Problem, Refusal, Step};

impl Entry {
    /// Makes sure that the entry's name is free, or a regular file's.
    ///
    /// # Errors
    /// For anything else that has the name.
    pub fn expect_regular(&self) -> Result<(), Problem> {
        match stat(self.directory(), self.name()) {
            Ok(stat) => regular(&stat),
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Step::Look.refused(errno).into()),
        }
    }

    /// Creates an empty file, mode 0600, under a temporary name.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn create_temporary(&self) -> Result<(File, OsString), Refusal> {
        let name = self.temporary_name();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let created = openat(self.directory(), name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR);
        Ok((File::from(created.map_err(|errno| Step::Create.refused(errno))?), name))
    }

    /// Opens a file of the directory for reading.
    ///
    /// # Errors
    /// The errno of the system call that failed.
    pub fn open(&self, name: &OsStr) -> Result<File, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        openat(self.directory(), name, flags, Mode::empty()).map(File::from)
    }

    /// Opens a file of this user whose mode forbids its owner to read: adds the bit, opens, and restores the mode.
    ///
    /// # Errors
    /// The errno of the system call that failed.
    pub fn open_own(&self, name: &OsStr) -> Result<File, Errno> {
        let file = openat(self.directory(), name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
        let mode = Mode::from_bits_truncate(fstat(&file)?.st_mode);
        // A descriptor of O_PATH takes no fchmod(2).
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let change = |mode| fchmodat(AT_FDCWD, path.as_str(), mode, FchmodatFlags::FollowSymlink);
        change(mode | Mode::S_IRUSR)?;
        let opened = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        change(mode)?;
        opened.map(File::from)
    }

    /// Gives the file of that temporary name the entry's own. A regular file that had it keeps a temporary name, which is returned.
    ///
    /// # Errors
    /// When the kernel refuses, or something else than a regular file has the name; then nothing is changed.
    pub fn replace(&self, temporary: &OsStr) -> Result<Option<OsString>, Problem> {
        let replaced = match self.exchange(temporary) {
            Err(Errno::ENOENT) => match self.rename_flags(temporary, self.name(), libc::RENAME_NOREPLACE) {
                Ok(()) => return Ok(None),
                // It has appeared between the two calls.
                Err(Errno::EEXIST) => self.exchange(temporary),
                Err(errno) => Err(errno),
            },
            exchanged => exchanged,
        };
        match replaced {
            Ok(()) => self.keep_regular(temporary).map(Some),
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                self.replace_plainly(temporary).map_err(|errno| self.not_renamed(errno))
            }
            Err(errno) => Err(self.not_renamed(errno)),
        }
    }

    /// Gives a file of the directory the entry's own name, whatever has it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn rename(&self, name: &OsStr) -> Result<(), Refusal> {
        self.rename_to(name, self.name()).map_err(|errno| Step::Rename.refused(errno))
    }

    /// Removes a name of the directory, unless it is gone already.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, name: &OsStr) -> Result<(), Refusal> {
        match unlinkat(self.directory(), name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Step::Remove.refused(errno)),
        }
    }

    /// Gives an open file that still has a name elsewhere a temporary one here. A file without any name cannot get one again.
    ///
    /// # Errors
    /// The errno of the system call that failed.
    pub fn link(&self, file: &File) -> Result<OsString, Errno> {
        let (path, name) = (format!("/proc/self/fd/{}", file.as_raw_fd()), self.temporary_name());
        linkat(AT_FDCWD, path.as_str(), self.directory(), name.as_os_str(), AtFlags::AT_SYMLINK_FOLLOW)?;
        Ok(name)
    }

    fn exchange(&self, temporary: &OsStr) -> Result<(), Errno> {
        self.rename_flags(temporary, self.name(), libc::RENAME_EXCHANGE)
    }

    /// Checks what was exchanged, as it may have changed since [`Self::expect_regular`]; exchanges back if it is no regular file.
    fn keep_regular(&self, exchanged: &OsStr) -> Result<OsString, Problem> {
        let looked = stat(self.directory(), exchanged).map_err(|errno| Step::Look.refused(errno).into());
        match looked.and_then(|stat| regular(&stat)) {
            Ok(()) => Ok(exchanged.to_owned()),
            Err(problem) => {
                self.exchange(exchanged).map_err(|errno| Step::Rename.refused(errno))?;
                Err(problem)
            }
        }
    }

    /// Does without renameat2(2), which NFS and some others do not support.
    pub fn replace_plainly(&self, temporary: &OsStr) -> Result<Option<OsString>, Errno> {
        let aside = match self.set_aside() {
            Ok(aside) => aside,
            Err(Errno::ENOENT) => return self.rename_to(temporary, self.name()).map(|()| None),
            Err(errno) => return Err(errno),
        };
        self.rename_to(temporary, self.name()).inspect_err(|_| {
            // Does nothing where both are names of one file, hence the removal.
            let _ = self.rename(&aside).and_then(|()| self.remove(&aside));
        })?;
        Ok(Some(aside))
    }

    /// Gives the file that is there a temporary name as well, or instead where the file system has no hard links.
    fn set_aside(&self) -> Result<OsString, Errno> {
        let (directory, aside) = (self.directory(), self.temporary_name());
        // A link to another user's file could not be removed again from a sticky directory.
        if !self.is_sticky() {
            match linkat(directory, self.name(), directory, aside.as_os_str(), AtFlags::empty()) {
                Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK) => {}
                linked => return linked.map(|()| aside),
            }
        }
        self.rename_to(self.name(), &aside).map(|()| aside)
    }

    fn not_renamed(&self, errno: Errno) -> Problem {
        match stat(self.directory(), self.name()) {
            Ok(stat) if errno == Errno::EPERM && self.is_sticky() => Problem::Sticky { owner: stat.st_uid },
            _ => Step::Rename.refused(errno).into(),
        }
    }

    fn is_sticky(&self) -> bool {
        fstat(self.directory()).is_ok_and(|stat| Mode::from_bits_truncate(stat.st_mode).contains(Mode::S_ISVTX))
    }

    fn rename_to(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        renameat(self.directory(), from, self.directory(), to)
    }

    /// renameat2(2), for which nix has a function with glibc only.
    fn rename_flags(&self, from: &OsStr, to: &OsStr, flags: libc::c_uint) -> Result<(), Errno> {
        let directory = self.directory().as_raw_fd();
        let name = |name: &OsStr| CString::new(name.as_bytes()).map_err(|_| Errno::EINVAL);
        let (from, to) = (name(from)?, name(to)?);
        // SAFETY: both names end in NUL and outlive the call, which keeps none of its arguments.
        let renamed =
            unsafe { libc::syscall(libc::SYS_renameat2, directory, from.as_ptr(), directory, to.as_ptr(), flags) };
        Errno::result(renamed).map(drop)
    }

    /// A name that nobody can foresee.
    fn temporary_name(&self) -> OsString {
        // Of a name of the greatest length a part, so that there is room for the rest.
        let start = self.name().as_bytes().iter().take(200).copied();
        let random = std::iter::repeat_with(|| fastrand::alphanumeric() as u8).take(8);
        OsString::from_vec([b'.'].into_iter().chain(start).chain([b'.']).chain(random).collect())
    }
}

fn stat(directory: BorrowedFd<'_>, name: &OsStr) -> Result<FileStat, Errno> {
    fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn regular(stat: &FileStat) -> Result<(), Problem> {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Ok(()),
        SFlag::S_IFLNK => Err(Problem::Link),
        SFlag::S_IFDIR => Err(Problem::IsADirectory),
        _ => Err(Problem::NotRegular),
    }
}
