//! Putting a replaced file back once it has lost its name, because execve has failed after all.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom};

use nix::errno::Errno;
use nix::sys::stat::{FileStat, fstat, futimens};
use nix::sys::time::TimeSpec;
use nix::unistd::{Whence, close, lseek};

use super::access::{Access, errno};
use super::directory::Entry;
use super::problem::{Refusal, Step};

/// Gives the entry's name back to `old`, or to a copy with its content, owner, mode and times where no link to it is left.
///
/// # Errors
/// When the kernel refuses, or the copy cannot have the owner.
pub fn restore(entry: &Entry, old: &File) -> Result<(), Refusal> {
    if let Ok(linked) = entry.link(old) {
        return rename(entry, linked);
    }
    // The new file may take the room that the copy needs.
    entry.remove(entry.name())?;
    let stat = fstat(old).map_err(|errno| Step::Read.refused(errno))?;
    let access = Access::present(&stat);
    match copy(entry, old, &stat, &access) {
        // Better its content under our own name than not at all.
        Err(refusal) if refusal.step == Step::Owner => {
            copy(entry, old, &stat, &access.without_owner()).and(Err(refusal))
        }
        copied => copied,
    }
}

fn copy(entry: &Entry, old: &File, stat: &FileStat, access: &Access) -> Result<(), Refusal> {
    let (file, temporary) = entry.create_temporary()?;
    let copied = access.apply(&file).and_then(|()| {
        copy_content(old, &file).map_err(|error| Step::Write.refused(errno(&error)))?;
        let (accessed, modified) =
            (TimeSpec::new(stat.st_atime, stat.st_atime_nsec), TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec));
        // No reason to lose the rest: the times of another user's file are only for root to set.
        let _ = futimens(&file, &accessed, &modified);
        close(file).map_err(|errno| Step::Write.refused(errno))
    });
    match copied {
        Ok(()) => rename(entry, temporary),
        Err(refusal) => {
            let _ = entry.remove(&temporary);
            Err(refusal)
        }
    }
}

/// Copies what is data, so that a sparse file stays one.
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

fn rename(entry: &Entry, temporary: OsString) -> Result<(), Refusal> {
    entry.rename(&temporary).inspect_err(|_| {
        let _ = entry.remove(&temporary);
    })
}
