//! Reads the variables that `migrate` moves: a .env file, or a flat JSON object.
//!
//! - `python_dotenv`: the grammar of .env files; `docker`: how `--env-file` reads the same file.
//! - `object`: a JSON object.
//! - `selection`: the variables that are moved, and those that are left out with a notice; `error`: the errors.

mod binding;
mod docker;
mod error;
mod object;
mod python_dotenv;
mod selection;

pub use error::{EnvFileError, EnvFileProblem, Nothing};
pub use selection::EnvFile;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use glob::Pattern;
use zeroize::Zeroizing;

use binding::Statement;
use error::Found;

/// The most bytes of a file: a secret has 65,536, and comments and what is not moved may take more than that.
const MOST_BYTES: u64 = 1024 * 1024;

/// Opens the file, which [`read`] reads once the process is not dumpable.
///
/// # Errors
/// [`EnvFileProblem::Unreadable`].
pub fn open(path: &Path) -> Result<File, EnvFileError> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

/// Reads the variables with names that match `only`; all if it is empty.
///
/// # Errors
/// The error for reading or parsing the file, or one for each variable that cannot be moved.
pub fn read(path: &Path, mut file: File, only: &[Pattern]) -> Result<EnvFile, Vec<EnvFileError>> {
    let mut bytes = Zeroizing::new(Vec::new());
    (&mut file).take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| vec![unreadable(path, &error)])?;
    if bytes.len() as u64 > MOST_BYTES {
        let problem = EnvFileProblem::TooLarge(MOST_BYTES);
        return Err(vec![EnvFileError { path: path.to_owned(), line: None, problem }]);
    }
    let error = |(line, problem)| EnvFileError { path: path.to_owned(), line, problem };
    let parsed = text(&bytes).map_err(|found| vec![found]).and_then(|text| parse(path, text, only));
    parsed.map_err(|errors| errors.into_iter().map(error).collect())
}

fn text(bytes: &[u8]) -> Result<&str, Found> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        (Some(1 + before.iter().filter(|byte| **byte == b'\n').count()), EnvFileProblem::NotUtf8)
    })
}

fn parse(path: &Path, text: &str, only: &[Pattern]) -> Result<EnvFile, Vec<Found>> {
    if is_object(path, text) {
        let bindings = object::bindings(text)?;
        return selection::select(bindings.into_iter().map(Statement::Binding), only, None);
    }
    // Python's universal newlines.
    let lines = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    let docker: BTreeMap<&str, &str> = docker::variables(text);
    selection::select(python_dotenv::statements(&lines), only, Some(&docker))
}

/// True for a file of JSON: no statement of a .env file begins with a brace.
fn is_object(path: &Path, text: &str) -> bool {
    let has_extension = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    has_extension || text.trim_start_matches('\u{feff}').trim_start().starts_with('{')
}

fn unreadable(path: &Path, error: &io::Error) -> EnvFileError {
    EnvFileError { path: path.to_owned(), line: None, problem: EnvFileProblem::Unreadable(error.into()) }
}
