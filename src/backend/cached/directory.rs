//! The directory of the cache: private, in memory, and checked by the descriptor through which all of it is reached.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use zeroize::Zeroizing;

use crate::model::problem::Problem;
use crate::system::os_error::{describe, errno, failed};
use crate::system::paths::{is_in_memory, open_directory};

/// The open directory.
#[derive(Debug)]
pub struct CacheDirectory {
    descriptor: OwnedFd,
}

/// The mode of an entry.
const PRIVATE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// The access of everyone but the owner.
const OTHERS: Mode = Mode::S_IRWXG.union(Mode::S_IRWXO);

const NOT_OURS: &str =
    "could not be used, because its file does not belong to this user or does not have mode 0600";

/// More than the parameters of a path ever are.
const MAX_SIZE: i64 = 256 * 1024 * 1024;

impl CacheDirectory {
    /// Opens and checks the directory.
    ///
    /// # Errors
    /// Each reason why it cannot hold values.
    pub fn open(path: &Path) -> Result<Self, Vec<Problem>> {
        let descriptor =
            open_directory(path.as_os_str(), "install -d -m 700").map_err(|problem| {
                vec![Problem {
                    text: format!("--cache: {}", problem.text),
                    ..problem
                }]
            })?;
        let shown = path.display();
        let problems = problems(path, &descriptor).map_err(|errno| {
            let what = format!("the --cache directory \"{shown}\" cannot be examined");
            vec![failed(&what, errno)]
        })?;
        if problems.is_empty() {
            Ok(Self { descriptor })
        } else {
            Err(problems)
        }
    }

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// The message about a file that cannot be read, or is not a regular file of this user alone.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let unreadable = |why| format!("could not be read ({})", describe(why));
        // Opening a pipe without O_NONBLOCK waits for a writer.
        let flags = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        let mut file = match openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::ENOENT) => return Ok(None),
            // A link; a socket.
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(NOT_OURS.to_owned()),
            Err(errno) => return Err(unreadable(errno)),
        };
        let stat = fstat(&file).map_err(unreadable)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        let is_private = !Mode::from_bits_truncate(stat.st_mode).intersects(OTHERS);
        if kind != SFlag::S_IFREG || stat.st_uid != geteuid().as_raw() || !is_private {
            return Err(NOT_OURS.to_owned());
        }
        if stat.st_size > MAX_SIZE {
            return Err("could not be used, because it is too large".to_owned());
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_to_end(&mut bytes)
            .map_err(|error| unreadable(errno(&error)))?;
        Ok(Some(bytes))
    }

    /// Replaces a file atomically, with mode 0600.
    ///
    /// # Errors
    /// When a step fails; then the old file is still there.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), Errno> {
        let temporary = format!("{name}.new.{:016x}", fastrand::u64(..));
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(
            &self.descriptor,
            temporary.as_str(),
            flags,
            PRIVATE,
        )?);
        // The mode of creation lacks the bits of the umask.
        let written = fchmod(&file, PRIVATE)
            .and_then(|()| file.write_all(content).map_err(|error| errno(&error)))
            .and_then(|()| renameat(&self.descriptor, temporary.as_str(), &self.descriptor, name));
        if written.is_err() {
            let _ = self.remove(&temporary);
        }
        written
    }

    /// Removes a file. A missing one is no error.
    ///
    /// # Errors
    /// The errors of unlinkat(2).
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        match unlinkat(&self.descriptor, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// Every reason why an open directory cannot hold values.
fn problems(path: &Path, directory: &OwnedFd) -> Result<Vec<Problem>, Errno> {
    let path = path.display();
    let problem = |what: String, help: String| {
        Problem::configuration(format!("the --cache directory \"{path}\" {what}")).help(help)
    };
    let stat = fstat(directory)?;
    let (uid, wanted) = (stat.st_uid, geteuid().as_raw());
    let mode = Mode::from_bits_truncate(stat.st_mode);
    let mut problems = Vec::new();
    // An ACL that gives others access shows in the bits of the group.
    let has_others = mode.intersects(OTHERS);
    // The sticky bit marks a directory that several users share, such as /dev/shm: nobody else could use it after a chown or chmod.
    let is_shared = has_others && mode.contains(Mode::S_ISVTX);
    if uid != wanted && !is_shared {
        problems.push(problem(
            format!("belongs to user {uid}, but secrets-exec runs as user {wanted}"),
            format!("give it to user {wanted}: chown {wanted} {path}"),
        ));
    }
    if has_others {
        let help = if is_shared {
            format!(
                "make a directory in it, and use that one: install -d -m 700 {path}/secrets-exec"
            )
        } else {
            format!("close it to others: chmod 700 {path}")
        };
        let what = format!("is open to other users (mode {:04o})", mode.bits());
        problems.push(problem(what, help));
    }
    if !is_in_memory(directory.as_fd())? {
        let what = "is on a disk, but cached values must stay in memory".to_owned();
        let help = "use a directory on tmpfs, for example under /run or /dev/shm".to_owned();
        problems.push(problem(what, help));
    }
    Ok(problems)
}
