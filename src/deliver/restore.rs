//! Restoring a replaced file after its name was removed, because execve failed.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom};

use nix::errno::Errno;
use nix::sys::stat::{FileStat, fstat, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{Whence, close, lseek};

use super::access::Access;
use super::directory::DirectoryEntry;
use super::problem::{FailedStep, Step};
use crate::system::os_error::errno;

/// Renames a hard link of `old` to the entry's name, or, if no link is left, a copy with its content, owner, mode and times.
///
/// # Errors
/// [`Step::Owner`] if the copy could not be given the owner; it is in place then, with the group bits cleared.
pub fn restore(entry: &DirectoryEntry, old: &File) -> Result<(), FailedStep> {
    if let Ok(linked) = entry.link(old) {
        return rename(entry, linked);
    }
    // The new file may take the space that the copy needs.
    entry.remove(entry.name())?;
    let stat = fstat(old).map_err(|errno| Step::Read.failed(errno))?;
    let access = Access::present(&stat);
    match copy(entry, old, &stat, &access) {
        // Restore the content under our own user rather than lose it.
        Err(failed) if failed.step == Step::Owner => copy(entry, old, &stat, &access.without_owner()).and(Err(failed)),
        copied => copied,
    }
}

fn copy(entry: &DirectoryEntry, old: &File, stat: &FileStat, access: &Access) -> Result<(), FailedStep> {
    let (file, temporary) = entry.create_temporary()?;
    let copied = access.apply(&file).and_then(|()| {
        copy_content(old, &file).map_err(|error| Step::Write.failed(errno(&error)))?;
        let (accessed, modified) =
            (TimeSpec::new(stat.st_atime, stat.st_atime_nsec), TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec));
        // Only root may set the times of another user's file; the rest of the copy is kept.
        let _ = futimens(&file, &accessed, &modified);
        close(file).map_err(|errno| Step::Write.failed(errno))
    });
    match copied {
        Ok(()) => rename(entry, temporary),
        Err(failed) => {
            let _ = entry.remove(&temporary);
            Err(failed)
        }
    }
}

/// Copies the data and skips the holes, so that a sparse file stays sparse.
fn copy_content(mut old: &File, mut new: &File) -> io::Result<()> {
    let length = old.metadata()?.len();
    new.set_len(length)?;
    let mut end = 0;
    loop {
        let start = match lseek(old, end, Whence::SeekData) {
            Ok(start) => start,
            // ENXIO: the rest of the file is a hole.
            Err(Errno::ENXIO) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        end = lseek(old, start, Whence::SeekHole)?;
        let (from, length) = (start.cast_unsigned(), (end - start).cast_unsigned());
        old.seek(SeekFrom::Start(from))?;
        new.seek(SeekFrom::Start(from))?;
        io::copy(&mut old.take(length), &mut new)?;
    }
}

fn rename(entry: &DirectoryEntry, temporary: OsString) -> Result<(), FailedStep> {
    entry.rename(&temporary).inspect_err(|_| {
        let _ = entry.remove(&temporary);
    })
}
