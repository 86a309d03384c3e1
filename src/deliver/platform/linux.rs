//! The calls of Linux.

#![allow(unsafe_code, reason = "nix has renameat2(2) only with glibc")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open, openat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstat};

use super::names::c_names;
use crate::system::paths::COMPONENT;

/// The error of an operation that a file system does not have.
pub const NOT_SUPPORTED: Errno = Errno::EOPNOTSUPP;

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
