//! The default declaration in the working directory, read only if no other user can have written it.

use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::{Gid, Group, User, geteuid};

use crate::model::problem::Problem;
use crate::system::os_error::unreadable;
use crate::system::paths::is_foreign;

/// The names of a declaration that is read without being named on the command line.
const DEFAULT_NAMES: &[&str] = &["secrets-exec.yaml", "secrets-exec.yml", "secrets-exec.json"];

/// Opens the declaration in the working directory, if there is one, and returns its name and the file. A working directory that may not be
/// entered has none.
///
/// Its author chooses which secrets are read with this user's credentials and which variables the command gets. So only root and
/// this user may be able to write it, by owner, group and mode of the working directory and of the open file.
///
/// # Errors
/// When there are several, or the one cannot be read or could have been written by another user.
pub fn find() -> Result<Option<(&'static Path, File)>, Problem> {
    let mut found = Vec::new();
    for name in DEFAULT_NAMES {
        match Path::new(name).symlink_metadata() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
                ) => {}
            Err(error) => return Err(unreadable(name, &error)),
            Ok(_) => found.push(*name),
        }
    }
    let Some(name) = found.pop() else {
        return Ok(None);
    };
    if !found.is_empty() {
        found.push(name);
        let text = format!(
            "the working directory has several declarations: {}",
            found.join(" and ")
        );
        return Err(Problem::configuration(text).help(format!("choose one, as in -f {name}")));
    }
    open(name).map(|file| Some((Path::new(name), file)))
}

/// Returns the name of the declaration in the working directory that would be read without `files`. Returns `None` if `files` names that
/// declaration, or if the declaration could not be read.
pub fn replaced_by(files: &[PathBuf]) -> Option<String> {
    let (name, found) = find().ok()??;
    let found = found.metadata().ok()?;
    let is_found = |file: &PathBuf| {
        fs::metadata(file).is_ok_and(|file| (file.dev(), file.ino()) == (found.dev(), found.ino()))
    };
    (!files.iter().any(is_found)).then(|| name.display().to_string())
}

/// Returns the working directory, or an empty path if it can't be found out.
pub fn working_directory() -> PathBuf {
    Path::new(".").canonicalize().unwrap_or_default()
}

/// Returns the nearest declaration in a parent directory, by its relative path. It is not read without being named.
pub fn in_parent() -> Option<String> {
    let depth = working_directory().ancestors().count();
    let mut files = (1..depth).flat_map(|level| {
        DEFAULT_NAMES
            .iter()
            .map(move |name| "../".repeat(level) + name)
    });
    files.find(|file| Path::new(file).is_file())
}

/// Opens a file of the working directory that only root and this user can write, without following a symbolic link.
fn open(name: &str) -> Result<File, Problem> {
    let untrusted = |what, why| {
        let text = format!("secrets-exec does not read {name}, because {what} {why}");
        Problem::configuration(text).help(format!("if you trust the file, name it: -f {name}"))
    };
    let failed = |error: io::Error| unreadable(name, &error);
    let metadata = |name| fs::symlink_metadata(name).map_err(failed);
    if let Some(why) = distrust(&metadata(".")?) {
        return Err(untrusted("the working directory", why));
    }
    if metadata(name)?.is_symlink() {
        return Err(untrusted("it", "is a symbolic link"));
    }
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    let file = File::options()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(name);
    let file = file.and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = file.map_err(failed)?;
    match distrust(&metadata) {
        _ if !metadata.is_file() => Err(untrusted("it", "is not a regular file")),
        Some(why) => Err(untrusted("it", why)),
        None => Ok(file),
    }
}

/// Returns the reason why another user could change a file or the entries of a directory, as a predicate.
fn distrust(metadata: &Metadata) -> Option<&'static str> {
    if is_foreign(metadata.uid()) {
        Some("belongs to neither root nor this user")
    } else if metadata.mode() & 0o002 != 0 {
        Some("can be changed by any user")
    } else if metadata.mode() & 0o020 != 0 && !is_own_group(metadata.gid()) {
        Some("can be changed by its group")
    } else {
        None
    }
}

/// True for root's group and the user private group, which has the user's id or name (distributions with a umask of 002 make one
/// per user).
fn is_own_group(group: u32) -> bool {
    let user = geteuid();
    if group == 0 || group == user.as_raw() {
        return true;
    }
    match (User::from_uid(user), Group::from_gid(Gid::from_raw(group))) {
        (Ok(Some(user)), Ok(Some(group))) => user.name == group.name,
        (_, _) => false,
    }
}
