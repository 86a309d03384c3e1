//! The files on disk of a command that runs under `--on-rotation`. Its launch, which becomes the
//! command, reports them to the process that stays, and that process removes them when the command
//! has ended.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::directory::DirectoryEntry;
use crate::model::entry::{Origin, Subject};
use crate::model::problem::{Impact, Problem};

/// A delivered file on disk, as the launch reports it.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlacedFile {
    pub path: PathBuf,
    /// The device and the inode number, which another file at the path doesn't have.
    pub id: (u64, u64),
}

/// Removes files. A different file at one of the paths stays: a later delivery or another process
/// has put it there.
///
/// Returns a problem for each file that can't be removed.
pub fn remove_files(files: Vec<PlacedFile>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        if let Err(problem) = remove(&file) {
            let path = file.path.display().to_string();
            let subject = Subject::plain(path, Origin::Argument("--on-rotation"));
            problems.push(problem.for_entry(subject, Impact::None));
        }
    }
    problems
}

/// Removes a file, unless it is gone or another file has its path.
///
/// # Errors
/// When the file can't be examined or removed.
fn remove(file: &PlacedFile) -> Result<(), Problem> {
    let Ok(entry) = DirectoryEntry::open(&file.path) else {
        // Its directory is gone.
        return Ok(());
    };
    match entry.stat()? {
        Some(found) if (found.st_dev, found.st_ino) == file.id => entry.remove(&entry.name),
        Some(_) | None => Ok(()),
    }
}
