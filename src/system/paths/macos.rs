//! The counterparts of macOS. It has no O_PATH and no /proc, so that some operations are by name and not by descriptor.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, readlinkat};
use nix::libc;
use nix::sys::stat::{SFlag, fstatat};
use nix::sys::statfs::fstatfs;

use super::file_system::{FileSystem, SymbolicLink};

/// Flags for opening a path component. O_SEARCH, since creating files in a directory needs no permission to read it.
pub const COMPONENT: OFlag = OFlag::from_bits_retain(libc::O_SEARCH).union(OFlag::O_CLOEXEC);

/// Returns the kind of the file system that a file is on.
///
/// # Errors
/// Those of fstatfs(2).
pub fn file_system(file: BorrowedFd<'_>) -> Result<FileSystem, Errno> {
    let is_memory = fstatfs(file)?.filesystem_type_name() == "tmpfs";
    Ok(if is_memory { FileSystem::Memory } else { FileSystem::Disk })
}

/// Reads a symbolic link; `None` for anything else.
///
/// The owner is read first. Only a user who may write to the directory can exchange the link between the two calls, and such a
/// user can exchange the directory's entries anyway.
pub fn read_link(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<SymbolicLink>, Errno> {
    let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
        return Ok(None);
    }
    Ok(Some(SymbolicLink { owner: stat.st_uid, target: readlinkat(directory, name)?, is_magic: false }))
}

/// Fails with ENOENT, as on Linux for a file whose last link was removed: macOS links no open file.
pub fn link_open(_: BorrowedFd<'_>, _: BorrowedFd<'_>, _: &OsStr) -> Result<(), Errno> {
    Err(Errno::ENOENT)
}
