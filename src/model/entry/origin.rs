//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What messages call an entry: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The variable, or the file's path.
    pub label: String,
    /// Where it was written.
    pub origin: Origin,
    /// The reference as it was written; nothing for what has none.
    pub written: Option<String>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => write!(f, "{} ({}, {written})", self.label, self.origin),
            None => write!(f, "{} ({})", self.label, self.origin),
        }
    }
}

/// Where an entry was written; every message names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An option of the command line.
    Argument(&'static str),
    /// The inherited variable of the same name.
    Inherited,
    /// A line of a file.
    File {
        /// The file, as it was named.
        path: Arc<PathBuf>,
        /// Counted from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(option) => f.write_str(option),
            Self::Inherited => f.write_str("--resolve-env"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}
