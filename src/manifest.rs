//! Declaration files to layers of entries, and to the options that they give as defaults.

mod entry;
mod expansion;
mod files;
mod find;
mod reader;
mod schema;
mod task_definition;

pub use find::DEFAULT_NAMES;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::alias::AliasNameError;
use crate::binding::Claim;
use crate::markup::{Format, Mark};
use crate::options::Options;
use crate::plan::Layer;
use crate::reference::ReferenceError;
use crate::template::TemplateError;

/// One declaration file.
#[derive(Debug, Default)]
pub struct Declaration {
    /// `defaults:`
    pub options: Options,
    /// Aliases, variables and files: all but `defaults:`.
    pub layer: Layer,
    /// Whether it is an ECS task definition, which is what `container` chooses from.
    pub from_task_definition: bool,
}

/// What is wrong with a declaration, and where.
#[derive(Debug, PartialEq)]
pub struct ManifestError {
    /// The file, as it was named.
    pub path: Arc<PathBuf>,
    /// The place in it.
    pub mark: Option<Mark>,
    /// The key or variable it is about.
    pub subject: Option<String>,
    /// What is wrong.
    pub problem: ManifestProblem,
}

/// What is wrong with a declaration.
#[derive(Debug, PartialEq)]
pub enum ManifestProblem {
    /// The file cannot be read.
    Unreadable(String),
    /// The file is not UTF-8.
    NotUtf8,
    /// A declaration was not named, and there are several.
    Several(Vec<&'static str>),
    /// A declaration was not named, and others could have put it there.
    Untrusted {
        /// The declaration, its directory, or a link or directory that leads to it.
        what: String,
        /// The reason, as a predicate.
        why: &'static str,
    },
    /// The file is not YAML, TOML or JSON.
    Syntax(String),
    /// A key that nobody knows.
    UnknownKey {
        /// The key.
        key: String,
        /// One that is much like it.
        nearest: Option<&'static str>,
    },
    /// Another kind of value.
    Expected {
        /// What is expected.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A key of `env` that cannot be a variable's name.
    IllegalName(String),
    /// A key of `secrets` that cannot be an alias's name.
    AliasName(String, AliasNameError),
    /// An alias with more than a secret's id.
    AliasWithKey(String),
    /// An entry with none, or more than one, of `from`, `value` and `template`.
    NotOneSource,
    /// A template that is none.
    Template(TemplateError),
    /// An entry with both.
    DefaultAndOptional,
    /// A variable or a path that two entries of one declaration want.
    Claimed(Claim),
    /// A file with neither a path nor a variable.
    FileWithoutPlace,
    /// PATH from anything but `value`.
    PathOnlyValue,
    /// A reference that is none.
    Reference {
        /// The reference.
        text: String,
        /// What is wrong with it.
        error: ReferenceError,
    },
    /// An option with a value that it does not take.
    Value {
        /// What was given.
        text: String,
        /// What it takes.
        expected: &'static str,
    },
    /// `external-id` without `role-arn`.
    ExternalIdAlone,
    /// An option that a declaration may not give.
    NotInDeclaration,
    /// A task definition's item without a key that ECS requires.
    Missing(&'static str),
    /// A task definition without containers.
    NoContainer,
    /// A task definition of several containers, and none was chosen.
    ContainerChoice(Vec<String>),
    /// A task definition without the container that was chosen.
    NoSuchContainer {
        /// The one that was chosen.
        name: String,
        /// One that is much like it.
        nearest: Option<String>,
        /// All that are there.
        known: Vec<String>,
    },
    /// A name that a task definition may have once, a second time.
    Twice {
        /// The name.
        name: String,
        /// Where it is first.
        line: usize,
    },
    /// A container whose environment comes from files in S3, too.
    EnvironmentFiles,
    /// A `valueFrom` that ECS would not take.
    ValueFrom {
        /// What is there.
        text: String,
        /// What is wrong with it.
        error: ReferenceError,
    },
}

/// Reads the declarations that were named; without any, and if `find_file`, the one in the working directory.
///
/// `container` chooses among the containers of every task definition among them. What is wrong with any of them is told
/// beside what could be read, in the order of the files and their lines.
pub fn load(files: &[PathBuf], find_file: bool, container: Option<&str>) -> (Vec<Declaration>, Vec<ManifestError>) {
    let mut errors = Vec::new();
    let mut declarations = Vec::new();
    let mut add = |path: &Path, text: Result<String, ManifestProblem>| match text {
        Ok(text) => {
            let (declaration, found) = read(path, &text, container);
            declarations.push(declaration);
            errors.extend(found);
        }
        Err(problem) => {
            errors.push(ManifestError { path: Arc::new(path.to_owned()), mark: None, subject: None, problem });
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

/// Reads the text of one declaration, whose format the path tells; what is wrong with it is in the order of its lines.
pub fn read(path: &Path, text: &str, container: Option<&str>) -> (Declaration, Vec<ManifestError>) {
    let mut errors = Vec::new();
    let declaration = schema::declaration(&Arc::new(path.to_owned()), Format::of(path), text, container, &mut errors);
    errors.sort_by_key(|error| error.mark);
    (declaration, errors)
}

fn read_named(path: &Path) -> Result<String, ManifestProblem> {
    if path == Path::new("-") {
        return read_text(std::io::stdin());
    }
    read_text(std::fs::File::open(path).map_err(|error| ManifestProblem::Unreadable(error.to_string()))?)
}

fn read_text(mut source: impl Read) -> Result<String, ManifestProblem> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(|error| ManifestProblem::Unreadable(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| ManifestProblem::NotUtf8)
}
