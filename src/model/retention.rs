//! The inherited variables that the command keeps: `--clean-env`, `--pass` and `--unset`.

use std::ffi::{OsStr, OsString};
use std::sync::LazyLock;

use glob::Pattern;

use super::env_name::{OWN_PREFIX, known_patterns, matches_any};

/// The rules by which inherited variables are kept: `unset` overrides `pass`, which overrides `clean`.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Removes all variables but those of `CLEAN`.
    pub clean: bool,
    /// Names that `clean` does not remove.
    pub pass: Vec<Pattern>,
    /// Names that are removed.
    pub unset: Vec<Pattern>,
}

/// The variables that `--clean-env` keeps: the user's session, those that systemd sets for a service (systemd.exec(5)), and those
/// that a Lambda runtime reads, which are no credentials.
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
    "_HANDLER",
    "AWS_LAMBDA_*",
    "LAMBDA_*",
];

impl Retention {
    /// Returns false for `SECRETS_EXEC_*` as well.
    pub fn keeps(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        if name.starts_with(OWN_PREFIX) || matches_any(&self.unset, &name) {
            return false;
        }
        static CLEAN_PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| known_patterns(CLEAN));
        !self.clean || matches_any(&CLEAN_PATTERNS, &name) || matches_any(&self.pass, &name)
    }
}

/// The inherited variables that the command keeps.
#[derive(Clone, Default)]
pub struct Retained(pub Vec<(OsString, OsString)>);

impl Retained {
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// The names of the variables that are not empty.
    pub fn filled(&self) -> impl Iterator<Item = String> {
        let filled = self.0.iter().filter(|(_, value)| !value.is_empty());
        filled.filter_map(|(name, _)| name.to_str()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_keeps_variables_of_systemd_and_unset_overrides_pass() {
        let retention = Retention {
            clean: true,
            pass: vec![Pattern::new("APP_*").unwrap()],
            unset: vec![Pattern::new("APP_SECRET").unwrap()],
        };
        for name in ["PATH", "LC_ALL", "LISTEN_FDS", "STATE_DIRECTORY", "APP_MODE"] {
            assert!(retention.keeps(name.as_ref()), "{name}");
        }
        for name in ["APP_SECRET", "AWS_REGION", "SECRETS_EXEC_FILE"] {
            assert!(!retention.keeps(name.as_ref()), "{name}");
        }
    }
}
