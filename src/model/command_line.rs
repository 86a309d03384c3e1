//! The command that secrets-exec becomes: a program and its arguments, as they were given.

use std::ffi::{OsStr, OsString};

/// A command line that is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Vec<OsString>);

impl CommandLine {
    /// `None` when there is no program.
    pub fn new(words: Vec<OsString>) -> Option<Self> {
        if words.is_empty() { None } else { Some(Self(words)) }
    }

    /// The program as it was named: a path when it holds a slash, else a name to look for in PATH.
    pub fn program(&self) -> &OsStr {
        self.0.first().map_or(OsStr::new(""), OsString::as_os_str)
    }

    /// All words, the program's name first.
    pub fn arguments(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().map(OsString::as_os_str)
    }
}
