//! Finds every argument that a command line does not have. clap reports only the first.

use std::ffi::OsString;

use clap::{Arg, Command};

use super::documents::Shell;
use super::stray::StrayWord;
use super::subcommand::{Subcommand, whole_command};
use super::usage::UsageError;
use crate::model::suggest;

/// Returns an error for each unknown option, and for the words that belong to no option. `command` is that of `line`, `None` for
/// a launch.
pub fn unknown_arguments(command: &Command, line: Option<Subcommand>, arguments: &[OsString]) -> Vec<UsageError> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let separator = words.iter().position(|word| word == "--");
    let own = &words[..separator.unwrap_or(words.len())];
    let mut scan =
        Scan { command, line, arguments, has_separator: separator.is_some(), errors: Vec::new(), entry: None };
    let mut rest = own.iter().enumerate().peekable();
    // The shell is no option.
    let mut expected_words = usize::from(line == Some(Subcommand::Completions));
    while let Some((position, word)) = rest.next() {
        let takes_next = match word.strip_prefix("--") {
            Some(long) => scan.long(long),
            None if word.len() > 1 && word.starts_with('-') => scan.short(word),
            None if expected_words > 0 => {
                expected_words -= 1;
                None
            }
            None if scan.word(word, position, own) => None,
            None => break,
        };
        let argument = takes_next.and_then(|option| Some((option, rest.next_if(|(_, word)| !word.starts_with('-'))?)));
        scan.entry = argument.map(|(option, (_, text))| (option, text.clone()));
    }
    if let (Some(subcommand), Some(separator)) = (line, separator)
        && !subcommand.takes_program()
        && let Some(program) = words.get(separator + 1)
    {
        scan.errors.push(UsageError::NoProgram { subcommand, program: program.clone() });
    }
    scan.errors
}

struct Scan<'c> {
    command: &'c Command,
    line: Option<Subcommand>,
    arguments: &'c [OsString],
    has_separator: bool,
    errors: Vec<UsageError>,
    /// The option right before, and its argument.
    entry: Option<(String, String)>,
}

impl Scan<'_> {
    /// Reads an option without its hyphens, and returns it if the next word is its argument.
    fn long(&mut self, text: &str) -> Option<String> {
        let (name, has_value) = text.split_once('=').map_or((text, false), |(name, _)| (name, true));
        let find = |name: &str| self.command.get_arguments().find(|arg| arg.get_long() == Some(name));
        let option = format!("--{name}");
        if let Some(arg) = find(name) {
            return (takes_argument(arg) && !has_value).then_some(option);
        }
        if let Some(takes_next) = self.of_others(&option, |arg| arg.get_long() == Some(name)) {
            return (takes_next && !has_value).then_some(option);
        }
        if self.line == Some(Subcommand::Completions) && Shell::ALL.iter().any(|shell| shell.name() == name) {
            self.errors.push(UsageError::UnknownOption { option, nearest: Some(name.to_owned()) });
            return None;
        }
        let nearest = suggest::nearest(name, self.command.get_arguments().filter_map(Arg::get_long));
        // An unknown option most likely takes what the similar one takes.
        let takes_next = nearest.map_or(self.has_separator, |nearest| find(nearest).is_some_and(takes_argument));
        let nearest = nearest.map(|nearest| format!("--{nearest}"));
        self.errors.push(UsageError::UnknownOption { option: option.clone(), nearest });
        (takes_next && !has_value).then_some(option)
    }

    /// Reads one or more options of one letter, and returns the last one if the next word is its argument.
    fn short(&mut self, word: &str) -> Option<String> {
        let mut letters = word[1..].chars();
        let mut before = None;
        while let Some(letter) = letters.next() {
            let option = format!("-{letter}");
            match (self.command.get_arguments().find(|arg| arg.get_short() == Some(letter)), before) {
                (Some(arg), _) if takes_argument(arg) => return letters.as_str().is_empty().then_some(option),
                (Some(_), _) => before = Some(option),
                (None, Some(option)) if letter == '=' => {
                    self.errors.push(UsageError::UnexpectedValue(option));
                    return None;
                }
                (None, _) => {
                    let takes_next = self.of_others(&option, |arg| arg.get_short() == Some(letter));
                    if takes_next.is_none() {
                        self.errors.push(UsageError::UnknownOption { option: option.clone(), nearest: None });
                    }
                    return takes_next.filter(|takes_next| *takes_next && letters.as_str().is_empty()).map(|_| option);
                }
            }
        }
        None
    }

    /// Reports an option that only other command lines have, and returns true if it takes an argument; `None` if none has it.
    fn of_others(&mut self, option: &str, is_meant: impl Fn(&Arg) -> bool) -> Option<bool> {
        let whole = whole_command();
        let find = |command: &Command| command.get_arguments().find(|arg| is_meant(arg)).map(takes_argument);
        let mut owners = Vec::new();
        let mut takes_next = None;
        let launch = std::iter::once((None, Some(&whole)));
        let others = Subcommand::ALL.into_iter().map(|other| (Some(other), whole.find_subcommand(other.name())));
        for (owner, command) in launch.chain(others) {
            if let Some(takes) = command.and_then(find) {
                owners.push(owner);
                takes_next = Some(takes);
            }
        }
        if takes_next.is_some() {
            self.errors.push(UsageError::OptionOfOthers { option: option.to_owned(), owners, line: self.line });
        }
        takes_next
    }

    /// Reads a word that is no option. Returns false if the words after it are most likely those of a command.
    fn word(&mut self, word: &str, position: usize, own: &[String]) -> bool {
        let (line, has_separator) = (self.line, self.has_separator);
        let is_entry = |option: &str| ["-e", "--env", "--as-file"].contains(&option);
        if let Some((option, name)) = self.entry.take()
            && is_entry(&option)
            && !name.contains('=')
            && (has_separator || line.is_some())
        {
            self.errors.push(UsageError::MissingEquals { option, name, word: word.to_owned() });
            return true;
        }
        let next = own.get(position + 1).map(String::as_str);
        let error = StrayWord { word, next, position, arguments: self.arguments, has_separator, line }.error();
        // With the name of the command in front, its options are known.
        if let Some(subcommand) = error.command_first() {
            let is_settled = |error: &UsageError| match error {
                UsageError::OptionOfOthers { owners, .. } => owners.contains(&Some(subcommand)),
                _ => false,
            };
            self.errors.retain(|error| !is_settled(error));
        }
        let continues = error.is_before_separator();
        self.errors.push(error);
        continues
    }
}

fn takes_argument(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}
