//! Turns clap's errors into problems.
//!
//! clap's own text is never printed, because it would repeat values. An argument that doesn't begin
//! with a hyphen may be a secret, as in `-e PASSWORD hunter2`. So our messages show only the names
//! of options, and words from other tools that we recognize.

use std::error::Error;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use super::command::{SUBCOMMANDS, Subcommand, SubcommandId, find_subcommand};
use crate::model::fault::{foreign_word, is_one_letter_away, wrong_value};
use crate::model::message::Problem;
use crate::model::shown::shown;

/// Turns clap's error about `arguments` into a problem. `command` defines the whole command line.
pub fn problem(error: clap::Error, arguments: &[OsString], command: Command) -> Problem {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let subcommand = words.first().and_then(|first| find_subcommand(first));
    let clap_subcommand = subcommand.and_then(|row| command.find_subcommand(row.name));
    let line = Line {
        words: words.iter().map(AsRef::as_ref).collect(),
        subcommand,
        command: clap_subcommand.unwrap_or(&command),
    };
    let program = line.first_words();

    // Take only the name from the argument. clap writes `--format <FORMAT>` for an option, `<REF>`
    // for an argument, and `--verbose...` for a flag that can be repeated.
    let argument = context(&error, ContextKind::InvalidArg);
    let name = argument.split([' ', '=', ',']).next().unwrap_or_default();
    let name = name.trim_matches(['<', '>']).trim_end_matches('.');
    let value = context(&error, ContextKind::InvalidValue);
    let valid = context(&error, ContextKind::ValidValue);
    match error.kind() {
        ErrorKind::UnknownArgument
            if name.starts_with('-')
                && (line.accepts_command() || !line.is_after_separator(&argument)) =>
        {
            line.unknown_option(name)
        }
        ErrorKind::UnknownArgument => line.stray_word(&argument),
        ErrorKind::InvalidSubcommand => {
            line.stray_word(&context(&error, ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => {
            Problem::usage(format!("{program} needs {name}")).help(line.usage_help())
        }
        // clap reports a missing value as an empty one.
        ErrorKind::InvalidValue if value.is_empty() => {
            let help = if valid.is_empty() {
                format!("use {}", argument.replace(['<', '>'], ""))
            } else {
                format!("use one of {valid}")
            };
            Problem::usage(format!("{name} needs a value")).help(help)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            // The name of a positional argument, such as SHELL, would look like a variable, so it
            // isn't shown.
            let subject = if name.starts_with('-') {
                name.to_owned()
            } else {
                format!("the argument of {program}")
            };
            let expected = error
                .source()
                .map_or(format!("one of {valid}"), ToString::to_string);
            let fault = wrong_value(&value, &expected).about(&subject);
            Problem::usage(fault)
        }
        ErrorKind::ArgumentConflict => {
            let other = context(&error, ContextKind::PriorArg);
            Problem::usage(format!("{argument} and {other} can't be used together"))
        }
        ErrorKind::TooManyValues => {
            let help = "remove the value, or the whole option to turn it off";
            Problem::usage(format!("{name} doesn't accept a value")).help(help)
        }
        // The text is fixed for each kind of error, so it can't contain an argument.
        rare => Problem::usage(rare.to_string()),
    }
}

/// A detail of clap's error, or an empty text if the error doesn't have it.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

/// A command line that clap could not parse.
struct Line<'a> {
    words: Vec<&'a str>,
    /// `None` for a launch.
    subcommand: Option<&'static Subcommand>,
    /// Defines the subcommand or, for a launch, the whole command line.
    command: &'a Command,
}

impl Line<'_> {
    /// The program and the subcommand, such as `secrets-exec check`. For a launch, only the
    /// program.
    fn first_words(&self) -> String {
        match self.subcommand {
            Some(row) => format!("secrets-exec {}", row.name),
            None => "secrets-exec".to_owned(),
        }
    }

    /// True for a word after `--`, which belongs to the command and may be a secret.
    fn is_after_separator(&self, word: &str) -> bool {
        self.words
            .iter()
            .skip_while(|other| **other != "--")
            .any(|other| *other == word)
    }

    /// True for a launch and for `check`.
    fn accepts_command(&self) -> bool {
        self.subcommand
            .is_none_or(|row| row.id == SubcommandId::Check)
    }

    /// True for a launch, and for a subcommand with options such as `--env NAME=REF`.
    fn accepts_entries(&self) -> bool {
        self.command
            .get_arguments()
            .any(|arg| arg.get_id() == "env")
    }

    /// For example, `use secrets-exec get SECRET:KEY`.
    fn usage_help(&self) -> String {
        let row = self.subcommand;
        let usage = row.map_or("[--env NAME=REF | -f FILE] -- COMMAND", |row| row.usage);
        format!("use {} {usage}", self.first_words())
    }

    /// Finds the option that a word begins with: `--env` for `--env=A=prod/db:a` and for
    /// `-eA=prod/db:a`.
    fn option(&self, word: &str) -> Option<&Arg> {
        let name = word.split('=').next()?;
        self.command.get_arguments().find(|arg| {
            arg.get_long()
                .is_some_and(|long| name == format!("--{long}"))
                || (arg.get_short()).is_some_and(|short| name.starts_with(&format!("-{short}")))
        })
    }

    fn unknown_option(&self, option: &str) -> Problem {
        let program = self.first_words();
        let similar = self
            .command
            .get_arguments()
            .filter_map(Arg::get_long)
            .find(|long| is_one_letter_away(&format!("--{long}"), option));
        // For another tool's option, suggest our equivalent. If this is an option, usually only a
        // launch and subcommands with entries have it.
        let ours = foreign_word("option", option)
            .filter(|ours| self.accepts_entries() || !ours.starts_with('-'));
        let help = if let Some(ours) = ours {
            format!("use {ours}")
        } else if let Some(similar) = similar {
            format!("did you mean --{similar}?")
        } else if self.accepts_command() {
            format!("see {program} -h. The options of the command come after `--`")
        } else {
            self.usage_help()
        };
        // As printed: secrets-exec check has no --ofline option
        Problem::usage(format!("{program} has no {} option", shown(option))).help(help)
    }

    /// The error for an argument that is neither an option nor an option's value. The argument may
    /// be a secret, so it is shown only if it is another tool's subcommand.
    fn stray_word(&self, word: &str) -> Problem {
        // clap reports the whole word, so it can be found in the command line.
        let position = self.words.iter().position(|other| *other == word);
        let at = position.unwrap_or_default();
        let mut place = format!("argument {}", at + 1);
        let option_before = self.words[..at].iter().rfind(|word| word.starts_with('-'));
        let option = option_before.and_then(|word| self.option(word));
        // As printed: argument 3, after --env NAME=REF, isn't an option
        if let Some(option) = option {
            place += &format!(", after {},", option_usage(option));
        }

        // The subcommand may be the second word, as in `help chekc`.
        if self.subcommand.is_none()
            && at < 2
            && let Some(ours) = foreign_word("subcommand", word)
        {
            let text = format!("there is no subcommand \"{word}\"");
            return Problem::usage(text).help(format!("use {ours}"));
        }
        // `git`, `gem` and `main` are more likely programs than misspellings of `get` and `man`, so
        // a short name must match exactly.
        let meant = SUBCOMMANDS.iter().find(|row| {
            row.name == word || row.name.len() >= 5 && is_one_letter_away(row.name, word)
        });
        if self.subcommand.is_none()
            && let Some(row) = meant
        {
            let help = format!(
                "a subcommand comes first: secrets-exec {} {}",
                row.name, row.usage
            );
            return Problem::usage(format!("{place} isn't an option")).help(help);
        }
        let text = format!("{place} isn't an option");
        if self.subcommand.is_none() && !self.words.contains(&"--") {
            return Problem::usage(format!("`--` is missing before the command ({text})"))
                .help("put the command after `--`");
        }
        // The word may be meant as the value of the option before it or, for a subcommand, as an
        // argument of its own, such as FILE.
        let help = match option {
            Some(option) if self.accepts_entries() => value_help(option),
            _ => self.usage_help(),
        };
        Problem::usage(text).help(help)
    }
}

/// The option and its value as in `--help`: `--env NAME=REF`.
fn option_usage(option: &Arg) -> String {
    option.to_string().replace(['<', '>', '.'], "")
}

/// The help for a stray word after `option` and its value.
fn value_help(option: &Arg) -> String {
    let usage = option_usage(option);
    let one_word = format!("a value is one word without blanks: {usage}");
    match option.get_action() {
        ArgAction::Set => one_word,
        ArgAction::Append => one_word + ". For another value, write the option again",
        _ => format!("{usage} takes no value"),
    }
}
