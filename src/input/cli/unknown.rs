//! Finds every argument that a command line does not have. clap reports only the first.

use std::ffi::OsString;

use clap::{Arg, Command};

use super::documents::Shell;
use super::stray::StrayWord;
use super::subcommand::{Subcommand, whole_command};
use super::usage::UsageError;
use crate::model::env_name::is_name;
use crate::model::options::ExportFormat;
use crate::model::suggest;

/// Returns an error for each unknown option, and for the words that belong to no option. `command` is that of `line`, `None` for
/// a launch.
pub fn unknown_arguments(command: &Command, line: Option<Subcommand>, arguments: &[OsString]) -> Vec<UsageError> {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let separator = words.iter().position(|word| word == "--");
    let own = &words[..separator.unwrap_or(words.len())];
    let has_separator = separator.is_some();
    let mut scan = Scan { command, line, arguments, has_separator, errors: Vec::new(), entry: None, without_url: None };
    let mut rest = own.iter().enumerate().peekable();
    // The argument FILE, DIR or SHELL.
    let mut expected_words = usize::from(line.is_some_and(Subcommand::takes_word));
    while let Some((position, word)) = rest.next() {
        let takes_next = match word.strip_prefix("--") {
            Some(long) => scan.long(long),
            None if word.starts_with(DASHES) && !word.trim_start_matches(DASHES).is_empty() => scan.short(word),
            None if expected_words > 0 => {
                expected_words -= 1;
                None
            }
            None if scan.word(word, position, own) => {
                // The `=` of `NAME = REF`, whose reference is the next word.
                rest.next_if(|(_, next)| word == "=" && !next.starts_with('-'));
                None
            }
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

/// The hyphen, and the dashes that word processors make of two.
const DASHES: [char; 3] = ['-', '–', '—'];

struct Scan<'c> {
    command: &'c Command,
    line: Option<Subcommand>,
    arguments: &'c [OsString],
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
        let option = format!("--{name}");
        if let Some(arg) = find(name) {
            if arg.is_require_equals_set() {
                self.without_url = (!has_value).then_some(option);
                return None;
            }
            return (takes_argument(arg) && !has_value).then_some(option);
        }
        if let Some(meant) = self.value_as_option(name) {
            self.errors.push(UsageError::UnknownOption { option: option.clone(), nearest: Some(meant) });
            return (name == "shell" && !has_value).then_some(option);
        }
        // In a launch, `--secret` is meant to read one.
        let is_of_others = self.line.is_some() || name != "secret";
        if is_of_others && let Some(takes_next) = self.of_others(&option, |arg| arg.get_long() == Some(name)) {
            return (takes_next && !has_value).then_some(option);
        }
        let nearest = suggest::nearest(name, self.command.get_arguments().filter_map(Arg::get_long));
        // The command is after the separator, or else an unknown option most likely takes what the similar one takes.
        let takes_next = self.has_separator || nearest.and_then(find).is_some_and(takes_argument);
        let nearest = nearest.map(|nearest| format!("--{nearest}"));
        self.errors.push(UsageError::UnknownOption { option: option.clone(), nearest });
        (takes_next && !has_value).then_some(option)
    }

    /// Returns what is meant by a format or a shell that is written like an option, or by `--shell`.
    fn value_as_option(&self, name: &str) -> Option<String> {
        let is_shell = |text: &str| Shell::ALL.iter().any(|shell| shell.name() == text);
        match self.line? {
            Subcommand::Completions if is_shell(name) => Some(name.to_owned()),
            Subcommand::Completions if name == "shell" => {
                let words = self.arguments.iter().filter_map(|word| word.to_str());
                let mut values = words.map(|word| word.strip_prefix("--shell=").unwrap_or(word));
                let shell = values.find(|word| is_shell(word)).unwrap_or("SHELL");
                Some(format!("secrets-exec completions {shell}"))
            }
            Subcommand::Export => {
                let format = ExportFormat::ALL.into_iter().find(|format| format.name() == name)?;
                Some(format!("--format {}", format.name()))
            }
            Subcommand::Check
            | Subcommand::Policy
            | Subcommand::Migrate
            | Subcommand::Install
            | Subcommand::Credential
            | Subcommand::Completions
            | Subcommand::Man => None,
        }
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
                    let takes_next = takes_next.unwrap_or(self.has_separator);
                    return (takes_next && letters.as_str().is_empty()).then_some(option);
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
        if let Some((option, name)) = self.entry.take()
            && lacks_reference(&option, &name)
            && (has_separator || line.is_some())
        {
            self.errors.push(UsageError::MissingEquals { option, name, word: word.to_owned() });
            return true;
        }
        if let Some(option) = self.without_url.clone()
            && word.contains("://")
        {
            self.errors.push(UsageError::DetachedUrl { option, word: word.to_owned() });
            return true;
        }
        if word.split_once('=').is_some_and(|(name, _)| is_name(name)) {
            self.errors.push(UsageError::MissingOption(word.to_owned()));
            return true;
        }
        let next = own.get(position + 1).map(String::as_str);
        let error = StrayWord { word, next, position, arguments: self.arguments, has_separator, line }.error();
        // With the name of the command in front, its options are known.
        if let Some(subcommand) = error.command_first() {
            let is_settled = |error: &UsageError| matches!(error, UsageError::OptionOfOthers { owners, .. } if owners.contains(&Some(subcommand)));
            self.errors.retain(|error| !is_settled(error));
        }
        let continues = error.is_before_separator();
        // Further stray words have the same hint.
        if !(error.has_general_hint() && self.errors.iter().any(UsageError::has_general_hint)) {
            self.errors.push(error);
        }
        continues
    }
}

/// True for an option that takes NAME=REF, and an argument without REF.
fn lacks_reference(option: &str, argument: &str) -> bool {
    ["-e", "--env", "--as-file"].contains(&option) && argument.split_once('=').is_none_or(|(_, rest)| rest.is_empty())
}

fn takes_argument(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}
