//! The target's environment: what it inherits, what is taken from that, and what is added.
//!
//! In this order: inherited; `--clean-env` and `--pass`; `--unset`; `--keep-existing`; resolved.

use std::ffi::{OsStr, OsString};
use std::sync::LazyLock;

use glob::Pattern;

use super::env_name::OWN_PREFIX;
use super::name_patterns::{known_patterns, matches_any};

/// Which inherited variables the target gets.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Nothing but what a program needs to find its way, and what `pass` adds.
    pub clean: bool,
    /// DnsResolver that `clean` lets through all the same.
    pub pass: Vec<Pattern>,
    /// DnsResolver that are taken away in any case.
    pub unset: Vec<Pattern>,
}

/// What `--clean-env` leaves: the user's place in the system, and what systemd set for the service.
const CLEAN: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "TZ",
    "LANG",
    "LC_*",
    "TMPDIR",
    "LISTEN_*",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "*_DIRECTORY",
];

impl Retention {
    pub fn keeps(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        if name.starts_with(OWN_PREFIX) || matches_any(&self.unset, &name) {
            return false;
        }
        static CLEAN_PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| known_patterns(CLEAN));
        !self.clean || matches_any(&CLEAN_PATTERNS, &name) || matches_any(&self.pass, &name)
    }
}

/// The inherited variables that the target keeps.
#[derive(Clone, Default)]
pub struct Retained(pub Vec<(OsString, OsString)>);

impl Retained {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// The names of the variables that are not empty.
    pub fn filled(&self) -> impl Iterator<Item = String> {
        let filled = self.0.iter().filter(|(_, value)| !value.is_empty());
        filled.filter_map(|(name, _)| name.to_str()).map(str::to_owned)
    }
}
