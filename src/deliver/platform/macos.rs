//! The counterparts of macOS. It has no O_PATH and no /proc, so that some operations are by name and not by descriptor.

#![allow(unsafe_code, reason = "nix has no renameatx_np(2)")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstatat};
use nix::sys::statfs::fstatfs;

use super::file_system::FileSystem;
use super::link::SymbolicLink;
use super::names::c_names;

/// Flags for opening a path component. O_SEARCH, since creating files in a directory needs no permission to read it.
pub const COMPONENT: OFlag = OFlag::from_bits_retain(libc::O_SEARCH).union(OFlag::O_CLOEXEC);

/// The error of an operation that a file system does not have.
pub const NOT_SUPPORTED: Errno = Errno::ENOTSUP;

/// Returns the kind of the file system that a file is on; memory if it cannot be asked.
pub fn file_system(file: BorrowedFd<'_>) -> FileSystem {
    match fstatfs(file) {
        Ok(system) if system.filesystem_type_name() != "tmpfs" => FileSystem::Disk,
        Ok(_) | Err(_) => FileSystem::Memory,
    }
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

/// Opens a file of this user whose mode forbids its owner to read: adds the bit, opens, and restores the mode.
pub fn open_own(directory: BorrowedFd<'_>, name: &OsStr) -> Result<File, Errno> {
    let mode = Mode::from_bits_truncate(fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode);
    let change = |mode| fchmodat(directory, name, mode, FchmodatFlags::NoFollowSymlink);
    change(mode | Mode::S_IRUSR)?;
    let opened = openat(directory, name, OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty());
    change(mode)?;
    opened.map(File::from)
}

/// Fails with ENOENT, as on Linux for a file whose last link was removed: macOS links no open file.
pub fn link_open(_: &File, _: BorrowedFd<'_>, _: &OsStr) -> Result<(), Errno> {
    Err(Errno::ENOENT)
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
