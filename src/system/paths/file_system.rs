//! Kinds of file systems, and a symbolic link that was read.

use std::ffi::OsString;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    Memory,
    Disk,
    /// One in which the kernel alone creates files, such as proc. macOS has none.
    Kernel,
}

/// The owner and the target of a symbolic link.
#[derive(Debug)]
pub struct SymbolicLink {
    /// The link's user id.
    pub owner: u32,
    pub target: OsString,
    /// A magic link (/proc/PID/cwd, root, fd/N; proc(5)): only the kernel can follow it, its text need not be a path. Never on
    /// macOS.
    pub is_magic: bool,
}
