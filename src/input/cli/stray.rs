//! Words that are neither options nor arguments of options, and what was most likely meant.

use std::ffi::OsString;

use super::subcommand::Subcommand;
use super::usage::{Remedy, UsageError};
use crate::model::env_name::is_name;
use crate::model::options::ExportFormat;
use crate::model::quoting::{single_quoted, without_url_secrets};
use crate::model::reference::Reference;
use crate::model::suggest;

/// Words that other programs take as subcommands.
const OTHER_SUBCOMMANDS: [&str; 4] = ["exec", "launch", "run", "start"];

/// A word of a command line, for which an explanation is sought.
pub struct StrayWord<'w> {
    pub word: &'w str,
    /// The word after it, if it stands before `--`.
    pub next: Option<&'w str>,
    /// The number of the word among all arguments.
    pub position: usize,
    /// All arguments, without the name of the command.
    pub arguments: &'w [OsString],
    /// True if `--` is among them.
    pub has_separator: bool,
    /// The command whose line it is; `None` for a launch.
    pub line: Option<Subcommand>,
}

impl StrayWord<'_> {
    pub fn error(&self) -> UsageError {
        let remedy = match self.line {
            None => self.in_launch(),
            Some(subcommand) => self.in_subcommand(subcommand),
        };
        UsageError::StrayWord { word: self.word.to_owned(), remedy }
    }

    fn in_launch(&self) -> Remedy {
        let names = Subcommand::ALL.map(Subcommand::name);
        let named = |name: &str| Subcommand::ALL.into_iter().find(|subcommand| subcommand.name() == name);
        match self.word {
            "help" => Remedy::Help(self.next.and_then(named)),
            "version" => Remedy::Version,
            word if OTHER_SUBCOMMANDS.contains(&word) => Remedy::NoSubcommand,
            word if is_declaration(word) => Remedy::Declaration,
            word if self.has_separator && is_reference(word) => Remedy::Reference,
            // Elsewhere than in front, only the exact name counts: other words may be a program.
            word => match suggest::nearest(word, names.into_iter())
                .filter(|name| *name == word || self.position == 0)
                .and_then(named)
            {
                Some(subcommand) => Remedy::Subcommand {
                    subcommand,
                    corrected: self.corrected(subcommand),
                    may_be_program: !self.has_separator,
                },
                None if self.has_separator => Remedy::OptionsBeforeSeparator,
                None => Remedy::Separator,
            },
        }
    }

    fn in_subcommand(&self, subcommand: Subcommand) -> Remedy {
        let is_format = || ExportFormat::ALL.iter().any(|format| format.name() == self.word);
        match self.word {
            "help" => Remedy::Help(Some(subcommand)),
            "version" => Remedy::Version,
            _ if !subcommand.resolves() => Remedy::TooMany(subcommand),
            word if is_declaration(word) => Remedy::Declaration,
            word if is_reference(word) && subcommand != Subcommand::Credential => Remedy::Reference,
            _ if subcommand == Subcommand::Export && is_format() => Remedy::Format,
            _ if subcommand.takes_program() && !self.has_separator => Remedy::Program(subcommand),
            _ if subcommand.takes_program() => Remedy::OptionsBeforeSeparator,
            _ => Remedy::TooMany(subcommand),
        }
    }

    /// Returns the command line with the command's name in front, without the words after the name of a program.
    fn corrected(&self, subcommand: Subcommand) -> String {
        // The others have no options of a launch.
        let first = if subcommand.resolves() { 0 } else { self.position };
        let others = self.arguments.iter().enumerate().skip(first).filter(|(number, _)| *number != self.position);
        let others: Vec<String> = others.map(|(_, word)| without_value(&word.to_string_lossy())).collect();
        let separator = others.iter().position(|word| word == "--").unwrap_or(others.len());
        let end = if subcommand.takes_program() { separator + 2 } else { separator };
        let mut corrected = format!("secrets-exec {}", subcommand.name());
        for word in others.iter().take(end) {
            corrected += &format!(" {}", shell_word(word));
        }
        corrected + if subcommand.takes_program() && others.len() > end { " …" } else { "" }
    }
}

fn is_declaration(word: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|extension| word.ends_with(extension))
}

/// True for a reference with a slash or a colon that is no path of a program.
fn is_reference(word: &str) -> bool {
    word.contains(['/', ':']) && !word.starts_with(['/', '.', '~']) && Reference::parse(word).is_ok()
}

/// Returns a word without the secrets of a URL, and without a text after `NAME=` that is no reference and may be a password.
fn without_value(word: &str) -> String {
    match word.split_once('=') {
        Some((name, text)) if is_name(name) && Reference::parse(text).is_err() => format!("{name}=…"),
        _ => without_url_secrets(word).to_string(),
    }
}

/// Quotes a word for a shell, where it needs quotes.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { single_quoted(word) }
}
