//! Reads declaration files: each becomes a layer of entries, and options that serve as defaults.

mod aliases;
mod entries;
mod find;
mod reader;
mod top_level;

pub use find::{DEFAULT_NAMES, Found, find, in_parent};
pub use top_level::{Declaration, parse_declaration};

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::input::env_file::is_env_file;
use crate::model::problem::Problem;
use crate::model::quoting::file_name;
use crate::system::os_error::{read_text, unreadable};

/// Reads `files` and the declaration that was found in the working directory.
///
/// Returns what could be read, and every error in the order of the files and lines. Without `reads_entries` only the options and aliases
/// are read.
pub fn load(
    files: &[PathBuf],
    found: Option<Found>,
    reads_entries: bool,
) -> (Vec<Declaration>, Vec<Problem>) {
    let named = files.iter().map(|path| (path.as_path(), read_named(path)));
    let found = found.map(|(path, file)| (path, text(path, file)));
    let (mut declarations, mut errors) = (Vec::new(), Vec::new());
    for (path, text) in named.chain(found) {
        match text {
            Ok(text) => {
                let (declaration, found) = parse_declaration(path, &text, reads_entries);
                declarations.push(declaration);
                errors.extend(found);
            }
            Err(problem) => errors.push(problem),
        }
    }
    (declarations, errors)
}

fn read_named(path: &Path) -> Result<String, Problem> {
    if path == Path::new("-") {
        return text(path, io::stdin());
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        let problem = Problem::configuration(format!(
            "{}: is TOML, and a declaration is YAML",
            path.display()
        ));
        return Err(problem.help("write it as YAML, as in: env: { NAME: REF }"));
    }
    text(
        path,
        File::open(path).map_err(|error| unreadable(path.display(), &error))?,
    )
}

fn text(path: &Path, source: impl Read) -> Result<String, Problem> {
    let file = file_name(path);
    let text = read_text(&file, source, 1)?;
    if is_env_file(&text) {
        let problem =
            Problem::configuration(format!("{file}: is a .env file, and a declaration is YAML"));
        return Err(problem
            .help("secrets-exec migrate FILE --secret ID prints the declaration in its place"));
    }
    Ok(text)
}
