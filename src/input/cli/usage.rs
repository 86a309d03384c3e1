//! clap's errors as problems, in its words but for arguments that may be a secret.

use std::ffi::OsString;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::model::problem::Problem;
use crate::model::suggest;

/// Converts clap's error. An argument that does not begin with a hyphen may be a secret, and is not quoted.
pub fn problem(mut error: clap::Error, arguments: &[OsString], mut command: Command) -> Problem {
    // The other commands are built when they are named.
    command.build();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let names = names.as_slice();
    let arg = context(&error, ContextKind::InvalidArg);
    let unknown = context(&error, ContextKind::InvalidSubcommand)
        .or_else(|| arg.clone().filter(|_| error.kind() == ErrorKind::UnknownArgument));
    let is_hidden = |text: &str| !text.starts_with('-') && !names.contains(&text);
    let hidden = unknown.as_deref().filter(|word| is_hidden(word));
    let has_value = context(&error, ContextKind::InvalidValue).is_some_and(|value| !value.is_empty());
    if has_value && arg.as_deref().is_some_and(is_hidden) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    let rendered = error.render().to_string();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (text, rest) = rendered.split_once("\n\n").unwrap_or((&rendered, ""));
    let text = match hidden {
        Some(word) => {
            let mut places = arguments.iter().enumerate().filter(|(_, argument)| *argument == word);
            let place = match (places.next(), places.next()) {
                (Some((before, _)), None) => format!("argument {}", before + 1),
                (_, _) => "an argument".to_owned(),
            };
            format!("{place} is neither an option nor an option's value (it may be a secret, so it is not shown)")
        }
        None => words(text.trim_start_matches("error: ")),
    };
    let problem = rest.lines().filter(|line| line.starts_with("Usage: ")).fold(Problem::usage(text), Problem::note);
    // clap's tip about `--` is wrong for a command line that ends in a command.
    let mut tips = rest.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    let tip = tips.find(|tip| !tip.starts_with("to pass"));
    let elsewhere = unknown.as_deref().and_then(|word| option_elsewhere(word, &command));
    let own = || unknown.as_deref().and_then(|word| remedy(word, arguments, names));
    let help = elsewhere.or(tip.map(str::to_owned)).or_else(own);
    problem.help(help.unwrap_or("--help prints all options".to_owned()))
}

/// Returns the remedy for an option that only another command has.
fn option_elsewhere(word: &str, command: &Command) -> Option<String> {
    let long = word.strip_prefix("--")?;
    let has = |command: &&Command| command.get_arguments().any(|arg| arg.get_long() == Some(long));
    let other = command.get_subcommands().find(has)?.get_name();
    Some(format!("{word} is an option of secrets-exec {other}"))
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Returns what to write in place of a word that clap does not know, which may be a command or an option of another tool.
fn remedy(word: &str, arguments: &[OsString], names: &[&str]) -> Option<String> {
    let is_launch = !arguments.first().is_some_and(|first| names.iter().any(|name| first == name));
    let has_separator = arguments.iter().any(|argument| argument == "--");
    let nearest = || suggest::nearest(word, names.iter().copied());
    let is_first = arguments.first().is_some_and(|first| first == word);
    let text = match word {
        "exec" | "launch" | "run" | "start" if is_first => {
            "leave this word out: secrets-exec --env NAME=REF -- COMMAND"
        }
        "env" | "get" | "print" | "read" if is_first => "to print values: secrets-exec export --format FORMAT",
        "lint" | "validate" | "verify" if is_first => "to resolve without a launch: secrets-exec check",
        "--dry-run" => "to resolve without a launch: secrets-exec check",
        "help" if is_first => "to print help: secrets-exec --help",
        word if names.contains(&word) => "the name of a command comes first, before all options",
        word if !is_launch || word.starts_with('-') => return None,
        _ if has_separator => "only options and their values stand before `--`; --env NAME=REF is one word",
        _ => {
            return Some(
                nearest()
                    .map_or(SEPARATOR.to_owned(), |name| format!("{SEPARATOR}; did you mean `secrets-exec {name}`?")),
            );
        }
    };
    Some(text.to_owned())
}

const SEPARATOR: &str = "a command comes after `--`: secrets-exec --env NAME=REF -- COMMAND";
