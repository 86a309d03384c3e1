//! What a launch, a poll and each subcommand may do and print: a constant or a function for each of
//! them. No other code compares tasks, so a new kind of launch is decided here.

use crate::report::account::CheckDepth;

/// What this process does: a launch, a poll or a subcommand that reads declarations. The task
/// decides which inputs matter, and what is read and printed.
#[derive(Clone, Copy)]
pub(super) struct Task {
    /// True for a launch, and for `check`, which checks a launch. Only a launch has a command that
    /// gets the inherited variables and can be restarted.
    pub is_for_launch: bool,
    /// True if the task prints a row for each entry, and who the caller is.
    pub is_check: bool,
    /// True if the entries of the declarations are read, in addition to their options and aliases.
    pub reads_entries: bool,
    /// True if a launch without entries is always an error, even with `--resolve-env`.
    pub needs_entries: bool,
    /// True if the user can type an MFA code even with `--on-rotation`.
    pub is_attended: bool,
    /// True if warnings about the reading, the command and files on a disk are printed.
    pub warns: bool,
    /// True if answers in the cache are used. Otherwise, AWS's answers are only stored for the next
    /// launch, so the task can do without the cache.
    pub uses_cache: bool,
    /// True if the launch may ask a fallback region, but this task doesn't.
    pub forgoes_fallback: bool,
}

impl Task {
    pub const LAUNCH: Self = Self {
        is_for_launch: true,
        is_check: false,
        reads_entries: true,
        needs_entries: false,
        is_attended: false,
        warns: true,
        uses_cache: true,
        forgoes_fallback: false,
    };

    /// Covers everything that a launch uses.
    pub const POLICY: Self = Self {
        is_for_launch: false,
        needs_entries: true,
        ..Self::LAUNCH
    };

    /// Prints the variables of a launch.
    pub const EXPORT: Self = Self {
        is_for_launch: false,
        ..Self::LAUNCH
    };

    /// Prints only the value that its argument refers to. It uses the options and aliases of the
    /// declarations, but none of their entries, so that a mistake in one of them doesn't matter.
    pub const GET: Self = Self {
        reads_entries: false,
        ..Self::EXPORT
    };

    /// Checks everything that a launch uses. The user of `check --metadata` can type an MFA code.
    pub fn check(depth: CheckDepth) -> Self {
        Self {
            is_check: true,
            needs_entries: true,
            is_attended: depth == CheckDepth::Metadata,
            ..Self::LAUNCH
        }
    }

    /// A launch in a forked process (a trial) that finds out whether secrets have changed, while
    /// the command is already running with `--on-rotation`. It doesn't repeat the warnings of the
    /// first start, and never uses a stored answer, however new it is.
    pub fn poll(forgoes_fallback: bool) -> Self {
        Self {
            warns: false,
            uses_cache: false,
            forgoes_fallback,
            ..Self::LAUNCH
        }
    }
}
