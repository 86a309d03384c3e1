//! Decides which inherited variables the command gets: `--clean-env`, `--pass` and `--unset`.

use std::ffi::OsStr;
use std::sync::LazyLock;

use glob::Pattern;

use super::environment::{Inherited, OWN_PREFIX, known_patterns, matches_any};
use super::message::Placed;

/// The options that decide which variables the command inherits. `unset` overrides `pass`, and
/// `pass` overrides `clean`.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// `--clean-env`, which removes all variables except the ones in `CLEAN`.
    pub clean: bool,
    /// `--pass`: the variables that the command gets even with `--clean-env`.
    pub pass: Vec<Placed<Pattern>>,
    /// `--unset`: the variables that the command never gets. Has the patterns of all places that
    /// set the option.
    pub unset: Vec<Placed<Pattern>>,
}

/// The variables that `--clean-env` keeps: the basics of a user's session, what a systemd service
/// needs (systemd.exec(5)), and what a Lambda runtime reads, except credentials.
const CLEAN: &str = "PATH HOME USER LOGNAME SHELL TERM TZ LANG LC_* TMPDIR LISTEN_* NOTIFY_SOCKET WATCHDOG_* INVOCATION_ID \
    JOURNAL_STREAM RUNTIME_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY \
    _HANDLER AWS_EXECUTION_ENV AWS_LAMBDA_* LAMBDA_* _LAMBDA_TELEMETRY_LOG_FD";

impl Retention {
    /// The same rules without `--clean-env`, so that only `--unset` removes variables.
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

pub fn first_match<'p>(patterns: &'p [Placed<Pattern>], name: &str) -> Option<&'p Placed<Pattern>> {
    patterns.iter().find(|placed| placed.value.matches(name))
}
