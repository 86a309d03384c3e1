//! clap's errors as problems, in its words but for arguments that may be a secret.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::model::problem::Problem;
use crate::model::suggest;

/// Converts clap's error. An argument that does not begin with a hyphen may be a secret, and is not quoted.
pub fn problem(mut error: clap::Error, arguments: &[OsString], mut command: Command) -> Problem {
    // The other commands are built when they are named.
    command.build();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let may_be_secret = |word: &str| {
        !word.starts_with('-') && !names.contains(&word) && !TRIED_COMMANDS.contains(&word)
    };
    let argument = context(&error, ContextKind::InvalidArg);
    let unknown = match error.kind() {
        ErrorKind::UnknownArgument => argument.clone(),
        _ => context(&error, ContextKind::InvalidSubcommand),
    };
    let has_value =
        context(&error, ContextKind::InvalidValue).is_some_and(|value| !value.is_empty());
    if has_value && argument.as_deref().is_some_and(may_be_secret) {
        error.insert(
            ContextKind::InvalidValue,
            ContextValue::String("…".to_owned()),
        );
    }
    let rendered = error.render().to_string();
    let (text, rest) = rendered.split_once("\n\n").unwrap_or((&rendered, ""));
    let text = match unknown.as_deref().filter(|word| may_be_secret(word)) {
        Some(word) => {
            let place = place(word, arguments);
            format!(
                "{place} is neither an option nor an option's value (it may be a secret, so it is not shown)"
            )
        }
        None => text
            .trim_start_matches("error: ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    };
    let mut problem = Problem::usage(text);
    let mut help = None;
    for line in rest.lines().map(str::trim) {
        if line.starts_with("Usage: ") {
            problem = problem.note(line);
        }
        // clap's tip about `--` is wrong for a command line that ends in a command.
        if let Some(tip) = line
            .strip_prefix("tip: ")
            .filter(|tip| !tip.starts_with("to pass"))
        {
            help.get_or_insert(tip.to_owned());
        }
    }
    if let Some(word) = unknown {
        help = option_elsewhere(&word, &command)
            .or(help)
            .or_else(|| remedy(&word, arguments, &names, &command));
    }
    problem.help(help.unwrap_or("--help prints all options".to_owned()))
}

/// Returns the number of a word among the arguments, unless it is there twice.
fn place(word: &str, arguments: &[OsString]) -> String {
    let mut numbers = (1..)
        .zip(arguments)
        .filter(|(_, argument)| *argument == word)
        .map(|(number, _)| number);
    match (numbers.next(), numbers.next()) {
        (Some(number), None) => format!("argument {number}"),
        (_, _) => "an argument".to_owned(),
    }
}

/// Returns the remedy for an option that only another tool, a launch or another command has.
fn option_elsewhere(word: &str, command: &Command) -> Option<String> {
    if let Some((_, remedy)) = OTHER_TOOLS.iter().find(|(option, _)| *option == word) {
        return Some((*remedy).to_owned());
    }
    let long = word.strip_prefix("--")?;
    let has_option = |command: &Command| {
        command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(long))
    };
    if has_option(command) {
        return Some(format!(
            "{word} is an option of a launch, not of this command"
        ));
    }
    let other = command
        .get_subcommands()
        .find(|command| has_option(command))?;
    Some(format!(
        "{word} is an option of secrets-exec {}",
        other.get_name()
    ))
}

/// Options of other tools, and what stands in their place.
const OTHER_TOOLS: [(&str, &str); 11] = [
    (
        "--watch",
        "to start the command again on a change: --on-rotation restart",
    ),
    (
        "--poll",
        "to poll for changes: --on-rotation restart, at intervals of --poll-interval",
    ),
    (
        "--interval",
        "for the time between two polls of --on-rotation: --poll-interval DURATION",
    ),
    ("--config", "to read a declaration: -f FILE"),
    (
        "--env-file",
        "to make a declaration of a .env file: secrets-exec migrate FILE --secret ID",
    ),
    (
        "--strict",
        "leave it out: a missing value is always an error",
    ),
    (
        "--pristine",
        "to pass on only PATH, HOME and the like: --clean-env",
    ),
    ("--debug", "to see requests, attempts and times: -vv"),
    (
        "--secret-id",
        "leave it out: a reference names the secret, and a key after a colon, as in prod/db:password",
    ),
    ("--query", "a key follows a colon, as in prod/db:password"),
    (
        "--dry-run",
        "to resolve without a launch: secrets-exec check",
    ),
];

/// Words that people try as commands, and which a message may show.
const TRIED_COMMANDS: [&str; 20] = [
    "daemon", "diff", "edit", "env", "exec", "fetch", "info", "init", "inject", "launch", "list",
    "login", "ls", "print", "read", "run", "set", "show", "start", "status",
];

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let Some(ContextValue::String(text)) = error.get(kind) else {
        return None;
    };
    Some(text.clone())
}

/// Returns what to write in place of a word that clap does not know, which may be a command, or an option too short for clap to find it.
fn remedy(word: &str, arguments: &[OsString], names: &[&str], command: &Command) -> Option<String> {
    let is_launch = !arguments
        .first()
        .is_some_and(|first| names.iter().any(|name| first == name));
    let has_separator = arguments.iter().any(|argument| argument == "--");
    let is_behind_separator = arguments
        .iter()
        .skip_while(|argument| *argument != "--")
        .any(|argument| argument == word);
    let is_first = arguments.first().is_some_and(|first| first == word);
    let text = match word {
        "exec" | "launch" | "run" | "start" if is_first => {
            "leave this word out: secrets-exec --env NAME=REF -- COMMAND"
        }
        word if names.contains(&word) => "the name of a command comes first, before all options",
        word if word.starts_with('-') => {
            let options = command.get_arguments().filter_map(Arg::get_long);
            return suggest::nearest(word.trim_start_matches('-'), options)
                .map(|name| format!("did you mean --{name}?"));
        }
        word if arguments
            .windows(2)
            .any(|pair| pair[0] == "--agent" && pair[1] == word) =>
        {
            "the URL of the agent follows an equals sign: --agent=URL"
        }
        word if !is_launch
            && [".yaml", ".yml", ".json"]
                .iter()
                .any(|end| word.ends_with(end)) =>
        {
            "a declaration is named with -f FILE"
        }
        _ if !is_launch && is_behind_separator => {
            "this command starts no other: leave `--` and what follows it out"
        }
        _ if !is_launch => return None,
        _ if has_separator => {
            "only options and their values stand before `--`; --env NAME=REF is one word"
        }
        _ => match suggest::nearest(word, names.iter().copied()) {
            Some(name) => return Some(format!("{SEPARATOR}; did you mean `secrets-exec {name}`?")),
            None => SEPARATOR,
        },
    };
    Some(text.to_owned())
}

const SEPARATOR: &str = "a command comes after `--`: secrets-exec --env NAME=REF -- COMMAND";
