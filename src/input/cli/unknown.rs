//! Finds every argument before `--` that is neither an option nor an option's argument. clap reports only the first.

use std::ffi::OsString;

use clap::{Arg, Command};

use super::usage::UsageError;
use crate::model::env_name::is_name;
use crate::model::suggest;

/// Words that other programs take as subcommands.
const SUBCOMMANDS: [&str; 6] = ["exec", "help", "launch", "run", "start", "version"];

/// Returns an error for each unknown option, and for the first word that belongs to no option.
pub fn unknown_arguments(command: &Command, arguments: &[OsString]) -> Vec<UsageError> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let separator = words.iter().position(|word| word == "--");
    let mut scan =
        Scan { command, has_separator: separator.is_some(), errors: Vec::new(), entry: None, without_url: None };
    let mut words = words[..separator.unwrap_or(words.len())].iter().peekable();
    while let Some(word) = words.next() {
        let takes_next = match word.strip_prefix("--") {
            Some(long) => scan.long(long),
            None if word.starts_with(DASHES) && !word.trim_start_matches(DASHES).is_empty() => scan.short(word),
            None if scan.word(word) => {
                // The `=` of `NAME = REF`, whose reference is the next word.
                words.next_if(|next| word == "=" && !next.starts_with('-'));
                None
            }
            None => break,
        };
        let argument = takes_next.and_then(|option| Some((option, words.next_if(|word| !word.starts_with('-'))?)));
        scan.entry = argument.map(|(option, text)| (option, text.clone()));
    }
    scan.errors
}

/// The hyphen, and the dashes that word processors make of two.
const DASHES: [char; 3] = ['-', '–', '—'];

struct Scan<'c> {
    command: &'c Command,
    has_separator: bool,
    errors: Vec<UsageError>,
    /// The option right before, and its argument.
    entry: Option<(String, String)>,
    /// An option before, whose URL may only follow it after `=`.
    without_url: Option<String>,
}

impl Scan<'_> {
    /// Reads an option without its hyphens, and returns it if the next word is its argument.
    fn long(&mut self, text: &str) -> Option<String> {
        let (name, has_value) = text.split_once('=').map_or((text, false), |(name, _)| (name, true));
        let find = |name: &str| self.command.get_arguments().find(|arg| arg.get_long() == Some(name));
        if let Some(arg) = find(name) {
            let option = (!has_value).then(|| format!("--{name}"));
            if arg.is_require_equals_set() {
                self.without_url = option;
                return None;
            }
            return option.filter(|_| takes_argument(arg));
        }
        if ["help", "version"].contains(&name) {
            return None;
        }
        let known = self.command.get_arguments().filter_map(Arg::get_long).chain(["help", "version"]);
        let nearest = suggest::nearest(name, known);
        // The command is after the separator, or else an unknown option most likely takes what the similar one takes.
        let takes_next = self.has_separator || nearest.and_then(find).is_some_and(takes_argument);
        let (option, nearest) = (format!("--{name}"), nearest.map(|nearest| format!("--{nearest}")));
        self.errors.push(UsageError::UnknownOption { option: option.clone(), nearest });
        (takes_next && !has_value).then_some(option)
    }

    /// Reads one or more options of one letter, and returns the last one if the next word is its argument. A long option after one hyphen
    /// or a dash is unknown.
    fn short(&mut self, word: &str) -> Option<String> {
        let (option, has_value) = word.split_once('=').map_or((word, false), |(option, _)| (option, true));
        let long = option.trim_start_matches(DASHES);
        if let Some(arg) = self.command.get_arguments().find(|arg| arg.get_long() == Some(long)) {
            let nearest = Some(format!("--{long}"));
            self.errors.push(UsageError::UnknownOption { option: option.to_owned(), nearest });
            return (takes_argument(arg) && !has_value).then(|| option.to_owned());
        }
        if !word.starts_with('-') {
            return self.long(word.trim_start_matches(DASHES));
        }
        let mut letters = word.chars();
        letters.next();
        while let Some(letter) = letters.next() {
            let option = format!("-{letter}");
            match self.command.get_arguments().find(|arg| arg.get_short() == Some(letter)) {
                Some(arg) if takes_argument(arg) => return letters.as_str().is_empty().then_some(option),
                Some(_) => {}
                None if ['h', 'V'].contains(&letter) => {}
                None => {
                    self.errors.push(UsageError::UnknownOption { option: option.clone(), nearest: None });
                    return (self.has_separator && letters.as_str().is_empty()).then_some(option);
                }
            }
        }
        None
    }

    /// Reads a word that is no option. Returns false if the words after it are most likely those of the command.
    fn word(&mut self, word: &str) -> bool {
        let word = word.to_owned();
        let error = match (self.entry.take(), &self.without_url) {
            (Some((option, name)), _) if self.has_separator && lacks_reference(&option, &name) => {
                UsageError::MissingEquals { option, name, word }
            }
            (_, Some(option)) if word.contains("://") => UsageError::DetachedUrl { option: option.clone(), word },
            _ if word.split_once('=').is_some_and(|(name, _)| is_name(name)) => UsageError::MissingOption(word),
            _ if SUBCOMMANDS.contains(&word.as_str()) => UsageError::Subcommand(word),
            _ if self.has_separator => UsageError::StrayWord(word),
            _ => UsageError::MissingSeparator(word),
        };
        let is_stray = matches!(error, UsageError::StrayWord(_));
        let is_ours = matches!(
            error,
            UsageError::MissingEquals { .. } | UsageError::MissingOption(_) | UsageError::DetachedUrl { .. }
        );
        // Further stray words have the same hint.
        if !(is_stray && self.errors.iter().any(|error| matches!(error, UsageError::StrayWord(_)))) {
            self.errors.push(error);
        }
        is_stray || is_ours
    }
}

/// True for an option that takes NAME=REF, and an argument without REF.
fn lacks_reference(option: &str, argument: &str) -> bool {
    ["-e", "--env", "--as-file"].contains(&option) && argument.split_once('=').is_none_or(|(_, rest)| rest.is_empty())
}

fn takes_argument(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}
