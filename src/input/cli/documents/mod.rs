//! The completions of a shell and the man page, from the same clap commands as `--help`.
//!
//! clap_complete is not used: it knows no command line that begins with options and ends in another command after `--`, and offers
//! the commands, or their options, where they are an error.
//!
//! - `described`: a command line as the three shells see it: `bash`, `zsh`, `fish`.
//! - `man_page`: the page, with the prose of `man_text`.

mod bash;
mod described;
mod fish;
mod man_page;
mod man_text;
mod zsh;

pub use man_page::man_page;

use clap::Command;

use described::DescribedLine;

/// A shell whose completions can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    pub const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }
}

/// Returns the script that a shell reads. `whole` has all commands.
pub fn completions(shell: Shell, whole: &Command) -> String {
    let lines = DescribedLine::all(whole);
    match shell {
        Shell::Bash => bash::bash(&lines),
        Shell::Zsh => zsh::zsh(&lines),
        Shell::Fish => fish::fish(&lines),
    }
}
