//! The declaration in the working directory that is read when none is named, if it can be trusted.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::O_NONBLOCK;
use nix::unistd::geteuid;

use super::ManifestProblem;

/// Where a declaration is looked for when none is named.
pub const DEFAULT_NAMES: &[&str] = &["secrets-exec.yaml", "secrets-exec.yml", "secrets-exec.toml", "secrets-exec.json"];

/// The one that is there, opened.
///
/// Whoever can write it chooses what is read with this user's credentials, so it must be this user's own or root's.
pub(super) fn find() -> Result<Option<(&'static Path, File)>, (&'static Path, ManifestProblem)> {
    let mut found = Vec::new();
    for name in DEFAULT_NAMES {
        let path = Path::new(name);
        let unreadable = |error: io::Error| (path, ManifestProblem::Unreadable(error.to_string()));
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(error)),
            // Without waiting for the writer of a pipe. A link that leads nowhere is a mount gone wrong, not an absence.
            Ok(entry) => {
                let file = File::options().read(true).custom_flags(O_NONBLOCK).open(path).map_err(unreadable)?;
                found.push((*name, entry, file));
            }
        }
    }
    let names: Vec<_> = found.iter().map(|(name, ..)| *name).collect();
    match (found.pop(), found.is_empty()) {
        (None, _) => Ok(None),
        (Some((name, ..)), false) => Err((Path::new(name), ManifestProblem::Several(names))),
        (Some((name, entry, file)), true) => match distrust(&entry, &file) {
            None => Ok(Some((Path::new(name), file))),
            Some(why) => Err((Path::new(name), ManifestProblem::Untrusted(why))),
        },
    }
}

/// Why the file, or the link that leads to it, could be somebody else's choice.
fn distrust(entry: &Metadata, file: &File) -> Option<&'static str> {
    let Ok(metadata) = file.metadata() else { return Some("its owner cannot be told") };
    let is_foreign = |metadata: &Metadata| metadata.uid() != 0 && metadata.uid() != geteuid().as_raw();
    if !metadata.is_file() {
        Some("it is no regular file")
    } else if is_foreign(&metadata) || is_foreign(entry) {
        Some("it belongs to neither root nor this user")
    } else if metadata.mode() & 0o002 != 0 {
        Some("anyone may write it")
    } else {
        None
    }
}
