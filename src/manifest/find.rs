//! The declaration in the working directory that is read when none is named, if it can be trusted.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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
        // Whether it is a file at all is asked first: opening a pipe would wait for its writer.
        match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(error)),
            Ok(there) if !there.is_file() => return Err((path, ManifestProblem::Untrusted("it is no regular file"))),
            Ok(_) => found.push((*name, File::open(path).map_err(unreadable)?)),
        }
    }
    let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    match (found.pop(), found.is_empty()) {
        (None, _) => Ok(None),
        (Some((name, _)), false) => Err((Path::new(name), ManifestProblem::Several(names))),
        (Some((name, file)), true) => match distrust(&file) {
            None => Ok(Some((Path::new(name), file))),
            Some(why) => Err((Path::new(name), ManifestProblem::Untrusted(why))),
        },
    }
}

fn distrust(file: &File) -> Option<&'static str> {
    let Ok(metadata) = file.metadata() else { return Some("its owner cannot be told") };
    if metadata.uid() != 0 && metadata.uid() != geteuid().as_raw() {
        Some("it belongs to neither root nor this user")
    } else if metadata.mode() & 0o002 != 0 {
        Some("anyone may write it")
    } else {
        None
    }
}
