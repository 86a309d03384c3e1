//! The command that secrets-exec becomes: a program and its arguments.

use std::ffi::{OsStr, OsString};

/// A command line of at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Vec<OsString>);

impl CommandLine {
    /// Returns `None` for no words.
    pub fn new(words: Vec<OsString>) -> Option<Self> {
        if words.is_empty() {
            None
        } else {
            Some(Self(words))
        }
    }

    /// The program as written: a path if it holds a slash, else a name to look up in PATH.
    pub fn program(&self) -> &OsStr {
        self.0.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// All words, the program first: argv.
    pub fn arguments(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().map(OsString::as_os_str)
    }
}
