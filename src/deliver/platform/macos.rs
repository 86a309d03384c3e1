//! The counterparts of macOS. It has no O_PATH and no /proc, so that some operations are by name and not by descriptor.

#![allow(unsafe_code, reason = "nix has no renameatx_np(2)")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstatat};

use super::names::c_names;

/// The error of an operation that a file system does not have.
pub const NOT_SUPPORTED: Errno = Errno::ENOTSUP;

/// Opens a file of this user whose mode forbids its owner to read: adds the bit, opens, and restores the mode.
pub fn open_own(directory: BorrowedFd<'_>, name: &OsStr) -> Result<File, Errno> {
    let mode = Mode::from_bits_truncate(fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode);
    let change = |mode| fchmodat(directory, name, mode, FchmodatFlags::NoFollowSymlink);
    change(mode | Mode::S_IRUSR)?;
    let opened = openat(directory, name, OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty());
    change(mode)?;
    opened.map(File::from)
}

/// Renames a file to a name that no file has; EEXIST if one has it.
pub fn rename_to_free(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    renameatx(directory, from, to, libc::RENAME_EXCL)
}

/// Exchanges the names of two files.
pub fn exchange(directory: BorrowedFd<'_>, one: &OsStr, other: &OsStr) -> Result<(), Errno> {
    renameatx(directory, one, other, libc::RENAME_SWAP)
}

fn renameatx(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr, flags: libc::c_uint) -> Result<(), Errno> {
    let directory = directory.as_raw_fd();
    let (from, to) = c_names(from, to)?;
    // SAFETY: both pointers are to NUL-terminated strings that outlive the call, and the kernel keeps none of them.
    let renamed = unsafe { libc::renameatx_np(directory, from.as_ptr(), directory, to.as_ptr(), flags) };
    Errno::result(renamed).map(drop)
}

/// macOS has no link to the running program, and images of containers are Linux's.
pub fn open_program() -> Result<File, Errno> {
    Err(NOT_SUPPORTED)
}
