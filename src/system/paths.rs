//! Opens the directory at the end of a path, and refuses symbolic links of other users on the way.
//!
//! Another user may be able to write to a directory on the way, such as /tmp. With a link there,
//! they could send a secret to a place of their choice. So we follow a link only if root or the
//! effective user owns it. openat2(2) has no such rule, so each component is opened relative to the
//! directory before it:
//!
//! ```text
//! /run/app/link/keys        link → ../other (followed, because root or this user owns it)
//!
//! reached   rest (next component first)
//! /         run, app, link, keys
//! /run      app, link, keys
//! /run/app  link, keys                   `link` is a symbolic link, so its target comes first
//! /run/app  .., other, keys
//! /run      other, keys
//! …
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat};
use nix::sys::statfs::fstatfs;
#[cfg(target_os = "linux")]
use nix::sys::statfs::{FsType, PROC_SUPER_MAGIC, TMPFS_MAGIC};
use nix::unistd::{Gid, Group, Uid, UnlinkatFlags, User, fchown, geteuid, unlinkat};

use super::os_error::{call_problem, errno, path_remedy};
use super::redaction::redacted_line;
use crate::model::message::Problem;

/// The kernel's limit for one path (path_resolution(7)).
const MAX_SYMLINKS: usize = 40;

/// O_PATH or, on macOS, O_SEARCH. Neither requires permission to read the directory. Creating a
/// file there doesn't, either.
#[cfg(target_os = "linux")]
const COMPONENT_FLAGS: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);
#[cfg(target_os = "macos")]
const COMPONENT_FLAGS: OFlag = OFlag::from_bits_retain(nix::libc::O_SEARCH).union(OFlag::O_CLOEXEC);

/// The type of a ramfs in linux/magic.h, which nix doesn't define.
#[cfg(target_os = "linux")]
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// Opens the directory at `path`, and checks the owner of each link on the way. `noun` is its name
/// in messages, such as `the directory of "/run/${APP}/key"`.
pub fn open_directory(path: &OsStr, noun: &str) -> Result<OwnedFd, Problem> {
    let failed = |errno| directory_problem(path, noun, errno);
    // `reached_path` is the path of `reached` without symbolic links, for messages.
    let (mut reached, mut reached_path) = open_start(path).map_err(failed)?;
    // The components that haven't been opened yet, the last one first.
    let mut rest = reversed_components(path);
    let mut followed_links = 0;
    while let Some(component) = rest.pop() {
        match open_component(&reached, &component, OFlag::O_NOFOLLOW) {
            Ok(directory) => {
                reached = directory;
                reached_path.push(component);
                continue;
            }
            // The component is a link or, with ENOTDIR, possibly a file, which `read_link` refuses.
            Err(Errno::ENOTDIR | Errno::ELOOP) => {}
            Err(errno) => return Err(failed(errno)),
        }

        let link = read_link(reached.as_fd(), &component).map_err(failed)?;
        if is_foreign(link.owner) {
            let link_path = reached_path.join(component);
            return Err(foreign_link_problem(noun, &link_path, link.owner));
        }
        followed_links += 1;
        if followed_links > MAX_SYMLINKS {
            return Err(failed(Errno::ELOOP));
        }
        if link.is_magic {
            // Only the kernel can follow a magic link, so leave out O_NOFOLLOW.
            reached = open_component(&reached, &component, OFlag::empty()).map_err(failed)?;
            reached_path = link.target.into();
            continue;
        }
        if Path::new(&link.target).is_absolute() {
            (reached, reached_path) = open_start(&link.target).map_err(failed)?;
        }
        rest.extend(reversed_components(&link.target));
    }
    Ok(reached)
}

fn directory_problem(path: &OsStr, noun: &str, why: Errno) -> Problem {
    // The user may have written a URL instead of a path, and it may contain a password.
    let noun = redacted_line(noun);
    match why {
        Errno::ENOENT => {
            let path = Path::new(path);
            let creation = "create the directory first; with systemd, set RuntimeDirectory=";
            Problem::configuration(format!("{noun} doesn't exist"))
                .help(path_remedy(path).unwrap_or(creation))
        }
        Errno::ENOTDIR => Problem::configuration(format!("{noun} isn't a directory")),
        errno => call_problem(&format!("{noun} can't be opened"), errno),
    }
}

fn foreign_link_problem(noun: &str, link: &Path, owner: u32) -> Problem {
    let what = if noun.contains("${") {
        // Don't show the link's path, because it contains the value of a variable.
        format!("{noun} is behind a symbolic link")
    } else {
        format!("\"{}\" is a symbolic link", link.display())
    };
    let text = format!(
        "{what} that belongs to user {owner}; secrets-exec follows a link only if it belongs to root or to the user that runs secrets-exec"
    );
    Problem::configuration(text)
}

fn open_component(reached: &OwnedFd, component: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
    // O_DIRECTORY triggers an autofs(5) mount. O_PATH on its own doesn't.
    let flags = COMPONENT_FLAGS | OFlag::O_DIRECTORY | flags;
    openat(reached, component, flags, Mode::empty())
}

/// The directory where a path begins, and how messages show it: as `/` or as an empty path.
fn open_start(path: &OsStr) -> Result<(OwnedFd, PathBuf), Errno> {
    let is_absolute = Path::new(path).is_absolute();
    let (base, shown) = if is_absolute { ("/", "/") } else { (".", "") };
    let start = open(base, COMPONENT_FLAGS | OFlag::O_DIRECTORY, Mode::empty())?;
    Ok((start, shown.into()))
}

/// The components of a path, last one first, without `.` and empty ones. `..` stays, because the
/// component before it may be a link to another place.
fn reversed_components(path: &OsStr) -> Vec<OsString> {
    path.as_bytes()
        .split(|byte| *byte == b'/')
        .rev()
        .filter(|component| !matches!(*component, b"" | b"."))
        .map(|component| OsStr::from_bytes(component).to_owned())
        .collect()
}

/// Creates an empty file for writing. Its name is `.START.` and eight random characters. Its mode
/// is 0600, less the umask.
pub fn create_temporary(directory: &OwnedFd, start: &OsStr) -> Result<(File, OsString), Errno> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    // Leaves room for the dots and the random characters: a name has at most 255 bytes (NAME_MAX).
    let shortened: Vec<u8> = start.as_bytes().iter().take(200).copied().collect();
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    loop {
        let random: [u8; 8] = std::array::from_fn(|_| fastrand::alphanumeric() as u8);
        let name = OsString::from_vec([b".", shortened.as_slice(), b".", &random].concat());
        match openat(directory, name.as_os_str(), flags, mode) {
            Ok(descriptor) => return Ok((File::from(descriptor), name)),
            // Two launches at the same time can choose the same name, because the random characters
            // depend on the time.
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Atomically creates or replaces a file: a reader sees either the old content or the new one. The
/// new file gets the owner, group and mode in `access` or, without `access`, mode 0600.
pub fn replace_file(
    directory: &OwnedFd,
    name: &OsStr,
    content: &[u8],
    access: Option<&Metadata>,
) -> Result<(), Errno> {
    let (mut file, temporary) = create_temporary(directory, name)?;
    let written = set_owner_and_mode(&file, access)
        .and_then(|()| file.write_all(content).map_err(|error| errno(&error)))
        .and_then(|()| renameat(directory, temporary.as_os_str(), directory, name));
    if written.is_err() {
        let _ = remove_file(directory, &temporary);
    }
    written
}

fn set_owner_and_mode(file: &File, access: Option<&Metadata>) -> Result<(), Errno> {
    let Some(wanted) = access else {
        // The umask may have removed bits from the file's mode.
        return fchmod(file, Mode::S_IRUSR | Mode::S_IWUSR);
    };
    let new = fstat(file)?;
    if (new.st_uid, new.st_gid) != (wanted.uid(), wanted.gid()) {
        let owner = Uid::from_raw(wanted.uid());
        fchown(file, Some(owner), Some(Gid::from_raw(wanted.gid())))?;
    }
    fchmod(file, Mode::from_bits_truncate(wanted.mode()))
}

/// Removes a file, if it exists.
pub fn remove_file(directory: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// True if `owner`, a user id, is neither root nor the effective user.
pub fn is_foreign(owner: u32) -> bool {
    owner != 0 && owner != geteuid().as_raw()
}

/// The error of [`open_trusted`].
pub enum OpenError {
    Unreadable(io::Error),
    UntrustedDirectory(Distrust),
    UntrustedFile(Distrust),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Why not to trust a file or directory.
pub struct Distrust {
    /// The reason, such as `can be changed by any user`.
    pub reason: &'static str,
    /// The command that removes the reason, such as `chmod go-w`.
    pub command: Option<&'static str>,
}

/// The reason, if any, why another user could change a file, or the entries of a directory.
fn distrust(metadata: &Metadata) -> Option<Distrust> {
    if is_foreign(metadata.uid()) {
        return Some(Distrust {
            reason: "belongs to neither root nor this user",
            command: None,
        });
    }

    let reason = if metadata.mode() & 0o002 != 0 {
        "can be changed by any user"
    } else if metadata.mode() & 0o020 != 0 && !is_trusted_group(metadata.gid()) {
        "can be changed by its group"
    } else {
        return None;
    };
    Some(Distrust {
        reason,
        command: Some("chmod go-w"),
    })
}

/// Opens a file for reading, unless it is a symbolic link or another user could have written it.
pub fn open_trusted(directory: &Path, name: &str) -> Result<File, OpenError> {
    let path = directory.join(name);
    let found = fs::symlink_metadata(&path)?;
    if let Some(distrust) = distrust(&fs::symlink_metadata(directory)?) {
        return Err(OpenError::UntrustedDirectory(distrust));
    }
    let refused = |reason| {
        Err(OpenError::UntrustedFile(Distrust {
            reason,
            command: None,
        }))
    };
    // Check this before open(2), because its error for O_NOFOLLOW wouldn't say why.
    if found.is_symlink() {
        return refused("is a symbolic link");
    }
    // O_NONBLOCK keeps open(2) from waiting for a writer if the file is a FIFO.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(ErrorKind::IsADirectory).into());
    }
    if !metadata.is_file() {
        return refused("isn't a regular file");
    }
    match distrust(&metadata) {
        Some(distrust) => Err(OpenError::UntrustedFile(distrust)),
        None => Ok(file),
    }
}

/// True for root's group and for the user's private group, which has the user's id or name.
/// Distributions with a default umask of 002 create such a group for every user.
fn is_trusted_group(gid: u32) -> bool {
    let uid = geteuid();
    if gid == 0 || gid == uid.as_raw() {
        return true;
    }
    match (User::from_uid(uid), Group::from_gid(Gid::from_raw(gid))) {
        (Ok(Some(user)), Ok(Some(group))) => user.name == group.name,
        (_, _) => false,
    }
}

struct SymbolicLink {
    owner: u32,
    target: OsString,
    /// A link such as /proc/PID/cwd or /proc/PID/fd/N (proc(5)), which only the kernel can follow,
    /// because its target isn't always a path. macOS has none.
    is_magic: bool,
}

/// True for tmpfs and ramfs.
pub fn is_in_memory(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    let found = fstatfs(file)?;
    #[cfg(target_os = "linux")]
    let is_in_memory = [TMPFS_MAGIC, RAMFS_MAGIC].contains(&found.filesystem_type());
    #[cfg(target_os = "macos")]
    let is_in_memory = found.filesystem_type_name() == "tmpfs";
    Ok(is_in_memory)
}

/// The error is ENOTDIR if `name` isn't a link.
#[cfg(target_os = "linux")]
fn read_link(directory: BorrowedFd<'_>, name: &OsStr) -> Result<SymbolicLink, Errno> {
    use nix::sys::stat::fstat;

    // With O_PATH, O_NOFOLLOW opens the link itself.
    let flags = COMPONENT_FLAGS | OFlag::O_NOFOLLOW;
    let link = openat(directory, name, flags, Mode::empty())?;
    let stat = fstat(&link)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
        return Err(Errno::ENOTDIR);
    }
    // Read the target through `link`, so that the owner and the target come from the same inode.
    let target = readlinkat(&link, "")?;
    // A link to a directory in procfs is a magic link if its target is absolute.
    let is_magic = Path::new(&target).is_absolute()
        && fstatfs(&link).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC);
    Ok(SymbolicLink {
        owner: stat.st_uid,
        target,
        is_magic,
    })
}

/// The error is ENOTDIR if `name` isn't a link.
///
/// macOS has no O_PATH, so this takes two calls, and the link could be replaced between them. But
/// nobody would gain anything: in a sticky directory such as /tmp, only root and the owners of the
/// link and the directory can replace the link. In any other directory, a user who can replace the
/// link can replace any other entry, too.
#[cfg(target_os = "macos")]
fn read_link(directory: BorrowedFd<'_>, name: &OsStr) -> Result<SymbolicLink, Errno> {
    use nix::fcntl::AtFlags;
    use nix::sys::stat::fstatat;

    let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFLNK {
        return Err(Errno::ENOTDIR);
    }
    Ok(SymbolicLink {
        owner: stat.st_uid,
        target: readlinkat(directory, name)?,
        is_magic: false,
    })
}
