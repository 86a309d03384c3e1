//! The directory of the cache: private, in memory, and checked by the descriptor through which all of it is reached.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use zeroize::Zeroizing;

use super::name::EntryName;
use crate::system::os_error::errno;
use crate::system::paths::{FileSystem, WalkError, file_system, link_open, open_directory_itself};

/// The directory that `--cache` names, and the reason why it cannot hold values.
#[derive(Debug, PartialEq, Eq)]
pub struct CacheError {
    pub path: PathBuf,
    pub problem: DirectoryProblem,
}

/// The reason why a directory cannot hold values.
#[derive(Debug, PartialEq, Eq)]
pub enum DirectoryProblem {
    Path(WalkError),
    /// It belongs to another user.
    Owner {
        uid: u32,
        wanted: u32,
    },
    /// Its mode gives others access.
    Mode(Mode),
    /// Its file system is not tmpfs or ramfs.
    OnDisk,
    /// It cannot be examined.
    Failed(Errno),
}

/// The reason why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileProblem {
    /// A link, a pipe, a directory or a device.
    NotRegular,
    /// It belongs to another user, or others have access.
    Foreign,
    /// Larger than any answer.
    TooLarge,
    Failed(Errno),
}

/// The open directory.
#[derive(Debug)]
pub struct CacheDirectory {
    descriptor: OwnedFd,
}

/// The mode of an entry.
const PRIVATE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// The access of everyone but the owner.
const OTHERS: Mode = Mode::S_IRWXG.union(Mode::S_IRWXO);

/// More than the parameters of a path ever are.
const MAX_SIZE: u64 = 256 * 1024 * 1024;

impl CacheDirectory {
    /// Opens and checks the directory.
    ///
    /// # Errors
    /// Each reason why it cannot hold values.
    pub fn open(path: &Path) -> Result<Self, Vec<CacheError>> {
        let error = |problem| CacheError { path: path.to_owned(), problem };
        let descriptor =
            open_directory_itself(path.as_os_str()).map_err(|problem| vec![error(DirectoryProblem::Path(problem))])?;
        let problems = problems(&descriptor);
        match problems.is_empty() {
            true => Ok(Self { descriptor }),
            false => Err(problems.into_iter().map(error).collect()),
        }
    }

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// When it is not a regular file of this user alone, or cannot be read.
    pub fn read(&self, name: &EntryName) -> Result<Option<Zeroizing<Vec<u8>>>, FileProblem> {
        // Opening a pipe without O_NONBLOCK waits for a writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let mut file = match openat(&self.descriptor, name.as_str(), flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::ENOENT) => return Ok(None),
            // A link; a socket.
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(FileProblem::NotRegular),
            Err(errno) => return Err(FileProblem::Failed(errno)),
        };
        let stat = fstat(&file).map_err(FileProblem::Failed)?;
        check_file(&stat)?;
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let size = usize::try_from(size).ok().filter(|_| size <= MAX_SIZE).ok_or(FileProblem::TooLarge)?;
        let mut bytes = Zeroizing::new(vec![0; size]);
        file.read_exact(&mut bytes).map_err(|error| FileProblem::Failed(errno(&error)))?;
        Ok(Some(bytes))
    }

    /// Replaces a file atomically, with mode 0600.
    ///
    /// # Errors
    /// When a step fails; then the old file is still there.
    pub fn replace(&self, name: &EntryName, content: &[u8]) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        match self.create_nameless() {
            Ok(file) => match self.fill(file, content, name, None) {
                // Without /proc, a file cannot get its first name.
                Err(Errno::ENOENT) => {}
                written => return written,
            },
            // Kernels and sandboxes without it: open(2), "O_TMPFILE".
            Err(Errno::EOPNOTSUPP | Errno::EISDIR | Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        }
        let (file, temporary) = self.create_named(name)?;
        let written = self.fill(file, content, name, Some(&temporary));
        if written.is_err() {
            let _ = self.remove_name(&temporary);
        }
        written
    }

    /// Removes a file, and one that a process left that was killed while it replaced the file. A missing one is no error.
    ///
    /// # Errors
    /// Those of unlinkat(2).
    pub fn remove(&self, name: &EntryName) -> Result<(), Errno> {
        self.remove_name(name.as_str()).and(self.remove_name(&name.of_new()))
    }

    /// Creates a file without a name, so that a process that is killed leaves nothing behind.
    #[cfg(target_os = "linux")]
    fn create_nameless(&self) -> Result<File, Errno> {
        openat(&self.descriptor, ".", OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC, PRIVATE).map(File::from)
    }

    /// Creates a file with a name of its own.
    fn create_named(&self, name: &EntryName) -> Result<(File, String), Errno> {
        let temporary = format!("{}.{:016x}", name.of_new(), fastrand::u64(..));
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok((File::from(openat(&self.descriptor, temporary.as_str(), flags, PRIVATE)?), temporary))
    }

    fn fill(&self, mut file: File, content: &[u8], name: &EntryName, temporary: Option<&str>) -> Result<(), Errno> {
        // The mode of creation lacks the bits of the umask.
        fchmod(&file, PRIVATE)?;
        file.write_all(content).map_err(|error| errno(&error))?;
        match temporary {
            Some(temporary) => self.rename(temporary, name),
            None => self.link(&file, name),
        }
    }

    /// Gives a complete file the name of its entry.
    ///
    /// linkat(2) replaces nothing, so the file is first linked to a second name. Every file of that name is complete and an answer to the
    /// same request, so several processes may do this at the same time, and one that was killed leaves one file that the next replaces.
    fn link(&self, file: &File, name: &EntryName) -> Result<(), Errno> {
        let second = name.of_new();
        match link_open(file.as_fd(), self.descriptor.as_fd(), second.as_ref()) {
            Ok(()) => {}
            Err(Errno::EEXIST) => {
                self.remove_name(&second)?;
                match link_open(file.as_fd(), self.descriptor.as_fd(), second.as_ref()) {
                    // Another process has just linked its own answer.
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno),
                }
            }
            Err(errno) => return Err(errno),
        }
        match self.rename(&second, name) {
            // Another process has renamed it already.
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => {
                let _ = self.remove_name(&second);
                Err(errno)
            }
        }
    }

    fn rename(&self, from: &str, to: &EntryName) -> Result<(), Errno> {
        renameat(&self.descriptor, from, &self.descriptor, to.as_str())
    }

    fn remove_name(&self, name: &str) -> Result<(), Errno> {
        match unlinkat(&self.descriptor, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// Every reason why an open directory cannot hold values.
fn problems(directory: &OwnedFd) -> Vec<DirectoryProblem> {
    let stat = match fstat(directory) {
        Ok(stat) => stat,
        Err(errno) => return vec![DirectoryProblem::Failed(errno)],
    };
    let wanted = geteuid().as_raw();
    let mode = Mode::from_bits_truncate(stat.st_mode);
    let found = [
        (stat.st_uid != wanted).then_some(DirectoryProblem::Owner { uid: stat.st_uid, wanted }),
        // An ACL that gives others access shows in the bits of the group.
        mode.intersects(OTHERS).then_some(DirectoryProblem::Mode(mode)),
        match file_system(directory.as_fd()) {
            Ok(FileSystem::Memory) => None,
            Ok(FileSystem::Disk | FileSystem::Kernel) => Some(DirectoryProblem::OnDisk),
            Err(errno) => Some(DirectoryProblem::Failed(errno)),
        },
    ];
    found.into_iter().flatten().collect()
}

fn check_file(stat: &FileStat) -> Result<(), FileProblem> {
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(FileProblem::NotRegular);
    }
    let is_private = !Mode::from_bits_truncate(stat.st_mode).intersects(OTHERS);
    if stat.st_uid == geteuid().as_raw() && is_private { Ok(()) } else { Err(FileProblem::Foreign) }
}
