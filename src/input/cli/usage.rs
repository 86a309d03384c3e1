//! Turns clap's errors into problems.
//!
//! For rare mistakes, clap's general text is good enough. Frequent mistakes get a message with the
//! reason, and help that shows the correct form. An argument that doesn't begin with a hyphen may
//! be a secret, as in `-e PASSWORD hunter2`. So messages only show words of other tools, the names
//! of subcommands and variables, and words that read like names.

use std::error::Error;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::command::{
    SUBCOMMANDS, Subcommand, SubcommandId, find_subcommand, has_option, misread_option_problem,
};
use super::entries::is_shown_reference;
use crate::model::entry::shell_quoted;
use crate::model::environment::is_name;
use crate::model::fault::{did_you_mean, foreign_word, is_one_letter_away, nearest};
use crate::model::options::{Takes, TypedOptions, find_option};
use crate::model::problem::Problem;
use crate::model::shown::{invalid_value, shown, text_or};

/// Converts clap's error about `arguments` to a problem. `command` is clap's definition of the
/// whole command line.
pub fn problem(error: clap::Error, arguments: &[OsString], mut command: Command) -> Problem {
    // clap has built only the named subcommand, but `unknown_option` searches all subcommands.
    command.build();
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
        launch: &command,
    };

    let argument = context(&error, ContextKind::InvalidArg);
    let has_command = words.iter().any(|word| word == "--");
    // True for an argument before `--`, such as `--foo` in `get --foo -- prod/db:host`.
    let is_own = line
        .own_words()
        .any(|word| word.split('=').next() == Some(&argument));

    let value = context(&error, ContextKind::InvalidValue);
    let subcommand_word = context(&error, ContextKind::InvalidSubcommand);
    match error.kind() {
        // The argument in clap's error may be a word after `--`, which may be a secret, so the
        // message doesn't show it.
        ErrorKind::UnknownArgument if has_command && !line.accepts_command() && !is_own => {
            Problem::usage(format!("{} doesn't start a command", line.first_words()))
                .help("remove `--` and the command after it")
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => line.unknown_option(&argument),
        ErrorKind::UnknownArgument => line.stray_word(&argument),
        ErrorKind::InvalidSubcommand => line.stray_word(&subcommand_word),
        ErrorKind::MissingRequiredArgument => line.missing_argument(&argument),
        // clap reports a missing value as an empty one.
        ErrorKind::InvalidValue if value.is_empty() => line.missing_value(&argument),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            line.wrong_value(&argument, &value, error.source().map(ToString::to_string))
        }
        ErrorKind::ArgumentConflict => {
            let other = context(&error, ContextKind::PriorArg);
            Problem::usage(format!("{argument} and {other} can't be used together"))
        }
        // clap puts three dots after a flag that can be repeated, as in `--verbose...`.
        ErrorKind::TooManyValues => {
            let flag = argument.trim_end_matches('.');
            let help = "remove the value, or the whole option to turn it off";
            Problem::usage(format!("{flag} doesn't accept a value")).help(help)
        }
        // clap has one fixed text for each kind of error, so this text doesn't show an argument.
        rare => Problem::usage(rare.to_string()),
    }
}

/// The first piece of context of this kind that clap has added to an error, or an empty text if
/// clap has added none.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// The name of an argument: `--format` for `--format <FORMAT>`, and `REF` for `<REF>`.
fn argument_name(argument: &str) -> &str {
    let name = argument.split(' ').next().unwrap_or_default();
    name.trim_matches(['<', '>'])
}

/// A command line that clap could not parse, and clap's definitions of the commands.
struct Line<'a> {
    words: Vec<&'a str>,
    /// The subcommand that the first argument names. It is `None` for a launch.
    subcommand: Option<&'static Subcommand>,
    /// clap's definition of the subcommand or, for a launch, of the whole command line.
    command: &'a Command,
    /// clap's definition of the whole command line.
    launch: &'a Command,
}

impl Line<'_> {
    /// The program and, if there is one, the subcommand, as messages name them: `secrets-exec
    /// check`.
    fn first_words(&self) -> String {
        match self.subcommand {
            Some(row) => format!("secrets-exec {}", row.name),
            None => "secrets-exec".to_owned(),
        }
    }

    /// The words before `--`. The words after it belong to the command, and may be secrets.
    fn own_words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().copied().take_while(|word| *word != "--")
    }

    /// Lists the values that an argument accepts, if they are a fixed list. `name` is an option
    /// such as `--format`, or the name of a positional argument, such as `SHELL`.
    fn possible_values(&self, name: &str) -> Option<String> {
        let id = name.trim_matches('-').to_lowercase();
        let argument = self
            .command
            .get_arguments()
            .find(|argument| argument.get_id().as_str() == id)?;
        let names: Vec<String> = argument
            .get_possible_values()
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect();
        if names.is_empty() {
            return None;
        }
        Some(names.join(", "))
    }

    /// True for a launch and for `check`, which accept a command after `--`.
    fn accepts_command(&self) -> bool {
        self.subcommand
            .is_none_or(|row| row.id == SubcommandId::Check)
    }

    /// The help with the usage of the subcommand or of a launch.
    fn usage_help(&self) -> String {
        let row = self.subcommand;
        let usage = row.map_or("[OPTIONS] -- COMMAND", |row| row.usage);
        format!("use {} {usage}", self.first_words())
    }

    /// Reports that a required argument is missing, such as `--format <FORMAT>` or `<REF>`.
    fn missing_argument(&self, argument: &str) -> Problem {
        let name = argument_name(argument);
        let program = self.first_words();
        let text = match self.possible_values(name) {
            _ if !name.starts_with('-') => format!("{program} needs an argument: {name}"),
            Some(values) => format!("{name} is missing: it must be one of {values}"),
            None => format!("{name} is missing"),
        };
        Problem::usage(text).help(self.usage_help())
    }

    /// Reports that an option is missing its value. `argument` includes the name of the value, as
    /// in `--region <REGION>`.
    fn missing_value(&self, argument: &str) -> Problem {
        let name = argument_name(argument);
        let help = match (expected_value(name), self.possible_values(name)) {
            (Some(expected), _) => format!("use {expected}"),
            (None, Some(values)) => format!("use one of {values}"),
            (None, None) => format!("use {}", argument.replace(['<', '>'], "")),
        };
        Problem::usage(format!("{name} needs a value")).help(help)
    }

    /// Refuses a value that an argument doesn't accept. `expected` describes the
    /// values that the argument's parser accepts.
    fn wrong_value(&self, argument: &str, value: &str, expected: Option<String>) -> Problem {
        let name = argument_name(argument);
        // The name of a positional argument isn't shown, because SHELL would read like a variable.
        let name_in_message = if name.starts_with('-') {
            name.to_owned()
        } else {
            format!("the argument of {}", self.first_words())
        };
        let expected = expected.unwrap_or_else(|| {
            format!("one of {}", self.possible_values(name).unwrap_or_default())
        });
        Problem::usage(invalid_value(&name_in_message, value, &expected))
    }

    /// Refuses an option that the launch or subcommand doesn't have, or that clap has misread.
    fn unknown_option(&self, option: &str) -> Problem {
        // If a value was quoted together with its option, clap reports both. Only the option is
        // kept, because the value may be a password.
        let option = option.split(' ').next().unwrap_or_default();
        // clap reports `-region` as the option `-r`, so all words that begin with `-r` are checked.
        for (number, word) in (1..).zip(self.own_words()) {
            if word.starts_with(option)
                && let Some(problem) = misread_option_problem(number, word, self.command)
            {
                return problem;
            }
        }
        if option == "-" {
            let problem = Problem::usage("\"-\" has only one hyphen");
            return problem.help("write --, with two hyphens");
        }
        // As printed: secrets-exec check has no --ofline option
        let text = format!("{} has no {} option", self.first_words(), shown(option));
        Problem::usage(text).help(self.unknown_option_help(option))
    }

    /// The help for an option that the launch or subcommand doesn't have. It suggests our
    /// equivalent of another tool's option, the subcommand that has the option, or an option with a
    /// similar name, whichever applies first. Otherwise, it shows the usage.
    fn unknown_option_help(&self, option: &str) -> String {
        // The subcommand that has the option: `check` for `--offline`.
        let owner = self
            .launch
            .get_subcommands()
            .find(|subcommand| has_option(subcommand, option));

        if let Some(ours) = foreign_word("option", option)
            && self.can_use(ours)
        {
            format!("use {ours}")
        } else if let (None, Some(owner)) = (self.subcommand, owner) {
            format!("use secrets-exec {} {option}", owner.get_name())
        } else if let Some(similar) = self.similar_option(option) {
            format!("did you mean --{similar}?")
        } else if self.accepts_command() {
            let program = self.first_words();
            format!("see {program} -h. The options of the command come after `--`")
        } else {
            self.usage_help()
        }
    }

    /// False for a remedy that begins with an option that the subcommand doesn't have. The remedy
    /// for another tool's option is usually one of our options, but a subcommand has only some of
    /// them.
    fn can_use(&self, remedy: &str) -> bool {
        let first_word = remedy.split([' ', ',']).next().unwrap_or_default();
        !first_word.starts_with('-')
            || self.subcommand.is_none()
            || has_option(self.command, first_word)
    }

    /// Finds our option with a similar name: `region` for `--regoin` and `--aws-region`, or one of
    /// which one name begins with the other, such as `endpoint-url` for `--endpoint`.
    fn similar_option(&self, option: &str) -> Option<&str> {
        let name = option.trim_start_matches('-').trim_start_matches("aws-");
        let options: Vec<&str> = self
            .command
            .get_arguments()
            .filter_map(Arg::get_long)
            .collect();
        let similar = options
            .iter()
            .find(|long| **long == name || is_one_letter_away(name, long));
        // A short option, such as the `-p` of another program, begins too many names.
        let longer_or_shorter = options.iter().find(|long| {
            option.starts_with("--") && (long.starts_with(name) || name.starts_with(**long))
        });
        similar.or(longer_or_shorter).copied()
    }

    /// Refuses an argument that is neither an option nor the value of one.
    fn stray_word(&self, word: &str) -> Problem {
        use SubcommandId::{Check, Get};
        // clap reports the word as it was written, so it is always found.
        let at = self.words.iter().position(|other| *other == word);
        let number = at.map_or(0, |at| at + 1);
        if let Some(option) = word.strip_prefix(['–', '—']) {
            let name = option.split('=').next().unwrap_or_default();
            let text = format!("argument {number} begins with a long dash");
            let help = format!("write --{}, with two hyphens", text_or("OPTION", name));
            return Problem::usage(text).help(help);
        }
        if word.ends_with(".yaml") || word.ends_with(".yml") {
            let text = format!("argument {number} is a file, so it needs -f before it");
            let file = shell_quoted(text_or("FILE", word));
            return Problem::usage(text).help(format!("use -f {file}"));
        }

        // `DB_PASSWORD=prod/db:password app` needs `--env`. A word without `=` and `:` can be the
        // command.
        let may_be_entry = has_option(self.command, "--env")
            && (word.contains(['=', ':']) || !self.begins_command(number));
        if may_be_entry && let Some(help) = missing_option_help(word) {
            let text = format!("argument {number} needs an option before it");
            return Problem::usage(text).help(help);
        }
        let has_separator = self.words.contains(&"--");
        match self.subcommand.map(|row| row.id) {
            None => self.misplaced_word(word, number),
            Some(Get) => {
                let text = "secrets-exec get accepts only one argument, a reference";
                Problem::usage(text).help("get prints one value: SECRET:KEY")
            }
            Some(Check) if has_separator => unexpected_argument_problem(number).help(OWN_WORDS),
            Some(Check) => self.missing_separator_problem(number),
            Some(_) => unexpected_argument_problem(number).help(self.usage_help()),
        }
    }

    /// Refuses a word where a launch expects an option. `number` is the word's position, counted
    /// from 1.
    fn misplaced_word(&self, word: &str, number: usize) -> Problem {
        // `--env A=b check`: clap recognizes a subcommand only as the first word.
        if find_subcommand(word).is_some() {
            let text = format!("\"{word}\" must come before the options");
            return Problem::usage(text).help(format!("use secrets-exec {word} [OPTIONS]"));
        }
        if number == 1
            && let Some(ours) = foreign_word("subcommand", word)
        {
            let text = format!("there is no subcommand \"{word}\"");
            return Problem::usage(text).help(format!("use {ours}"));
        }

        // `chekc` or `help chekc`: a misspelled subcommand.
        if number <= 2
            && let Some(similar) = nearest(word, SUBCOMMANDS.iter().map(|row| row.name))
        {
            let text = format!("argument {number} isn't a subcommand");
            return Problem::usage(text).help(did_you_mean(similar));
        }
        if self.begins_command(number) {
            self.missing_separator_problem(number)
        } else {
            unexpected_argument_problem(number).help(OWN_WORDS)
        }
    }

    /// The problem for a command that has no `--` before it. `number` is the position of the
    /// command's first word, counted from 1.
    fn missing_separator_problem(&self, number: usize) -> Problem {
        let text =
            format!("`--` is missing before the command (argument {number} isn't an option)");
        let program = self.first_words();
        Problem::usage(text).help(format!("use {program} [OPTIONS] -- COMMAND"))
    }

    /// True if the word with this number is probably the first word of a launch's command. This is
    /// the case if there is no `--`, or if this word and the next one begin with a letter or digit.
    /// In the second case, the `--` probably belongs to the command, as in `npm run start -- --port
    /// 80`.
    fn begins_command(&self, number: usize) -> bool {
        let are_plain = self
            .words
            .iter()
            .skip(number.saturating_sub(1))
            .take(2)
            .map(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric()))
            .eq([true, true]);
        self.subcommand.is_none() && (!self.words.contains(&"--") || are_plain)
    }
}

const OWN_WORDS: &str = "put only options and their values before `--`. If a shell has expanded a pattern, put the pattern in quotes";

/// Describes what an option accepts, such as `a duration with a unit`. Each option's parser has
/// this text as its error, so the parser is given an empty text, which no option accepts.
fn expected_value(option: &str) -> Option<&'static str> {
    let row = find_option(option.trim_start_matches('-'))?;
    if let Takes::Nothing | Takes::Level = row.takes {
        return None;
    }
    let parse = row.set;
    parse(&mut TypedOptions::default(), "".as_ref()).err()
}

/// Says what to write instead of a REF or NAME=REF without an option before it.
fn missing_option_help(word: &str) -> Option<String> {
    let (name, reference) = word
        .split_once('=')
        .filter(|(name, _)| is_name(name))
        .unwrap_or(("NAME", word));
    if !is_shown_reference(reference) {
        return None;
    }
    // A path of parameters, such as `ssm:/prod/`, stands for several values, so it needs
    // `--env-from`.
    Some(if reference.ends_with(['/', '*']) {
        format!("write --env-from {reference}")
    } else {
        format!("write --env {name}={reference}")
    })
}

/// The problem for an argument that may be a secret, so the message shows only its number.
fn unexpected_argument_problem(number: usize) -> Problem {
    let text = format!("unexpected argument {number} (not shown, because it may be a secret)");
    Problem::usage(text)
}
