//! A file that other programs write, too, and to which a text is appended.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error;

/// A file that is open for appending.
pub struct AppendedFile {
    file: File,
    /// The bytes that it had before.
    length: u64,
}

impl AppendedFile {
    /// Opens a file, and creates it with mode 0600 if it doesn't exist.
    ///
    /// # Errors
    /// The error of the kernel.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let open = || {
            let mut options = File::options();
            let file = options.append(true).create(true).mode(0o600).open(path)?;
            let length = file.metadata()?.len();
            Ok(Self { file, length })
        };
        open().map_err(|error| not_appended(&error, &path.display().to_string()))
    }

    /// Appends a text. If that fails, the file is as long as before.
    ///
    /// # Errors
    /// The error of the kernel.
    pub fn append(mut self, text: &SecretValue) -> Result<(), Problem> {
        self.file.write_all(text.expose()).map_err(|error| {
            let _ = self.file.set_len(self.length);
            not_appended(&error, "for the variables")
        })
    }
}

fn not_appended(error: &io::Error, file: &str) -> Problem {
    Problem::configuration(format!(
        "the file {file} can't be written: {}",
        os_error::text(error)
    ))
}
