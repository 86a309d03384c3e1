//! The calls of Linux.

#![allow(unsafe_code, reason = "nix has renameat2(2) only with glibc")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstat};
use nix::sys::statfs::{
    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, TMPFS_MAGIC, fstatfs,
};
use nix::unistd::linkat;

use super::file_system::FileSystem;
use super::link::SymbolicLink;
use super::names::c_names;

/// The ramfs magic number of linux/magic.h, which nix does not define.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// Flags for opening a path component. O_PATH, since creating files in a directory needs no permission to read it.
pub const COMPONENT: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);

/// The error of an operation that a file system does not have.
pub const NOT_SUPPORTED: Errno = Errno::EOPNOTSUPP;

/// Returns the kind of the file system that a file is on; memory if it cannot be asked.
pub fn file_system(file: BorrowedFd<'_>) -> FileSystem {
    match fstatfs(file).map(|system| system.filesystem_type()) {
        Ok(PROC_SUPER_MAGIC | SYSFS_MAGIC | CGROUP_SUPER_MAGIC | CGROUP2_SUPER_MAGIC) => FileSystem::Kernel,
        Ok(TMPFS_MAGIC | RAMFS_MAGIC) | Err(_) => FileSystem::Memory,
        Ok(_) => FileSystem::Disk,
    }
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

/// Opens a file of this user whose mode forbids its owner to read: adds the bit, opens, and restores the mode.
pub fn open_own(directory: BorrowedFd<'_>, name: &OsStr) -> Result<File, Errno> {
    let file = openat(directory, name, COMPONENT | OFlag::O_NOFOLLOW, Mode::empty())?;
    let mode = Mode::from_bits_truncate(fstat(&file)?.st_mode);
    // fchmod(2) refuses a descriptor of O_PATH.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let change = |mode| fchmodat(AT_FDCWD, path.as_str(), mode, FchmodatFlags::FollowSymlink);
    change(mode | Mode::S_IRUSR)?;
    let opened = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    change(mode)?;
    opened.map(File::from)
}

/// Links an open file to a name. linkat(2) fails with ENOENT for a file whose last link was removed.
pub fn link_open(file: &File, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(AT_FDCWD, path.as_str(), directory, name, AtFlags::AT_SYMLINK_FOLLOW)
}

/// Renames a file to a name that no file has; EEXIST if one has it.
pub fn rename_to_free(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    renameat2(directory, from, to, libc::RENAME_NOREPLACE)
}

/// Exchanges the names of two files.
pub fn exchange(directory: BorrowedFd<'_>, one: &OsStr, other: &OsStr) -> Result<(), Errno> {
    renameat2(directory, one, other, libc::RENAME_EXCHANGE)
}

/// Calls renameat2(2) by its number: nix has a function for it only with glibc.
fn renameat2(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr, flags: libc::c_uint) -> Result<(), Errno> {
    let directory = directory.as_raw_fd();
    let (from, to) = c_names(from, to)?;
    // SAFETY: both pointers are to NUL-terminated strings that outlive the call, and the kernel keeps none of them.
    let renamed =
        unsafe { libc::syscall(libc::SYS_renameat2, directory, from.as_ptr(), directory, to.as_ptr(), flags) };
    Errno::result(renamed).map(drop)
}

/// Opens the running program by the kernel's link to it, which also leads to one whose name was removed or replaced.
pub fn open_program() -> Result<File, Errno> {
    open("/proc/self/exe", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map(File::from)
}
