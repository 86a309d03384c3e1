//! Messages about the command line, variables, and the profiles of AWS.

mod arguments;
mod setup;

pub use setup::setup;

use std::path::PathBuf;

use super::line::{Line, alternatives};
use super::reference_errors::{literal_hint, reference};
use crate::backend::aws::{UnknownRole, VariableError};
use crate::input::cli::{Subcommand, UsageError};
use crate::model::options::OptionConflict;
use crate::model::quoting::{file_name, quoted_unless_secret, without_url_secrets};
use crate::model::reference::{Arn, Reference};
pub use arguments::quoted_value;
use arguments::{illegal_value, missing_argument, no_program, no_value, not_one_of, option_of_others, stray_word};

pub fn usage(error: &UsageError) -> Vec<Line> {
    let line = match error {
        UsageError::Syntax(lines) => return syntax(lines),
        UsageError::UnknownOption { option, nearest } => {
            return vec![Line::error(format!("unknown option {option}")), Line::help(option_hint(option, nearest))];
        }
        UsageError::OptionOfOthers { option, owners, line } => return option_of_others(option, owners, *line),
        UsageError::StrayWord { word, remedy } => return stray_word(word, remedy),
        UsageError::NoProgram { subcommand, program } => return no_program(*subcommand, program),
        UsageError::NoValue { name, value, known } => return no_value(name, value, known),
        UsageError::UnexpectedValue(option) => {
            return vec![Line::error(format!("{option} takes no value")), Line::help(format!("write {option} alone"))];
        }
        UsageError::NotOneOf { name, text, known } => return not_one_of(name, text, known),
        UsageError::NotUtf8(argument) => format!("the argument {argument:?} is not UTF-8"),
        UsageError::MissingArgument { subcommand, argument, known } => {
            return missing_argument(*subcommand, argument, known);
        }
        UsageError::MissingEquals { option, name, word } => {
            return missing_equals(option, name, word);
        }
        UsageError::MissingOption(word) => return missing_option(word),
        UsageError::DetachedUrl { option, word } => {
            return vec![
                Line::error(format!("{option} takes its URL only after `=`")),
                Line::help(format!("write {option}={}", without_url_secrets(word))),
            ];
        }
        UsageError::NoCommand { has_separator, line } => return no_command(*has_separator, *line),
        UsageError::NoEquals { option, text } => {
            format!("{option} {text}: expected NAME=REF, as in: {option} DB_PASSWORD=prod/db:password")
        }
        UsageError::IllegalName { option, name } => {
            format!("{option} {name}=…: {name:?} cannot be the name of a variable ([A-Za-z_][A-Za-z0-9_]*)")
        }
        UsageError::Twice { option, name } => format!("{option} {name}=…: {name} is given twice; keep one of them"),
        UsageError::Path(option) => format!(
            "{option} PATH=…: PATH decides which command runs and cannot come from a secret; set it with `value` in a declaration"
        ),
        UsageError::Reference { option, argument, reference: written, error } => {
            let name = argument.strip_suffix(written.as_str()).unwrap_or_default();
            let line = Line::error(format!("{option} {name}…: {}", reference(written, error)));
            let hint = literal_hint(error, "declare it in a file, under `env`: ");
            return std::iter::once(line).chain(hint.map(Line::help)).collect();
        }
        UsageError::Value { name, text, expected } => return illegal_value(name, text, expected),
        UsageError::KmsKey(text) => return kms_key(text),
        UsageError::Pattern { name, pattern, why } => format!("{name}: {pattern:?} is not a glob pattern: {why}"),
        UsageError::NothingToResolve { files, default_names, line } => {
            return nothing_to_resolve(files, default_names, *line);
        }
        UsageError::Conflict(exclusive) => conflict(*exclusive),
        UsageError::ValuesOnTerminal(subcommand) => {
            let file = if *subcommand == Subcommand::Export { "write a file with --output FILE, " } else { "" };
            let name = subcommand.name();
            return vec![
                Line::error(format!("{name}: standard output is a terminal, which would show the values")),
                Line::help(format!("{file}pipe the output to a program, or add --reveal to see the values")),
            ];
        }
        UsageError::SignalWithoutFile => {
            let what = "--on-rotation signal=: no file with `path` is declared, and a running program never sees another value of a \
                        variable or of a file in memory";
            return vec![
                Line::error(what),
                Line::help("declare a file with `path` under `files:`, or write --on-rotation restart"),
            ];
        }
        UsageError::StdinIsConnection => {
            "-f -: standard input is the connection of systemd, not a declaration".to_owned()
        }
        UsageError::StdinTwice => "-f -: standard input can be read only once".to_owned(),
    };
    vec![Line::error(line)]
}

fn option_hint(option: &str, nearest: &Option<String>) -> String {
    match (option, nearest) {
        ("--dotenv", Some(nearest)) => format!("did you mean {nearest}?"),
        ("--env-file" | "--envfile" | "--dotenv", _) => {
            "-f FILE reads a declaration; a .env file is not read, so set its variables in the environment".to_owned()
        }
        ("--secret" | "--secrets" | "--secret-id" | "--secret-name", _) => {
            "--env NAME=SECRET:KEY sets one variable, --env-from SECRET one for each key".to_owned()
        }
        ("--config" | "--config-file" | "--conf" | "-c", _) => "-f FILE reads a declaration".to_owned(),
        (_, Some(nearest)) => format!("did you mean {nearest}?"),
        (_, None) => SEE_HELP.to_owned(),
    }
}

/// A policy cannot name a key by its alias. Only an alias or id that no shell changes is part of the command.
fn kms_key(text: &str) -> Vec<Line> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_:-".contains(&byte));
    let is_alias = text.starts_with("alias/") || text.contains(":alias/");
    let key = if is_plain && is_alias { text } else { "KEY" };
    let kind = if is_alias { "an alias, and a policy needs" } else { "not" };
    let what =
        format!("--kms-key: {} is {kind} a key's ARN (arn:aws:kms:REGION:ACCOUNT:key/ID)", quoted_unless_secret(text));
    let hint = format!("`aws kms describe-key --key-id {key} --query KeyMetadata.Arn --output text` prints the ARN");
    vec![Line::error(what), Line::help(hint)]
}

fn missing_equals(option: &str, name: &str, word: &str) -> Vec<Line> {
    let (name, reference) = (name.trim_end_matches('='), word.trim_start_matches('='));
    let reference = if reference.is_empty() { "REF" } else { reference };
    vec![
        Line::error(format!("{option} {name}: expected NAME=REF without blanks, and {word:?} follows")),
        Line::help(format!("write {option} {name}={reference}, with no blanks around =")),
    ]
}

/// Returns the message about `NAME=REF` without `--env`. A text that is no reference may be a password, and is not quoted.
fn missing_option(word: &str) -> Vec<Line> {
    let (name, reference) = word.split_once('=').unwrap_or((word, ""));
    let reference = if Reference::parse(reference).is_ok() { reference } else { "…" };
    vec![
        Line::error(format!("unexpected {name}=…: no option stands before it")),
        Line::help(format!("write --env {name}={reference}")),
    ]
}

const SEE_HELP: &str = "--help prints all options";

fn no_command(has_separator: bool, line: Option<Subcommand>) -> Vec<Line> {
    let (what, hint) = match (has_separator, line) {
        (true, None) => (
            "no command after `--`",
            "an image gives it by CMD, or by the words after its name: docker run IMAGE COMMAND",
        ),
        (true, Some(_)) => ("no command after `--`", "name the command to look up, or leave `--` out"),
        (false, _) => ("no command", "name it after `--`, as in: secrets-exec --env NAME=REF -- COMMAND"),
    };
    vec![Line::error(what), Line::help(hint), Line::help(SEE_HELP)]
}

/// Returns the lines of clap's message, of which those after the first are tips.
fn syntax(lines: &[String]) -> Vec<Line> {
    let label = |number| if number == 0 { Line::error } else { Line::help };
    lines.iter().enumerate().map(|(number, line)| label(number)(line.trim_start_matches("tip: "))).collect()
}

pub fn unknown_role(error: &UnknownRole) -> Vec<Line> {
    let UnknownRole { role, known } = error;
    let known: Vec<String> = known.iter().map(Arn::to_string).collect();
    let hint = match known.as_slice() {
        [] => "a launch with these options assumes no role; leave --for-role out for the caller's policy".to_owned(),
        known => format!("the roles are {}; leave --for-role out for the caller's policy", known.join(", ")),
    };
    let text = format!(
        "--for-role: the launch does not assume {role}: no reference, --role-arn, profile or AWS_ROLE_ARN names it"
    );
    vec![Line::error(text), Line::help(hint)]
}

pub fn conflict(conflict: OptionConflict) -> String {
    match conflict {
        OptionConflict::Alone { option, without } => format!("{option} requires {without}"),
        OptionConflict::LinuxOnly { option } => format!("{option} needs Linux"),
        OptionConflict::Together { options: [one, other], why } => {
            format!("{one} and {other} exclude each other: {why}")
        }
        OptionConflict::OnlyOnLinux { option } => format!("{option} works only on Linux"),
    }
}

fn nothing_to_resolve(files: &[PathBuf], default_names: &[&str], line: Option<Subcommand>) -> Vec<Line> {
    let looked_at = match (files, default_names) {
        ([], []) => "no declaration was looked for (--no-file)".to_owned(),
        ([], names) => format!("the working directory has no {} with an entry", alternatives(names)),
        (files, _) => {
            let names: Vec<_> = files.iter().map(|file| file_name(file)).collect();
            format!("there is no entry in {}", names.join(", "))
        }
    };
    let what = format!("nothing to resolve: no --env, --env-from, --as-file or --resolve-env, and {looked_at}");
    let see_help = match line {
        None => SEE_HELP.to_owned(),
        Some(subcommand) => format!("secrets-exec {} {SEE_HELP}", subcommand.name()),
    };
    let hint = "name a secret with --env NAME=REF, or a declaration with -f FILE";
    vec![Line::error(what), Line::help(hint), Line::help(see_help)]
}

pub fn variable(error: &VariableError) -> Line {
    let VariableError { name, text, expected, why } = error;
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let value = quoted_unless_secret(text.as_deref().unwrap_or_default());
    Line::error(format!("{name}: {value} is not {expected}{why}"))
}
