//! Why a file cannot be delivered, or not be taken back: data, for the report to word.

use std::ffi::OsString;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::model::entry::{FileTarget, Origin};

/// A file that cannot be delivered, or not be taken back.
#[derive(Debug, PartialEq, Eq)]
pub struct DeliverError {
    /// The file.
    pub target: FileTarget,
    /// Where it was declared.
    pub origin: Origin,
    /// Why not.
    pub problem: Problem,
}

/// Why a file cannot be delivered. A `&'static str` is what the kernel says.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// The path has a NUL byte.
    Nul,
    /// The path ends in a slash, `.` or `..`: it can only be a directory's.
    NoFileName,
    /// The directory that is to hold it is not there.
    DirectoryMissing,
    /// What is to be its directory is something else.
    NotADirectory,
    /// A link before the last component belongs to neither root nor the effective user.
    ForeignLink {
        /// The link.
        link: PathBuf,
        /// The user whose it is.
        owner: u32,
    },
    /// The path is a symbolic link, which is not followed.
    Link,
    /// The path is a directory.
    IsADirectory,
    /// The path is a device, a pipe or a socket.
    NotRegular,
    /// Another file of the declaration goes to the same place, by another path.
    SamePlace,
    /// The file that is there belongs to this user, and its directory is sticky: only its owner may rename it.
    Sticky {
        /// The user.
        owner: u32,
    },
    /// /etc/passwd has no such user.
    UnknownUser(String),
    /// /etc/group has no such group.
    UnknownGroup(String),
    /// The names of users or groups cannot be read from this file.
    Accounts(&'static str, &'static str),
    /// There are no files in memory here (a seccomp profile, or an old kernel); a `path` is the alternative.
    MemoryNotAllowed(&'static str),
    /// No descriptor from 100 is free: RLIMIT_NOFILE is this.
    Descriptors(u64),
    /// The kernel refused a step; [`Step::Owner`]: this process may not give the file to its owner.
    Refused(Refusal),
    /// The kernel refused a step of taking the file back: it stays, or what it replaced is not as it was.
    NotUndone(Refusal),
    /// The file that was there could not be given its name back.
    LeftAside {
        /// The name that it has instead, in the same directory.
        name: OsString,
        /// The step that failed.
        refusal: Refusal,
    },
    /// A signal asked for the end, and the process lived on.
    Interrupted,
}

/// A step that the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was being done.
    pub step: Step,
    /// What the kernel says.
    pub why: &'static str,
}

/// What was being done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opening its directory.
    Directory,
    /// Looking at what is there.
    Look,
    /// Creating it.
    Create,
    /// Giving it its owner.
    Owner,
    /// Giving it its mode.
    Mode,
    /// Writing its content.
    Write,
    /// Sealing it against changes.
    Seal,
    /// Reading what was there before it.
    Read,
    /// Giving it its name.
    Rename,
    /// Removing it.
    Remove,
}

impl Step {
    pub fn refused(self, errno: Errno) -> Refusal {
        Refusal { step: self, why: errno.desc() }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
