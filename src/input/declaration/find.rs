//! The declaration in the working directory that is read when none is named, if it can be trusted.

use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::{Gid, Group, User, geteuid};

use super::error::DeclarationProblem;

/// Where a declaration is looked for when none is named.
pub const DEFAULT_NAMES: &[&str] = &["secrets-exec.yaml", "secrets-exec.yml", "secrets-exec.toml", "secrets-exec.json"];

/// The declaration that is there, opened.
///
/// Its author chooses what is read with this user's credentials, so nobody but root and this user may have put it there, or be able
/// to change it: the owner, the group and the mode of the working directory and of the open file decide.
pub fn find() -> Result<Option<(&'static Path, File)>, (&'static Path, DeclarationProblem)> {
    let mut found = Vec::new();
    for name in DEFAULT_NAMES {
        match Path::new(name).symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err((Path::new(name), unreadable(&error))),
            Ok(_) => found.push(*name),
        }
    }
    let Some(name) = found.pop() else { return Ok(None) };
    let path = Path::new(name);
    if !found.is_empty() {
        found.push(name);
        return Err((path, DeclarationProblem::Several(found)));
    }
    open(path).map(|file| Some((path, file))).map_err(|problem| (path, problem))
}

fn unreadable(error: &io::Error) -> DeclarationProblem {
    DeclarationProblem::Unreadable(error.to_string())
}

/// Opens a file of the working directory that only root and this user can have put there.
///
/// Links are followed as long as each of them, and every directory on the way, is theirs alone, so that nobody else can exchange
/// anything on that way while it is walked. The file itself is judged by its descriptor.
fn open(name: &Path) -> Result<File, DeclarationProblem> {
    let path = without_links(PathBuf::from("."), name, &mut 0)?;
    // Opening a pipe without O_NONBLOCK would wait for its writer.
    let file = File::options().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path);
    let metadata = file.and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = metadata.map_err(|error| unreadable(&error))?;
    match distrust(&metadata) {
        _ if !metadata.is_file() => Err(untrusted("it", "is no regular file")),
        Some(why) => Err(untrusted("it", why)),
        None => Ok(file),
    }
}

/// Follows `path` from the directory `at`, and gives the path of what it leads to without a link in it.
fn without_links(mut at: PathBuf, path: &Path, links: &mut usize) -> Result<PathBuf, DeclarationProblem> {
    /// Of the kernel (path_resolution(7)).
    const MOST_LINKS: usize = 40;
    for component in path.components() {
        let metadata = |path: &Path| fs::symlink_metadata(path).map_err(|error| unreadable(&error));
        let directory = metadata(&at)?;
        if let Some(why) = distrust(&directory).filter(|_| directory.is_dir()) {
            let is_here = at == Path::new(".");
            let what = if is_here { "the working directory".to_owned() } else { on_the_way(&at) };
            return Err(untrusted(what, why));
        }
        let next = at.join(component);
        let entry = metadata(&next)?;
        at = if entry.is_symlink() {
            *links += 1;
            if is_foreign(&entry) {
                return Err(untrusted(on_the_way(&next), FOREIGN));
            }
            if *links > MOST_LINKS {
                return Err(unreadable(&io::Error::from_raw_os_error(ELOOP)));
            }
            let target = fs::read_link(&next).map_err(|error| unreadable(&error))?;
            without_links(at, &target, links)?
        } else {
            next
        };
    }
    Ok(at)
}

fn on_the_way(path: &Path) -> String {
    format!("{}, on the way to it,", path.display())
}

fn untrusted(what: impl Into<String>, why: &'static str) -> DeclarationProblem {
    DeclarationProblem::Untrusted { what: what.into(), why }
}

const FOREIGN: &str = "belongs to neither root nor this user";

fn is_foreign(metadata: &Metadata) -> bool {
    metadata.uid() != 0 && metadata.uid() != geteuid().as_raw()
}

/// The reason why somebody other than root and this user could change a file, or what a directory holds.
fn distrust(metadata: &Metadata) -> Option<&'static str> {
    if is_foreign(metadata) {
        Some(FOREIGN)
    } else if metadata.mode() & 0o002 != 0 {
        Some("can be written by anyone")
    } else if metadata.mode() & 0o020 != 0 && !is_own_group(metadata.gid()) {
        Some("can be written by its group")
    } else {
        None
    }
}

/// True for a group that has only root or this user in it: root's, or the user's private group, as distributions with a umask of 002
/// make it, with the user's own id or name.
fn is_own_group(group: u32) -> bool {
    let user = geteuid();
    let has_name_of_user = || {
        let user = User::from_uid(user).ok()??;
        let group = Group::from_gid(Gid::from_raw(group)).ok()??;
        Some(user.name == group.name)
    };
    group == 0 || group == user.as_raw() || has_name_of_user() == Some(true)
}
