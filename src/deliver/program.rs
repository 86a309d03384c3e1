//! The copy of the running program that `install` makes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod};

use super::directory::DirectoryEntry;
use super::disk::DiskFile;
use super::problem::{DeliverError, DeliverProblem, FailedStep, Step};
use super::signals::Signals;
use crate::model::entry::{FileTarget, Mode as FileMode, Origin, Place};
use crate::system::os_error::errno;
use crate::system::signals::TERMINATION;

/// The name of the copy.
const NAME: &str = "secrets-exec";

/// Copies the running program to a directory, under its own name: complete or not at all, readable and executable for everybody.
///
/// # Errors
/// When the program cannot be read, or the directory is missing or takes no file of this name; nothing is changed then.
pub fn install(directory: &Path) -> Result<(), Vec<DeliverError>> {
    let path = directory.join(NAME);
    copy(&path).map_err(|problem| vec![error(path, problem)])
}

fn copy(path: &Path) -> Result<(), DeliverProblem> {
    let entry = DirectoryEntry::find(path)?;
    // The kernel's link also leads to a program whose name was removed or replaced. macOS has none, and images of containers are Linux's.
    let mut program = File::open("/proc/self/exe").map_err(|error| Step::Program.failed(errno(&error)))?;
    let signals = Signals::hold(&TERMINATION);
    let mut file = DiskFile::stage(entry, |file| fill(file, &mut program))?;
    if signals.caught() {
        return Err(DeliverProblem::Interrupted);
    }
    file.place()?;
    file.keep();
    Ok(())
}

/// Writes the program, and waits until it is on the disk: after a crash, a name must not lead to a part of it.
fn fill(file: &mut File, program: &mut File) -> Result<(), FailedStep> {
    // Not subject to the umask. Nobody else can write the file.
    let mode = Mode::from_bits_truncate(0o755);
    fchmod(&*file, mode).map_err(|errno| Step::Mode.failed(errno))?;
    io::copy(program, file).map_err(|error| Step::Write.failed(errno(&error)))?;
    match file.sync_all().map_err(|error| errno(&error)) {
        // The file system cannot sync single files.
        Ok(()) | Err(Errno::EINVAL | Errno::ENOSYS) => Ok(()),
        Err(errno) => Err(Step::Write.failed(errno)),
    }
}

fn error(path: PathBuf, problem: DeliverProblem) -> DeliverError {
    let target = FileTarget { place: Place::Path(path), env: None, mode: FileMode::PRIVATE, owner: None };
    DeliverError { target, origin: Origin::Argument("install"), problem }
}
