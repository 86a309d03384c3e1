//! Reads declaration files: each becomes a layer of entries, and options that serve as defaults.

mod aliases;
mod credentials;
mod entry;
mod env_from;
mod error;
mod files;
mod find;
mod reader;
mod schema;

pub use error::{DeclarationError, DeclarationProblem};
pub use find::DEFAULT_NAMES;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schema::Declaration;

/// Reads `files`, and the declaration in the working directory if `find_file`.
///
/// Returns what could be read, and every error in the order of the files and lines.
pub fn load(files: &[PathBuf], find_file: bool) -> (Vec<Declaration>, Vec<DeclarationError>) {
    let mut errors = Vec::new();
    let mut declarations = Vec::new();
    let mut add = |path: &Path, text: Result<String, DeclarationProblem>| match text {
        Ok(text) => {
            let (declaration, found) = read(path, &text);
            declarations.push(declaration);
            errors.extend(found);
        }
        Err(problem) => {
            errors.push(DeclarationError { path: Arc::new(path.to_owned()), position: None, subject: None, problem });
        }
    };
    for path in files {
        add(path, read_named(path));
    }
    if find_file {
        match find::find() {
            Ok(Some((path, file))) => add(path, read_text(file)),
            Ok(None) => {}
            Err((path, problem)) => add(path, Err(problem)),
        }
    }
    (declarations, errors)
}

/// Reads the text of one declaration. The errors are in the order of its lines.
pub fn read(path: &Path, text: &str) -> (Declaration, Vec<DeclarationError>) {
    let mut errors = Vec::new();
    let declaration = schema::declaration(&Arc::new(path.to_owned()), text, &mut errors);
    errors.sort_by_key(|error| error.position);
    (declaration, errors)
}

fn read_named(path: &Path) -> Result<String, DeclarationProblem> {
    if path == Path::new("-") {
        return read_text(std::io::stdin());
    }
    if path.extension().is_some_and(|extension| extension == "toml") {
        return Err(DeclarationProblem::Toml);
    }
    read_text(std::fs::File::open(path).map_err(|error| DeclarationProblem::Unreadable((&error).into()))?)
}

fn read_text(mut source: impl Read) -> Result<String, DeclarationProblem> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(|error| DeclarationProblem::Unreadable((&error).into()))?;
    String::from_utf8(bytes).map_err(|_| DeclarationProblem::NotUtf8)
}
