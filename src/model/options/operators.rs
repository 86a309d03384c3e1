//! The options of single commands: `check`, `policy`, `export` and `migrate`.

use std::path::PathBuf;

use glob::Pattern;

use crate::model::reference::{Arn, Role, SecretId};

/// The options of `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    pub json: bool,
    /// Without any request.
    pub offline: bool,
    /// Adds the rotation, the KMS key and the replicas of each secret.
    pub describe: bool,
}

/// The options of `policy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyOptions {
    /// The account of secrets that are named without one; `None` for any.
    pub account: Option<String>,
    /// The role whose policy is printed; `None` for the caller's.
    pub for_role: Option<Role>,
    pub kms_keys: Vec<Arn>,
    /// Adds the requests of `check --describe`.
    pub describe: bool,
}

/// The options of `export`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    pub format: ExportFormat,
    /// `None` for standard output.
    pub output: Option<PathBuf>,
    /// Standard output may be a terminal.
    pub reveal: bool,
}

/// The syntax in which variables are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    Shell,
    Dotenv,
    Json,
    Docker,
    /// The file of `fileKeyRef` (KEP-3721).
    Kubernetes,
}

impl ExportFormat {
    pub const ALL: [Self; 5] = [Self::Shell, Self::Dotenv, Self::Json, Self::Docker, Self::Kubernetes];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// The options of `migrate`.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// The file whose variables are moved.
    pub file: PathBuf,
    /// The secret that gets them, of Secrets Manager.
    pub secret: SecretId,
    /// The names to move; empty for all.
    pub only: Vec<Pattern>,
    /// Prints the values in place of the declaration.
    pub values: bool,
    /// Standard output may be a terminal.
    pub reveal: bool,
    /// Keeps warnings back.
    pub quiet: bool,
}
