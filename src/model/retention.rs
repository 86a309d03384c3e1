//! Which inherited variables the command gets: `--clean-env`, `--pass` and `--unset`.

use std::ffi::OsStr;
use std::sync::LazyLock;

use glob::Pattern;

use super::environment::{Inherited, OWN_PREFIX, known_patterns, matches_any};
use super::place::Placed;

/// The rules that say which inherited variables the command gets. `unset` overrides `pass`, and
/// `pass` overrides `clean`.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// `--clean-env`: removes all variables except those of `CLEAN`.
    pub clean: bool,
    /// `--pass`: names that `clean` doesn't remove.
    pub pass: Vec<Placed<Pattern>>,
    /// `--unset` of all places: names that are removed.
    pub unset: Vec<Placed<Pattern>>,
}

/// The variables that `--clean-env` keeps: those of the user's session, those that a systemd
/// service needs (systemd.exec(5)), and those that a Lambda runtime reads, except credentials.
const CLEAN: &str = "PATH HOME USER LOGNAME SHELL TERM TZ LANG LC_* TMPDIR LISTEN_* NOTIFY_SOCKET WATCHDOG_* INVOCATION_ID \
    JOURNAL_STREAM RUNTIME_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY \
    _HANDLER AWS_EXECUTION_ENV AWS_LAMBDA_* LAMBDA_* _LAMBDA_TELEMETRY_LOG_FD";

impl Retention {
    /// The same rules, but without `--clean-env`, so that only `unset` removes variables.
    #[must_use]
    pub fn without_clean(&self) -> Self {
        Self {
            clean: false,
            ..self.clone()
        }
    }

    /// True if the command inherits the variable.
    pub fn keeps(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        if name.starts_with(OWN_PREFIX) || first_match(&self.unset, &name).is_some() {
            return false;
        }
        static CLEAN_PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| known_patterns(CLEAN));
        !self.clean
            || matches_any(&CLEAN_PATTERNS, &name)
            || first_match(&self.pass, &name).is_some()
    }

    /// The inherited variables that the command gets.
    pub fn retained(&self, inherited: &Inherited) -> Inherited {
        inherited.filtered(|name| self.keeps(name))
    }
}

/// The first of the patterns that matches a name.
pub fn first_match<'p>(patterns: &'p [Placed<Pattern>], name: &str) -> Option<&'p Placed<Pattern>> {
    patterns.iter().find(|placed| placed.value.matches(name))
}
