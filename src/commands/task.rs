//! A task says what a launch, a poll or a subcommand may do and print. Each of them states every
//! field here, so the compiler asks for a new field in each task. Other code reads the fields, and
//! never asks which task it is.

use crate::report::account::CheckDepth;

/// A launch, a poll or a subcommand that reads declarations.
#[derive(Clone, Copy)]
pub(super) struct Task {
    /// True for a launch, a poll and `check`, which are about a command. A command inherits
    /// variables and can be restarted.
    pub is_for_command: bool,
    /// Prints the caller's identity and a row for each entry.
    pub prints_table: bool,
    /// If false, only the options and aliases in declarations are read.
    pub reads_entries: bool,
    /// Having no entries is an error even with `--resolve-env`.
    pub needs_entries: bool,
    /// A user is there to type an MFA code, even with `--on-rotation`.
    pub is_attended: bool,
    /// Prints warnings about how the values were read, about the command's arguments, and about
    /// files on disk.
    pub warns: bool,
    /// Uses cached answers. If false, only stores AWS's answers for the next launch, and continues
    /// even if the cache can't be opened.
    pub uses_cache: bool,
    /// Ignores the fallback regions that the launch has.
    pub forgoes_fallback: bool,
}

impl Task {
    pub const LAUNCH: Self = Self {
        is_for_command: true,
        prints_table: false,
        reads_entries: true,
        needs_entries: false,
        is_attended: false,
        warns: true,
        uses_cache: true,
        forgoes_fallback: false,
    };

    /// For `policy`, which needs everything that a launch uses.
    pub const POLICY: Self = Self {
        is_for_command: false,
        prints_table: false,
        reads_entries: true,
        needs_entries: true,
        is_attended: false,
        warns: true,
        uses_cache: true,
        forgoes_fallback: false,
    };

    /// For `export`.
    pub const EXPORT: Self = Self {
        is_for_command: false,
        prints_table: false,
        reads_entries: true,
        needs_entries: false,
        is_attended: false,
        warns: true,
        uses_cache: true,
        forgoes_fallback: false,
    };

    /// For `get`, which uses no entries of declarations, so a mistake in one doesn't matter.
    pub const GET: Self = Self {
        is_for_command: false,
        prints_table: false,
        reads_entries: false,
        needs_entries: false,
        is_attended: false,
        warns: true,
        uses_cache: true,
        forgoes_fallback: false,
    };

    /// For `check`. With `--metadata`, the user can type an MFA code.
    pub fn check(depth: CheckDepth) -> Self {
        Self {
            is_for_command: true,
            prints_table: true,
            reads_entries: true,
            needs_entries: true,
            is_attended: depth == CheckDepth::Metadata,
            warns: true,
            uses_cache: true,
            forgoes_fallback: false,
        }
    }

    /// For a poll, which doesn't repeat the warnings of the first start, and never uses a cached
    /// answer, however new it is.
    pub fn poll(forgoes_fallback: bool) -> Self {
        Self {
            is_for_command: true,
            prints_table: false,
            reads_entries: true,
            needs_entries: false,
            is_attended: false,
            warns: false,
            uses_cache: false,
            forgoes_fallback,
        }
    }
}
