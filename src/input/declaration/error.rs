//! Declaration files to layers of entries, and to the options that they give as defaults.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::entry::Claim;
use crate::model::reference::{AliasNameError, ReferenceError};
use crate::model::template::TemplateError;
use crate::model::tree::Mark;

/// What is wrong with a declaration, and where.
#[derive(Debug, PartialEq)]
pub struct DeclarationError {
    /// The file, as it was named.
    pub path: Arc<PathBuf>,
    /// The place in it.
    pub mark: Option<Mark>,
    /// The key or variable it is about.
    pub subject: Option<String>,
    /// What is wrong.
    pub problem: DeclarationProblem,
}

/// What is wrong with a declaration.
#[derive(Debug, PartialEq)]
pub enum DeclarationProblem {
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
