//! Files to which other programs write, too, such as the one that GITHUB_ENV names. The variables
//! are appended to such a file, all of them or none.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::directory::DirectoryEntry;
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error;
use crate::system::paths::is_foreign;

/// The one who has named the file, which decides whose files are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `--output`: neither the file nor its directory may belong to another user.
    User,
    /// GITHUB_ENV: in the container of a job, the runner's file belongs to another user.
    Runner,
}

/// A regular file that is open for appending.
pub struct AppendedFile(File, DirectoryEntry);

impl AppendedFile {
    /// Opens a file, and creates it with mode 0600 if it doesn't exist. Doesn't wait for the other
    /// end of a pipe.
    ///
    /// # Errors
    /// If the path is a link, leads through another user's link, or isn't a regular file, if the
    /// file belongs to a user whose files aren't written, or if the kernel refuses to open it.
    pub fn open(path: &Path, named_by: NamedBy) -> Result<Self, Problem> {
        let entry = DirectoryEntry::open(path)?;
        entry.is_regular_file()?;
        if named_by == NamedBy::User {
            entry.expect_trusted_owner(None)?;
            if let Some(file) = entry.stat()?
                && is_foreign(file.st_uid)
            {
                let (path, owner) = (path.display(), file.st_uid);
                let text = format!("\"{path}\" belongs to user {owner}, who could read the values");
                return Err(Problem::configuration(text).help("name a file of your own"));
            }
        }

        let access = OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT;
        let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        match openat(&entry.directory, entry.name.as_os_str(), flags, mode) {
            Ok(file) => Ok(Self(file.into(), entry)),
            Err(errno) => Err(not_appended(&errno.into(), &entry)),
        }
    }

    /// Appends text to the file, after a line feed if the file doesn't end with one.
    ///
    /// # Errors
    /// The error of the kernel. The file has its old length then.
    pub fn append(self, text: &SecretValue) -> Result<(), Problem> {
        let Self(mut file, entry) = self;
        let mut append = || {
            let length = file.metadata()?.len();
            // An empty file doesn't need a line feed.
            let mut last = *b"\n";
            file.read_at(&mut last, length.saturating_sub(1))?;
            let start: &[u8] = if last == *b"\n" { b"" } else { b"\n" };
            let lines = SecretValue::new([start, text.expose()].concat());
            let written = file.write_all(lines.expose());
            written.inspect_err(|_| drop(file.set_len(length)))
        };
        append().map_err(|error| not_appended(&error, &entry))
    }
}

/// Returns the problem for a file that can't be opened or written.
fn not_appended(error: &io::Error, entry: &DirectoryEntry) -> Problem {
    let (path, why) = (entry.path.display(), os_error::io_error_text(error));
    Problem::configuration(format!("the file {path} can't be written: {why}"))
}
