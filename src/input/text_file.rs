//! Opens and reads the files that the user names on the command line. Errors never show a line of a file.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::model::env_name::is_name;
use crate::model::problem::Problem;
use crate::model::quoting::file_name;
use crate::model::suggest::{self, did_you_mean};
use crate::system::os_error::{read_text, unreadable};

/// Opens a file for reading.
///
/// # Errors
/// The reason why the file can't be opened. If it doesn't exist, the help suggests a file with a similar name in the same directory.
pub fn open(path: &Path) -> Result<File, Problem> {
    File::open(path).map_err(|error| {
        let similar = match error.kind() {
            ErrorKind::NotFound => similar_file(path),
            _ => None,
        };
        unreadable(path.display(), &error).replace_help(similar.map(|file| did_you_mean(&file)))
    })
}

/// Returns the path of the file in the same directory whose name is most similar. Returns `None` if no name is similar, or if the directory can't
/// be read.
fn similar_file(path: &Path) -> Option<String> {
    let directory = path.parent()?;
    let files = match directory.as_os_str().is_empty() {
        true => fs::read_dir("."),
        false => fs::read_dir(directory),
    };
    let names: Vec<String> = files
        .ok()?
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .collect();
    let name = path.file_name()?.to_str()?;
    let nearest = suggest::nearest(name, names.iter().map(String::as_str))?;
    Some(directory.join(nearest).to_str()?.to_owned())
}

/// Reads the text of a YAML or JSON file from `source`. `path` is only for messages. If it is a .env file, the help suggests `secrets-exec migrate`.
/// `migrate_option` completes this command, so that it prints a file of the right kind. It begins with a space, as ` --for-local` does, or is empty.
///
/// # Errors
/// When `source` can't be read, has more than `mebibytes`, is not UTF-8, or has the format of a .env file.
pub fn read_yaml(
    path: &Path,
    source: impl Read,
    mebibytes: usize,
    migrate_option: &str,
) -> Result<String, Problem> {
    let file = file_name(path);
    let text = read_text(&file, source, mebibytes)?;
    if !is_env_file(&text) {
        return Ok(text);
    }

    let shown = match path.to_str() {
        Some("-") | None => ".env",
        Some(path) => path,
    };
    let problem = Problem::configuration(format!(
        "{file} begins with NAME=VALUE like a .env file, but must be YAML or JSON"
    ));
    Err(problem.help(format!(
        "to turn it into YAML, run secrets-exec migrate {shown} --secret prod/app{migrate_option}"
    )))
}

/// Returns true if the first line that is not a comment is an assignment. No YAML file begins like that.
fn is_env_file(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let assigned = first.and_then(|line| line.split_once('='));
    assigned.is_some_and(|(name, _)| is_name(name.trim_start_matches("export ").trim()))
}
