//! A task says what a launch, a poll or a subcommand may do and print. Each of them has a constant
//! or a function here, which states every fact, so the compiler asks for a new fact in each task.
//! Other code reads the fields of a task, and never asks which task it is.

use crate::report::account::CheckDepth;

/// A launch, a poll or a subcommand that reads declarations. The task decides which inputs matter,
/// and what is read and printed.
#[derive(Clone, Copy)]
pub(super) struct Task {
    /// True if the task is about a command, which inherits variables and can be restarted.
    pub is_for_command: bool,
    /// True if the task prints the caller's identity and a row for each entry.
    pub prints_table: bool,
    /// True if the entries in the declarations are used. If false, only the options and aliases
    /// there are read.
    pub reads_entries: bool,
    /// True if having no entries is an error even with `--resolve-env`.
    pub needs_entries: bool,
    /// True if a user is there to type an MFA code, even if `--on-rotation` is set.
    pub is_attended: bool,
    /// True if the task prints warnings about reading the values, about the command and about files
    /// on disk.
    pub warns: bool,
    /// True if the task uses answers from the cache. If false, it only stores AWS's answers for the
    /// next launch, so it can do without the cache.
    pub uses_cache: bool,
    /// True if the launch has fallback regions, but the task ignores them.
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

    /// For `policy`, which prints the permissions for everything that a launch uses.
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

    /// For `export`, which prints the variables of a launch.
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

    /// For `get`, which prints a single value. It uses the options and aliases of the declarations,
    /// but none of their entries, so a mistake in an entry doesn't matter.
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

    /// For `check`, which checks everything that a launch uses. With `--metadata`, the user can
    /// type an MFA code.
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

    /// For a poll, which looks for changed secrets while the command is running with
    /// `--on-rotation`. A poll doesn't repeat the warnings of the first start, and never uses a
    /// cached answer, however new it is.
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
