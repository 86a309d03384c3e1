//! The calls of Linux.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::sys::statfs::{
    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TMPFS_MAGIC, fstatfs,
};
use nix::unistd::linkat;

use super::file_system::{FileSystem, SymbolicLink};

/// The ramfs magic number of linux/magic.h, which nix does not define.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// Flags for opening a path component. O_PATH, since creating files in a directory needs no permission to read it.
pub const COMPONENT: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

/// Returns the kind of the file system that a file is on.
///
/// # Errors
/// Those of fstatfs(2).
pub fn file_system(file: BorrowedFd<'_>) -> Result<FileSystem, Errno> {
    Ok(match fstatfs(file)?.filesystem_type() {
        PROC_SUPER_MAGIC | SYSFS_MAGIC | CGROUP_SUPER_MAGIC | CGROUP2_SUPER_MAGIC => FileSystem::Kernel,
        TMPFS_MAGIC | RAMFS_MAGIC => FileSystem::Memory,
        _ => FileSystem::Disk,
    })
}

/// Reads a symbolic link; `None` for anything else.
pub fn read_link(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<SymbolicLink>, Errno> {
    let link = openat(directory, name, COMPONENT | OFlag::O_NOFOLLOW, Mode::empty())?;
    let stat = fstat(&link)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
        return Ok(None);
    }
    // readlinkat on the open link, so that owner and target are of the same inode.
    let target = readlinkat(&link, "")?;
    let is_magic = target.as_bytes().starts_with(b"/")
        && fstatfs(&link).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC);
    Ok(Some(SymbolicLink { owner: stat.st_uid, target, is_magic }))
}

/// Links an open file to a name. linkat(2) fails with ENOENT for a file whose last link was removed, and for one without a name if
/// /proc is not mounted.
pub fn link_open(file: BorrowedFd<'_>, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(AT_FDCWD, path.as_str(), directory, name, AtFlags::AT_SYMLINK_FOLLOW)
}
