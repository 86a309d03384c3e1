//! Files to which other programs write, too, such as the one that GITHUB_ENV names. The variables are appended to such a file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error;

/// A file that is open for appending.
pub struct AppendedFile(File);

impl AppendedFile {
    /// Opens a file, and creates it with mode 0600 if it doesn't exist.
    ///
    /// # Errors
    /// The error of the kernel.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let mut options = File::options();
        let opened = options.append(true).create(true).mode(0o600).open(path);
        opened
            .map(Self)
            .map_err(|error| not_appended(&error, &path.display().to_string()))
    }

    /// Appends text to the file.
    ///
    /// # Errors
    /// The error of the kernel.
    pub fn append(mut self, text: &SecretValue) -> Result<(), Problem> {
        self.0
            .write_all(text.expose())
            .map_err(|error| not_appended(&error, "for the variables"))
    }
}

/// Returns the problem for a file that can't be opened or written.
fn not_appended(error: &io::Error, file: &str) -> Problem {
    let why = os_error::io_error_text(error);
    Problem::configuration(format!("the file {file} can't be written: {why}"))
}
