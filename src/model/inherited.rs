//! The environment that secrets-exec was started with, and the part of it that the command keeps: `--clean-env`, `--pass` and `--unset`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::LazyLock;

use glob::Pattern;

use super::env_name::{OWN_PREFIX, known_patterns, matches_any};

/// The inherited variables, or those of them that the command keeps, byte for byte, each name once.
#[derive(Clone, Default)]
pub struct Inherited(Vec<(OsString, OsString)>);

impl Inherited {
    /// Keeps the first value of a name that occurs twice, which is the one that getenv(3) returns.
    pub fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut seen = std::collections::HashSet::new();
        Self(
            variables
                .filter(|(name, _)| seen.insert(name.clone()))
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_os_str())
    }

    /// Returns the value of a variable that is not empty. The AWS CLI treats an empty variable as unset.
    pub fn filled(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Returns the variables that the command inherits. secrets-exec itself still reads the others.
    #[must_use]
    pub fn retained(&self, retention: &Retention) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| retention.keeps(name))
                .cloned()
                .collect(),
        )
    }

    /// Makes the variables by which a service manager names process `parent` (sd_listen_fds(3), sd_watchdog_enabled(3)) name its `child`,
    /// and removes those with the inode number of its pidfd, which are optional.
    pub fn rename_process(&mut self, parent: i32, child: u32) {
        self.0
            .retain(|(name, _)| name != "LISTEN_PIDFDID" && name != "WATCHDOG_PIDFDID");
        let named = self
            .0
            .iter_mut()
            .filter(|(name, _)| name == "LISTEN_PID" || name == "WATCHDOG_PID");
        named
            .filter(|(_, id)| *id == *parent.to_string())
            .for_each(|(_, id)| *id = child.to_string().into());
    }

    /// The names of the variables that are not empty.
    pub fn filled_names(&self) -> impl Iterator<Item = String> {
        let filled = self.0.iter().filter(|(_, value)| !value.is_empty());
        filled
            .filter_map(|(name, _)| name.to_str())
            .map(str::to_owned)
    }
}

/// Lists the names only, since values may be secrets.
impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

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
const CLEAN: &str = "PATH HOME USER LOGNAME SHELL TERM TZ LANG LC_* TMPDIR LISTEN_* NOTIFY_SOCKET WATCHDOG_* INVOCATION_ID \
    JOURNAL_STREAM RUNTIME_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY \
    _HANDLER AWS_EXECUTION_ENV AWS_LAMBDA_* LAMBDA_* _LAMBDA_TELEMETRY_LOG_FD";

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
