//! Errors of delivering a file.

use std::path::PathBuf;

use nix::errno::Errno;

use crate::model::entry::{FileTarget, Origin};

/// A failure to deliver one file.
#[derive(Debug, PartialEq, Eq)]
pub struct DeliverError {
    pub target: FileTarget,
    pub origin: Origin,
    pub problem: DeliverProblem,
}

/// The reason why a file cannot be delivered, or removed when its command has ended.
#[derive(Debug, PartialEq, Eq)]
pub enum DeliverProblem {
    /// The path has a NUL byte.
    Nul,
    /// The path ends in a slash, `.` or `..`, so it can only name a directory.
    NoFileName,
    /// The parent directory does not exist.
    DirectoryMissing,
    /// The parent is not a directory.
    NotADirectory,
    /// A symbolic link before the last component belongs to neither root nor the effective user.
    ForeignLink {
        link: PathBuf,
        /// The link's user id.
        owner: u32,
    },
    /// The last component is a symbolic link, which is not followed.
    Link,
    IsADirectory,
    /// The path is a device, a pipe or a socket.
    NotRegular,
    /// Another declared path names the same directory entry.
    SamePlace,
    /// /etc/passwd has no such user.
    UnknownUser(String),
    /// /etc/group has no such group.
    UnknownGroup(String),
    /// /etc/passwd or /etc/group cannot be read.
    Accounts(&'static str, Errno),
    /// memfd_create(2) is not available: a seccomp profile refuses it, or the kernel is too old.
    MemoryNotAllowed(Errno),
    /// No descriptor from 100 up is free under this RLIMIT_NOFILE.
    #[cfg_attr(target_os = "macos", allow(dead_code, reason = "files in memory need Linux"))]
    Descriptors(u64),
    /// A step of the delivery failed.
    Failed(FailedStep),
    /// A termination signal came, and the process survived it.
    Interrupted,
}

/// A step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedStep {
    pub step: Step,
    pub why: Errno,
}

/// A step of delivering a file, or of removing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Opening its directory.
    Directory,
    /// Reading the type of the existing file.
    Look,
    /// Creating the file or memfd.
    Create,
    /// Changing its owner or group.
    Owner,
    Mode,
    Write,
    /// Sealing a memfd.
    #[cfg_attr(target_os = "macos", allow(dead_code, reason = "files in memory need Linux"))]
    Seal,
    /// Reading the running program.
    Program,
    /// Renaming it to its own name.
    Rename,
    Remove,
}

impl Step {
    pub fn failed(self, errno: Errno) -> FailedStep {
        FailedStep { step: self, why: errno }
    }
}

impl From<FailedStep> for DeliverProblem {
    fn from(failed: FailedStep) -> Self {
        Self::Failed(failed)
    }
}
