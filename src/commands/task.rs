//! A task says what a launch, a poll or a subcommand may do and print. Each of them has a constant
//! or a function here. Other code reads the fields of a task, and never asks which task it is. So
//! what a new kind of launch may do is decided only in this file.

use crate::report::account::CheckDepth;

/// A launch, a poll or a subcommand that reads declarations. The task decides which inputs matter,
/// and what is read and printed.
#[derive(Clone, Copy)]
pub(super) struct Task {
    /// True for a launch, a poll and `check`: they are about a command, which inherits variables
    /// and can be restarted.
    pub is_for_launch: bool,
    /// True for `check`, which prints the caller's identity and a row for each entry.
    pub is_check: bool,
    /// True if the entries in the declarations are used. If false, only the options and aliases
    /// there are read.
    pub reads_entries: bool,
    /// True if having no entries is an error even with `--resolve-env`.
    pub needs_entries: bool,
    /// True if a user is there to type an MFA code, even if `--on-rotation` is set.
    pub is_attended: bool,
    /// True if the task prints warnings about reading the values, about the command and about files
    /// on disk. A poll doesn't repeat them.
    pub warns: bool,
    /// True if the task uses answers from the cache. A poll doesn't: it only stores AWS's answers
    /// for the next launch, so it can do without the cache.
    pub uses_cache: bool,
    /// True for a poll if the launch has fallback regions, because a poll ignores them.
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

    /// For `policy`, which prints the permissions for everything that a launch uses.
    pub const POLICY: Self = Self {
        is_for_launch: false,
        needs_entries: true,
        ..Self::LAUNCH
    };

    /// For `export`, which prints the variables of a launch.
    pub const EXPORT: Self = Self {
        is_for_launch: false,
        ..Self::LAUNCH
    };

    /// For `get`, which prints a single value. It uses the options and aliases of the declarations,
    /// but none of their entries, so a mistake in an entry doesn't matter.
    pub const GET: Self = Self {
        reads_entries: false,
        ..Self::EXPORT
    };

    /// For `check`, which checks everything that a launch uses. With `--metadata`, the user can
    /// type an MFA code.
    pub fn check(depth: CheckDepth) -> Self {
        Self {
            is_check: true,
            needs_entries: true,
            is_attended: depth == CheckDepth::Metadata,
            ..Self::LAUNCH
        }
    }

    /// For a poll, which looks for changed secrets while the command is running with
    /// `--on-rotation`. A poll doesn't repeat the warnings of the first start, and never uses a
    /// cached answer, however new it is.
    pub fn poll(forgoes_fallback: bool) -> Self {
        Self {
            warns: false,
            uses_cache: false,
            forgoes_fallback,
            ..Self::LAUNCH
        }
    }
}
