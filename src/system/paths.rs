//! The resolution of a path to a directory, component by component, so that no other user's symbolic link leads it elsewhere, and the
//! file systems in memory.
//!
//! openat2(2) has no flag for links of some owners, so each component is opened separately.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
#[cfg(target_os = "macos")]
use nix::fcntl::AtFlags;
use nix::fcntl::{OFlag, open, openat, readlinkat};
#[cfg(target_os = "macos")]
use nix::libc;
#[cfg(target_os = "linux")]
use nix::sys::stat::fstat;
#[cfg(target_os = "macos")]
use nix::sys::stat::fstatat;
use nix::sys::stat::{Mode, SFlag};
use nix::sys::statfs::fstatfs;
#[cfg(target_os = "linux")]
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, TMPFS_MAGIC};
use nix::unistd::geteuid;

use super::os_error::failed;
use crate::model::problem::Problem;

/// The number of symbolic links that the kernel follows in one path (path_resolution(7)).
const MAX_SYMLINKS: usize = 40;

/// Flags for opening a path component. O_PATH or O_SEARCH, since creating files in a directory needs no permission to read it.
#[cfg(target_os = "linux")]
pub const COMPONENT: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);
#[cfg(target_os = "macos")]
pub const COMPONENT: OFlag = OFlag::from_bits_retain(libc::O_SEARCH).union(OFlag::O_CLOEXEC);

/// The ramfs magic number of linux/magic.h, which nix does not define.
#[cfg(target_os = "linux")]
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// The reason why a path leads to no directory.
enum WalkError {
    /// A symbolic link belongs to neither root nor the effective user.
    ForeignLink {
        link: PathBuf,
        /// The link's user id.
        owner: u32,
    },
    Failed(Errno),
}

impl From<Errno> for WalkError {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// Opens the directory that `path` leads to, a relative one from the working directory. A symbolic link is followed only if root or the
/// effective user owns it. `command` is the one that the error about a directory that does not exist suggests.
///
/// # Errors
/// When it is not there, or a link of another user is in the way.
pub fn open_directory(path: &OsStr, command: &str) -> Result<OwnedFd, Problem> {
    // Without the slash at its end.
    let shown: PathBuf = Path::new(path).components().collect();
    PathWalk::begin(path)
        .and_then(PathWalk::finish)
        .map_err(|error| match error {
            WalkError::ForeignLink { link, owner } => {
                let text = format!(
                    "\"{}\" is a symbolic link that belongs to user {owner}; secrets-exec follows only links of root and of its own user",
                    link.display()
                );
                Problem::configuration(text)
                    .help("write the path of the directory that the link points to")
            }
            WalkError::Failed(Errno::ENOENT) => {
                let in_unit = match shown.strip_prefix("/run") {
                    Ok(name) => format!("; in a systemd unit: RuntimeDirectory={}", name.display()),
                    Err(_) => String::new(),
                };
                let shown = shown.display();
                Problem::configuration(format!("the directory \"{shown}\" does not exist"))
                    .help(format!("create it first: {command} {shown}{in_unit}"))
            }
            WalkError::Failed(Errno::ENOTDIR) => {
                Problem::configuration(format!("\"{}\" is not a directory", shown.display()))
            }
            WalkError::Failed(errno) => {
                let what = format!("the directory \"{}\" cannot be opened", shown.display());
                failed(&what, errno)
            }
        })
}

/// A path resolution in progress (path_resolution(7)).
struct PathWalk {
    reached: OwnedFd,
    /// The path of `reached` without symbolic links, for messages.
    path: PathBuf,
    /// The components that are still to be opened, the next one last.
    rest: Vec<OsString>,
    links: usize,
}

impl PathWalk {
    fn begin(path: &OsStr) -> Result<Self, WalkError> {
        let base = if is_absolute(path) { "/" } else { "" };
        Ok(Self {
            reached: start(path)?,
            path: base.into(),
            rest: reversed(path),
            links: 0,
        })
    }

    fn finish(mut self) -> Result<OwnedFd, WalkError> {
        while let Some(component) = self.rest.pop() {
            self.enter(&component)?;
        }
        Ok(self.reached)
    }

    fn enter(&mut self, component: &OsStr) -> Result<(), WalkError> {
        // O_DIRECTORY triggers an autofs(5) mount, which O_PATH alone does not.
        match self.open(component, OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW) {
            Ok(directory) => {
                self.reached = directory;
                self.path.push(component);
                Ok(())
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => self.follow(component),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Follows a symbolic link: its target's components come before the remaining ones.
    fn follow(&mut self, component: &OsStr) -> Result<(), WalkError> {
        let link = read_link(self.reached.as_fd(), component)?;
        let Some(link) = link else {
            return Err(Errno::ENOTDIR.into());
        };
        if is_foreign(link.owner) {
            return Err(WalkError::ForeignLink {
                link: self.path.join(component),
                owner: link.owner,
            });
        }
        self.links += 1;
        if self.links > MAX_SYMLINKS {
            return Err(Errno::ELOOP.into());
        }
        let target = link.target;
        if !is_absolute(&target) {
            self.rest.extend(reversed(&target));
        } else if link.is_magic {
            self.reached = self.open(component, OFlag::O_DIRECTORY)?;
            self.path = target.into();
        } else {
            self.reached = start(&target)?;
            self.path = "/".into();
            self.rest.extend(reversed(&target));
        }
        Ok(())
    }

    fn open(&self, component: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
        openat(&self.reached, component, COMPONENT | flags, Mode::empty())
    }
}

/// Opens the root or the working directory.
fn start(path: &OsStr) -> Result<OwnedFd, Errno> {
    let base = if is_absolute(path) { "/" } else { "." };
    open(base, COMPONENT | OFlag::O_DIRECTORY, Mode::empty())
}

fn is_absolute(path: &OsStr) -> bool {
    path.as_bytes().starts_with(b"/")
}

/// The components of a path in reverse. `..` is kept: it is opened relative to the directory reached by then, as the kernel does.
fn reversed(path: &OsStr) -> Vec<OsString> {
    let components = path.as_bytes().split(|byte| *byte == b'/').rev();
    let named = components.filter(|component| !matches!(*component, b"" | b"."));
    named
        .map(|component| OsStr::from_bytes(component).to_owned())
        .collect()
}

/// True if a file with this owner belongs to neither root nor the effective user.
pub fn is_foreign(owner: u32) -> bool {
    owner != 0 && owner != geteuid().as_raw()
}

/// The owner and the target of a symbolic link.
struct SymbolicLink {
    /// The link's user id.
    owner: u32,
    target: OsString,
    /// A magic link (/proc/PID/cwd, root, fd/N; proc(5)): only the kernel can follow it, its text need not be a path. Never on
    /// macOS.
    is_magic: bool,
}

/// True if a file is on tmpfs or ramfs.
///
/// # Errors
/// The errors of fstatfs(2).
pub fn is_in_memory(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    let found = fstatfs(file)?;
    #[cfg(target_os = "linux")]
    let is_in_memory = [TMPFS_MAGIC, RAMFS_MAGIC].contains(&found.filesystem_type());
    #[cfg(target_os = "macos")]
    let is_in_memory = found.filesystem_type_name() == "tmpfs";
    Ok(is_in_memory)
}

/// Reads a symbolic link; `None` for anything else.
#[cfg(target_os = "linux")]
fn read_link(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<SymbolicLink>, Errno> {
    let link = openat(
        directory,
        name,
        COMPONENT | OFlag::O_NOFOLLOW,
        Mode::empty(),
    )?;
    let stat = fstat(&link)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
        return Ok(None);
    }
    // readlinkat on the open link, so that owner and target are of the same inode.
    let target = readlinkat(&link, "")?;
    let is_magic = target.as_bytes().starts_with(b"/")
        && fstatfs(&link).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC);
    Ok(Some(SymbolicLink {
        owner: stat.st_uid,
        target,
        is_magic,
    }))
}

/// Reads a symbolic link; `None` for anything else. macOS has no O_PATH, so the owner is read first: only a user who may write to the
/// directory can exchange the link between the two calls, and such a user can exchange the directory's entries anyway.
#[cfg(target_os = "macos")]
fn read_link(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<SymbolicLink>, Errno> {
    let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
        return Ok(None);
    }
    Ok(Some(SymbolicLink {
        owner: stat.st_uid,
        target: readlinkat(directory, name)?,
        is_magic: false,
    }))
}
