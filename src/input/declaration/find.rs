//! Finds the declaration in the working directory, which is read although nobody named it.
//!
//! Its author chooses which secrets are read with this user's credentials, and which variables the
//! command gets. So the declaration is only read if nobody but root and this user can write it: a
//! file that someone left in /tmp must not be read.

use std::fs::File;
use std::io::ErrorKind::{IsADirectory, NotFound, PermissionDenied};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use crate::input::text_file::similar_file;
use crate::model::problem::Problem;
use crate::system::os_error::unreadable;
use crate::system::paths::{Distrust, distrust};

/// The names under which a declaration is found.
const DEFAULT_NAMES: &[&str] = &["secrets-exec.yaml", "secrets-exec.yml", "secrets-exec.json"];

/// Opens the declaration in the working directory, and returns its name and the open file. Returns
/// `None` if there isn't one, or if this process may not enter the working directory.
///
/// # Errors
/// If there are several declarations, or if the only one can't be read or could have been written
/// by another user.
pub fn open_default_declaration() -> Result<Option<(&'static Path, File)>, Problem> {
    let mut found = Vec::new();
    for name in DEFAULT_NAMES {
        match Path::new(name).symlink_metadata() {
            Err(error) if [NotFound, PermissionDenied].contains(&error.kind()) => {}
            Err(error) => return Err(unreadable(name, &error)),
            Ok(_) => found.push(*name),
        }
    }

    let Some(name) = found.pop() else {
        return Ok(None);
    };
    if !found.is_empty() {
        found.push(name);
        let names = found.join(" and ");
        let text = format!("the working directory has several declarations: {names}");
        return Err(Problem::configuration(text).help(format!("choose one, as in -f {name}")));
    }
    open_trusted(name).map(|file| Some((Path::new(name), file)))
}

/// Returns the name of the declaration in the working directory that isn't read, because the user
/// has named `files`. It is `None` if there isn't such a declaration, if it can't be read, or if it
/// is one of `files`.
pub fn replaced_declaration(files: &[PathBuf]) -> Option<String> {
    let (name, _) = open_default_declaration().ok()??;
    let found = name.canonicalize().ok()?;
    let is_found = |file: &PathBuf| file.canonicalize().is_ok_and(|file| file == found);
    (!files.iter().any(is_found)).then(|| name.display().to_string())
}

/// Returns the help for a working directory without a declaration. It names the declaration in a
/// directory above, a file with a similar name, or the command that turns a .env file into a
/// declaration. Returns `None` if there isn't one of these.
pub fn declaration_beside() -> Option<String> {
    let above = Path::new(".").canonicalize().ok()?;
    for (depth, directory) in above.ancestors().enumerate().skip(1) {
        if let Some(name) = DEFAULT_NAMES
            .iter()
            .find(|name| directory.join(name).exists())
        {
            return Some(format!("write -f {}{name}", "../".repeat(depth)));
        }
    }
    let mut similar = DEFAULT_NAMES
        .iter()
        .map(|name| similar_file(Path::new(name)));
    if let Some(file) = similar.find_map(|file| file) {
        return Some(format!("write -f {file}"));
    }
    let migrate = "secrets-exec migrate .env --secret prod/app >secrets-exec.yaml";
    let has_env_file = Path::new(".env").is_file();
    has_env_file.then(|| format!("turn .env into a declaration: {migrate}"))
}

/// Returns the working directory, or an empty path if it can't be found out.
pub fn working_directory() -> PathBuf {
    Path::new(".").canonicalize().unwrap_or_default()
}

/// Opens a file in the working directory without following a symbolic link.
///
/// # Errors
/// If the file can't be opened, or if another user could have written it: this depends on the
/// owner, the group and the mode of the directory and of the open file.
fn open_trusted(name: &str) -> Result<File, Problem> {
    let untrusted = |what, (why, remedy): Distrust| {
        let text = format!("secrets-exec doesn't read {name}, because {what} {why}");
        Problem::configuration(text)
            .help(format!("{remedy}if you trust the file, name it: -f {name}"))
    };
    let failed = |error: io::Error| unreadable(name, &error);

    let directory = fs::symlink_metadata(".").map_err(failed)?;
    if let Some(why) = distrust(&directory) {
        return Err(untrusted("the working directory", why));
    }
    if fs::symlink_metadata(name).map_err(failed)?.is_symlink() {
        return Err(untrusted("it", ("is a symbolic link", "")));
    }

    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    let file = File::options()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(name)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    match distrust(&metadata) {
        _ if metadata.is_dir() => Err(failed(IsADirectory.into())),
        _ if !metadata.is_file() => Err(untrusted("it", ("isn't a regular file", ""))),
        Some(why) => Err(untrusted("it", why)),
        None => Ok(file),
    }
}
