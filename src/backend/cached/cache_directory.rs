//! The directory of the cache. It must belong to this user, be closed to everyone else, and be in
//! memory.
//!
//! The directory is opened and checked once. All files are then reached through its descriptor, so
//! nobody can replace the checked directory by another one in between.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat};
use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::model::problem::{Problem, unless_errors};
use crate::system::os_error::{call_problem, errno, errno_text};
use crate::system::paths::{create_temporary, is_in_memory, open_directory, remove_file};

/// The directory, which is open and has been checked.
#[derive(Debug)]
pub struct CacheDirectory {
    descriptor: OwnedFd,
}

/// The mode of a file in the directory.
const PRIVATE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

/// The permissions of everyone except the owner.
const OTHERS: Mode = Mode::S_IRWXG.union(Mode::S_IRWXO);

/// The predicate of the notice about a file that another user could have written.
const NOT_OURS: &str =
    "could not be used, because its file does not belong to this user or does not have mode 0600";

/// The size limit for reading a file, in bytes. All parameters below a path together are smaller.
const MAX_SIZE: i64 = 256 * 1024 * 1024;

impl CacheDirectory {
    /// Opens and checks the directory.
    ///
    /// # Errors
    /// Every reason why values must not be stored in the directory.
    pub fn open(path: &Path) -> Result<Self, Vec<Problem>> {
        let opened = open_directory(path.as_os_str(), "install -d -m 700");
        let descriptor = opened.map_err(|mut problem| {
            problem.text = format!("--cache: {}", problem.text);
            if !path.exists() && !path.starts_with("/run") && !path.starts_with("/dev/shm") {
                let help = "create a directory in memory with install -d -m 700 /dev/shm/secrets-exec, and write --cache /dev/shm/secrets-exec";
                problem.help = Some(help.to_owned());
            }
            vec![problem.note("the directory must be in memory, for example below /dev/shm")]
        })?;

        let shown = path.display();
        let problems = problems(path, &descriptor).map_err(|errno| {
            let what = format!("the --cache directory \"{shown}\" can't be examined");
            vec![call_problem(&what, errno)]
        })?;
        unless_errors(problems, Self { descriptor })
    }

    /// Reads a file. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// The predicate of a message about a file that cannot be read, or that isn't a private regular
    /// file of this user.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let unreadable = |why| format!("could not be read ({})", errno_text(why));
        // Without O_NONBLOCK, opening a pipe would wait for a writer.
        let flags = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_CLOEXEC;
        let mut file = match openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::ENOENT) => return Ok(None),
            // A symbolic link, or a socket.
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

    /// Replaces a file atomically. The new file has mode 0600.
    ///
    /// # Errors
    /// When a step fails. The old file is then unchanged, and the new file is removed.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), Errno> {
        let directory = &self.descriptor;
        let (mut file, temporary) = create_temporary(directory, name.as_ref())?;
        // The umask may have removed bits from the mode of the new file.
        let written = fchmod(&file, PRIVATE)
            .and_then(|()| file.write_all(content).map_err(|error| errno(&error)))
            .and_then(|()| renameat(directory, temporary.as_os_str(), directory, name));
        if written.is_err() {
            let _ = remove_file(directory, &temporary);
        }
        written
    }

    /// Removes a file, if it exists.
    ///
    /// # Errors
    /// The errors of unlinkat(2).
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        remove_file(&self.descriptor, name.as_ref())
    }
}

/// The remedy for a directory on a disk.
const USE_TMPFS: &str =
    "use a directory in memory, and create it first: install -d -m 700 /dev/shm/secrets-exec";

/// Returns the reasons why values must not be stored in a directory, or nothing if they may. A
/// directory on a disk has only this reason, because correcting its owner or mode wouldn't help.
///
/// # Errors
/// When the directory cannot be examined.
fn problems(path: &Path, directory: &OwnedFd) -> Result<Vec<Problem>, Errno> {
    let path = path.display();
    let problem = |what: String, help: String| {
        Problem::configuration(format!("the --cache directory \"{path}\" {what}")).help(help)
    };
    if !is_in_memory(directory.as_fd())? {
        let what = "is on a disk, but cached values must stay in memory".to_owned();
        return Ok(vec![problem(what, USE_TMPFS.to_owned())]);
    }

    let stat = fstat(directory)?;
    let (uid, wanted) = (stat.st_uid, geteuid().as_raw());
    let mode = Mode::from_bits_truncate(stat.st_mode);
    let mut problems = Vec::new();
    // An ACL that gives access to other users appears in the permissions of the group.
    let has_others = mode.intersects(OTHERS);
    // The sticky bit marks a directory that several users share, such as /dev/shm. After a chown or
    // chmod, nobody else could use it any more.
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
    Ok(problems)
}
