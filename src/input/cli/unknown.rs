//! Finds every argument before `--` that is neither an option nor an option's argument. clap reports only the first.

use std::ffi::OsString;

use clap::{Arg, Command};

use super::usage::UsageError;
use crate::model::suggest;

/// Words that other programs take as subcommands.
const SUBCOMMANDS: [&str; 6] = ["exec", "help", "launch", "run", "start", "version"];

/// Returns an error for each unknown option, and for the first word that belongs to no option.
pub fn unknown_arguments(command: &Command, arguments: &[OsString]) -> Vec<UsageError> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let separator = words.iter().position(|word| word == "--");
    let mut scan = Scan { command, errors: Vec::new(), entry: None };
    let mut words = words[..separator.unwrap_or(words.len())].iter().peekable();
    while let Some(word) = words.next() {
        let takes_next = match word.strip_prefix("--") {
            Some(long) => scan.long(long, separator.is_some()),
            None if word.len() > 1 && word.starts_with('-') => scan.short(word),
            None if scan.word(word, separator.is_some()) => None,
            None => break,
        };
        let argument = takes_next.and_then(|option| Some((option, words.next_if(|word| !word.starts_with('-'))?)));
        scan.entry = argument.map(|(option, text)| (option, text.clone()));
    }
    scan.errors
}

struct Scan<'c> {
    command: &'c Command,
    errors: Vec<UsageError>,
    /// The option right before, and its argument.
    entry: Option<(String, String)>,
}

impl Scan<'_> {
    /// Reads an option without its hyphens, and returns it if the next word is its argument.
    fn long(&mut self, text: &str, has_separator: bool) -> Option<String> {
        let (name, has_value) = text.split_once('=').map_or((text, false), |(name, _)| (name, true));
        let find = |name: &str| self.command.get_arguments().find(|arg| arg.get_long() == Some(name));
        if let Some(arg) = find(name) {
            return (takes_argument(arg) && !has_value).then(|| format!("--{name}"));
        }
        if ["help", "version"].contains(&name) {
            return None;
        }
        let known = self.command.get_arguments().filter_map(Arg::get_long).chain(["help", "version"]);
        let nearest = suggest::nearest(name, known);
        // An unknown option most likely takes what the similar one takes.
        let takes_next = nearest.map_or(has_separator, |nearest| find(nearest).is_some_and(takes_argument));
        let (option, nearest) = (format!("--{name}"), nearest.map(|nearest| format!("--{nearest}")));
        self.errors.push(UsageError::UnknownOption { option: option.clone(), nearest });
        (takes_next && !has_value).then_some(option)
    }

    /// Reads one or more options of one letter, and returns the last one if the next word is its argument.
    fn short(&mut self, word: &str) -> Option<String> {
        let mut letters = word[1..].chars();
        while let Some(letter) = letters.next() {
            let option = format!("-{letter}");
            match self.command.get_arguments().find(|arg| arg.get_short() == Some(letter)) {
                Some(arg) if takes_argument(arg) => return letters.as_str().is_empty().then_some(option),
                Some(_) => {}
                None if ['h', 'V'].contains(&letter) => {}
                None => {
                    self.errors.push(UsageError::UnknownOption { option, nearest: None });
                    return None;
                }
            }
        }
        None
    }

    /// Reads a word that is no option. Returns false if the words after it are most likely those of the command.
    fn word(&mut self, word: &str, has_separator: bool) -> bool {
        let word = word.to_owned();
        let error = match self.entry.take() {
            Some((option, name))
                if ["-e", "--env", "--as-file"].contains(&option.as_str()) && !name.contains('=') && has_separator =>
            {
                UsageError::MissingEquals { option, name, word }
            }
            _ if SUBCOMMANDS.contains(&word.as_str()) => UsageError::Subcommand(word),
            _ if has_separator => UsageError::StrayWord(word),
            _ => UsageError::MissingSeparator(word),
        };
        let is_stray = matches!(error, UsageError::StrayWord(_));
        let continues = is_stray || matches!(error, UsageError::MissingEquals { .. });
        // Further stray words have the same hint.
        if !(is_stray && self.errors.iter().any(|error| matches!(error, UsageError::StrayWord(_)))) {
            self.errors.push(error);
        }
        continues
    }
}

fn takes_argument(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}
