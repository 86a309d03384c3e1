//! clap's errors as problems: with clap's message where it is good enough, and without arguments that may be a secret.

use std::error::Error;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, ValueEnum};

use super::arguments::ExportFormat;
use super::entries::one_word;
use crate::model::env_name::is_name;
use crate::model::problem::Problem;
use crate::model::quoting::invalid_value;
use crate::model::suggest::nearest;

/// Converts clap's error. An argument that does not begin with a hyphen may be a secret, and is not quoted.
pub fn problem(mut error: clap::Error, arguments: &[OsString], mut command: Command) -> Problem {
    // The subcommands are built when they are named.
    command.build();
    let words: Vec<String> = arguments
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = Line {
        words: words.iter().map(String::as_str).collect(),
        subcommand: words
            .first()
            .and_then(|first| command.find_subcommand(first)),
        launch: &command,
    };
    let argument = context(&error, ContextKind::InvalidArg);
    let unknown = match error.kind() {
        ErrorKind::UnknownArgument => argument.clone(),
        _ => context(&error, ContextKind::InvalidSubcommand),
    };
    if let Some(word) = unknown {
        return match word.starts_with('-') {
            true => line.unknown_option(&word, context(&error, ContextKind::SuggestedArg)),
            false => line.stray_word(&word),
        };
    }
    if let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg)
        && let Some(name) = missing.first().and_then(|name| name.split(' ').next())
    {
        let text = match name.starts_with('-') {
            true => format!("{name} is missing"),
            false => format!("{} needs an argument", line.name()),
        };
        return Problem::usage(text).help(missing_argument(name));
    }

    let argument = argument.unwrap_or_default();
    let value = context(&error, ContextKind::InvalidValue).unwrap_or_default();
    if let (Some(expected), Some((option, _))) = (error.source(), argument.split_once(' ')) {
        return Problem::usage(invalid_value(option, &value, &expected.to_string()));
    }
    if !argument.starts_with('-') && !value.is_empty() {
        let hidden = ContextValue::String("…".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    let rendered = error.render().to_string();
    let (text, rest) = rendered.split_once("\n\n").unwrap_or((&rendered, ""));
    let text = text.trim_start_matches("error: ");
    let tip = rest
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: "));
    Problem::usage(Vec::from_iter(text.split_whitespace()).join(" "))
        .help(line.general_help())
        .replace_help(tip)
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let Some(ContextValue::String(text)) = error.get(kind) else {
        return None;
    };
    Some(text.clone())
}

/// The arguments, with clap's commands.
struct Line<'a> {
    words: Vec<&'a str>,
    /// The subcommand that the first argument names; `None` for a launch.
    subcommand: Option<&'a Command>,
    launch: &'a Command,
}

impl Line<'_> {
    /// The beginning of the line: `secrets-exec check`.
    fn name(&self) -> String {
        match self.subcommand {
            Some(subcommand) => format!("secrets-exec {}", subcommand.get_name()),
            None => "secrets-exec".to_owned(),
        }
    }

    fn general_help(&self) -> String {
        format!("{} --help explains all options", self.name())
    }

    /// Returns the problem of an option that clap does not know. `similar` is the one that clap suggests.
    fn unknown_option(&self, word: &str, similar: Option<String>) -> Problem {
        let command = self.subcommand.unwrap_or(self.launch);
        let (option, rest) = word.split_once(' ').unwrap_or((word, ""));
        if has_option(command, option) {
            let beginning = format!("{word}=");
            let is_entry = self.words.iter().any(|word| word.starts_with(&beginning));
            return match is_name(rest) && is_entry {
                true => one_word(option, &format!("{rest}=…")),
                false => one_word(option, "…"),
            };
        }
        let mut subcommands = self.launch.get_subcommands();
        if self.subcommand.is_none()
            && let Some(owner) = subcommands.find(|command| has_option(command, option))
        {
            let owner = owner.get_name();
            let text = format!("{option} is only an option of secrets-exec {owner}");
            return Problem::usage(text).help(format!("write secrets-exec {owner} {option}"));
        }

        let text = format!("{} has no option {option}", self.name());
        let options = command.get_arguments().filter_map(Arg::get_long);
        let nearest = nearest(option.trim_start_matches('-'), options);
        let similar = similar.or_else(|| Some(format!("--{}", nearest?)));
        Problem::usage(text)
            .help(self.general_help())
            .replace_help(similar.map(|similar| format!("did you mean {similar}?")))
            .replace_help(other_tool(option))
    }

    /// Returns the problem of an argument that is neither an option nor the value of one.
    fn stray_word(&self, word: &str) -> Problem {
        let place = self.place(word);
        let text = format!("unexpected {place} (not shown, because it may be a secret)");
        let hidden = Problem::usage(text);
        let separator = self.words.iter().position(|word| *word == "--");
        let is_behind_separator = separator.is_some_and(|at| self.words[at..].contains(&word));
        let name = self.name();
        match self.subcommand.map(Command::get_name) {
            None => self.before_command(word, separator.map(|_| hidden)),
            Some(_) if is_behind_separator => {
                Problem::usage(format!("{name} doesn't start a command"))
                    .help("remove `--` and everything after it")
            }
            Some(_) if word.ends_with(".yaml") || word.ends_with(".yml") => hidden.help(format!(
                "write -f before the name of a declaration, as in {name} -f secrets-exec.yaml"
            )),
            Some("check" | "export" | "policy") => hidden.help(format!(
                "name a secret with --env, as in {name} --env DB_PASSWORD=prod/db:password"
            )),
            Some(_) => hidden.help(self.general_help()),
        }
    }

    /// Returns the problem of an argument that stands where a launch expects an option. `hidden` is the problem if there is a `--`.
    fn before_command(&self, word: &str, hidden: Option<Problem>) -> Problem {
        let mut subcommands = self.launch.get_subcommands().map(Command::get_name);
        if subcommands.any(|name| name == word) {
            let option = self.words[0].split('=').next().unwrap_or_default();
            let text = format!("\"{word}\" must come before the options");
            return Problem::usage(text).help(format!("write secrets-exec {word} {option} …"));
        }
        let is_first = self.words[0] == word;
        if let (true, Some(remedy)) = (is_first, tried_subcommand(word)) {
            let text = format!("there is no subcommand \"{word}\"");
            return Problem::usage(text).help(remedy);
        }
        let place = self.place(word);
        let subcommands = self.launch.get_subcommands().map(Command::get_name);
        if (is_first || self.words[0] == "help")
            && let Some(name) = nearest(word, subcommands)
        {
            return Problem::usage(format!("{place} is not a subcommand"))
                .help(format!("did you mean \"secrets-exec {name}\"?"));
        }
        for words in self.words.windows(3) {
            if let [option @ ("-e" | "--env" | "--as-file"), name, other] = words
                && *other == word
                && is_name(name)
            {
                let text = format!("{option} {name} has no \"=\" and no secret");
                let help = format!("join the two words, as in {option} {name}=prod/db:password");
                return Problem::usage(text).help(help);
            }
        }
        if self.words.windows(2).any(|pair| pair == ["--agent", word]) {
            return Problem::usage("--agent and its URL must be one word")
                .help("write \"=\" between them, as in --agent=http://127.0.0.1:2773");
        }
        match hidden {
            Some(hidden) => hidden.help("only options and their values may come before `--`"),
            None => Problem::usage(format!(
                "`--` is missing before the command ({place} is not an option)"
            ))
            .help("write secrets-exec [OPTIONS] -- COMMAND"),
        }
    }

    /// Returns the number of a word among the arguments, unless it is there twice.
    fn place(&self, word: &str) -> String {
        let mut numbers = (1..)
            .zip(&self.words)
            .filter(|(_, other)| **other == word)
            .map(|(number, _)| number);
        match (numbers.next(), numbers.next()) {
            (Some(number), None) => format!("argument {number}"),
            (_, _) => "an argument".to_owned(),
        }
    }
}

/// True if a command has this option, in its long form.
fn has_option(command: &Command, option: &str) -> bool {
    let long = option.strip_prefix("--");
    long.is_some() && command.get_arguments().any(|arg| arg.get_long() == long)
}

/// Returns the remedy for a required argument that is missing.
fn missing_argument(argument: &str) -> String {
    let help = match argument {
        "<REF>" => "name a secret, as in secrets-exec get prod/db:password",
        "<FILE>" => "name a .env file, as in secrets-exec migrate .env --secret prod/app",
        "<SHELL>" => "name a shell: bash, zsh or fish",
        "<DIR>" => "name a directory, as in secrets-exec install /shared",
        "--secret" => "name the secret that replaces the .env file, as in --secret prod/app",
        "--format" => {
            let formats = ExportFormat::value_variants().iter();
            let values = formats.filter_map(ExportFormat::to_possible_value);
            let names = Vec::from_iter(values.map(|value| value.get_name().to_owned()));
            return format!("add --format with one of {}", names.join(", "));
        }
        _ => "the subcommand's --help explains all its arguments",
    };
    help.to_owned()
}

/// Returns what secrets-exec has instead of an option of another tool.
fn other_tool(option: &str) -> Option<&'static str> {
    Some(match option {
        "--watch" | "--poll" => {
            "to restart the command when a secret changes, write --on-rotation restart"
        }
        "--interval" => {
            "to set how often --on-rotation reads the secrets again, write --poll-interval"
        }
        "--config" => "to read a declaration, write -f",
        "--env-file" => {
            "to turn a .env file into a secret and a declaration, run secrets-exec migrate"
        }
        "--strict" => "remove it: a missing value is always an error",
        "--pristine" => "to pass on only PATH, HOME and a few others, write --clean-env",
        "--debug" => "to see the requests, attempts and times, write -vv",
        "--secret-id" | "--query" => {
            "write the secret and its key as in --env DB_PASSWORD=prod/db:password"
        }
        "--dry-run" => "to read all values without starting the command, run secrets-exec check",
        _ => return None,
    })
}

/// Returns the remedy for a word that people try as a subcommand, and which a message may show.
fn tried_subcommand(word: &str) -> Option<&'static str> {
    Some(match word {
        "exec" | "inject" | "launch" | "run" | "start" => {
            "leave it out: secrets-exec [OPTIONS] -- COMMAND"
        }
        "fetch" | "print" | "read" | "show" => {
            "to print one value, run secrets-exec get prod/db:password"
        }
        "diff" | "info" | "list" | "ls" | "status" => {
            "to list what a launch reads, run secrets-exec check"
        }
        "env" => "to print the variables, run secrets-exec export",
        "edit" | "set" => {
            "change a secret with aws secretsmanager put-secret-value: secrets-exec only reads"
        }
        "login" => "log in with the AWS CLI, as in aws sso login",
        _ => return None,
    })
}
