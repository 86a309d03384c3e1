//! Messages about words and options of the command line that are missing, or that belong elsewhere.

use crate::input::cli::{Remedy, Subcommand};
use crate::model::options::{OPTIONS, OptionSpec};
use crate::model::quoting::quoted_unless_secret;
use crate::model::suggest;
use crate::report::line::{Line, list};

/// Returns the lines about a word that is neither an option nor an option's argument.
pub fn stray_word(word: &str, remedy: &Remedy) -> Vec<Line> {
    let (why, hint) = match remedy {
        Remedy::Separator if ["-", "–", "—"].contains(&word) => {
            ("", "write two hyphens before the command: --".to_owned())
        }
        Remedy::Separator => {
            (": the command comes after `--`", format!("as in: secrets-exec --env NAME=REF -- {word}"))
        }
        Remedy::OptionsBeforeSeparator => {
            let hint = "only options and their arguments stand before `--`, only the command after it";
            (" before `--`", hint.to_owned())
        }
        Remedy::NoSubcommand => {
            let launch = "write `--` before the command: secrets-exec --env NAME=REF -- COMMAND";
            (NO_SUBCOMMAND, format!("leave {word:?} out, and {launch}"))
        }
        Remedy::Subcommand { subcommand, corrected, may_be_program } => {
            return misplaced_name(word, *subcommand, corrected, *may_be_program);
        }
        Remedy::Help(None) => (NO_SUBCOMMAND, "write --help; a command comes after `--`".to_owned()),
        Remedy::Help(Some(subcommand)) => (NO_SUBCOMMAND, format!("write: secrets-exec {} --help", subcommand.name())),
        Remedy::Version => (NO_SUBCOMMAND, "write --version; a command comes after `--`".to_owned()),
        Remedy::Reference => (": no option stands before it", format!("write --env NAME={word}")),
        Remedy::Declaration => (": a declaration is named by -f", format!("write -f {word}")),
        Remedy::Format => (": a format is named by --format", format!("write --format {word}")),
        Remedy::Program(subcommand) => return for_subcommand(word, *subcommand, "options, and a command after `--`"),
        Remedy::TooMany(subcommand) => return for_subcommand(word, *subcommand, arguments_of(*subcommand)),
    };
    vec![unexpected(word, why), Line::help(hint)]
}

const NO_SUBCOMMAND: &str = ": secrets-exec has no such subcommand";

fn unexpected(word: &str, why: &str) -> Line {
    Line::error(format!("unexpected {word:?}{why}"))
}

/// Returns the lines about the name of a command that is misspelled or does not stand in front.
fn misplaced_name(word: &str, subcommand: Subcommand, corrected: &str, may_be_program: bool) -> Vec<Line> {
    let name = subcommand.name();
    let (why, hint) = match word == name {
        true => (": this command's name comes first", format!("write: {corrected}")),
        false => (NO_SUBCOMMAND, format!("did you mean {name}? write: {corrected}")),
    };
    let launch = may_be_program.then(|| Line::help(format!("to launch {word:?}, write `--` before it")));
    [unexpected(word, why), Line::help(hint)].into_iter().chain(launch).collect()
}

/// Returns the lines about a word for a command that takes other arguments.
fn for_subcommand(word: &str, subcommand: Subcommand, takes: &str) -> Vec<Line> {
    let name = subcommand.name();
    let hint = match subcommand.takes_program() {
        true => format!("as in: secrets-exec {name} -- {word}"),
        false => format!("see: secrets-exec {name} --help"),
    };
    vec![unexpected(word, &format!(": {name} takes {takes}")), Line::help(hint)]
}

fn arguments_of(subcommand: Subcommand) -> &'static str {
    match subcommand {
        Subcommand::Completions => "one shell",
        Subcommand::Migrate => "one file, and options",
        Subcommand::Install => "one directory",
        Subcommand::Man => "no arguments",
        Subcommand::Check | Subcommand::Policy | Subcommand::Export | Subcommand::Credential => "only options",
    }
}

/// Returns the lines about an option that other command lines have.
pub fn option_of_others(option: &str, owners: &[Option<Subcommand>], line: Option<Subcommand>) -> Vec<Line> {
    let name = |line: &Option<Subcommand>| line.map_or("a launch", Subcommand::name);
    let names: Vec<&str> = owners.iter().map(name).collect();
    let what = format!("{option} is an option of {}, not of {}", list(&names), name(&line));
    let hint = match (line, owners.iter().flatten().next()) {
        (Some(Subcommand::Check), _) if option == "--format" => {
            "write --json for JSON, or nothing for a table".to_owned()
        }
        (None, Some(owner)) => format!("the command's name comes first: secrets-exec {} {option}", owner.name()),
        _ => format!("leave {option} out"),
    };
    vec![Line::error(what), Line::help(hint)]
}

/// Returns the lines about words after `--`, where a command takes none.
pub fn no_program(subcommand: Subcommand, program: &str) -> Vec<Line> {
    let name = subcommand.name();
    vec![
        Line::error(format!("unexpected {program:?} after `--`: {name} takes no command")),
        Line::help("leave `--` and the words after it out"),
    ]
}

/// Returns the lines about an option without its value.
pub fn no_value(name: &str, value: &str, known: &[String]) -> Vec<Line> {
    let hint = match known {
        [] => format!("as in: {name} {value}"),
        known => format!("{value} is one of {}", known.join(", ")),
    };
    vec![Line::error(format!("{name}: its value is missing")), Line::help(hint)]
}

/// Returns the lines about a value that is none of the possible ones.
pub fn not_one_of(name: &str, text: &str, known: &[String]) -> Vec<Line> {
    let what = Line::error(format!("{name}: {text:?} is not one of {}", known.join(", ")));
    let known = || known.iter().map(String::as_str);
    // As in `$SHELL`.
    let file = text.rsplit('/').next().unwrap_or(text);
    let alias = match file {
        "env" | ".env" => Some("dotenv"),
        "sh" => Some("bash"),
        file => Some(file),
    };
    let meant = alias.filter(|alias| known().any(|known| known == *alias));
    let hint =
        meant.or_else(|| suggest::nearest(text, known())).map(|meant| Line::help(format!("did you mean {meant}?")));
    std::iter::once(what).chain(hint).collect()
}

/// Returns the lines about a command without an argument that it requires.
pub fn missing_argument(subcommand: Subcommand, argument: &str, known: &[&str]) -> Vec<Line> {
    let name = subcommand.name();
    let value = argument.rsplit(' ').next().unwrap_or(argument);
    let example = argument.replace(value, known.first().copied().unwrap_or(value));
    let choice = if known.is_empty() { String::new() } else { format!("{value} is one of {}, ", known.join(", ")) };
    vec![
        Line::error(format!("{name} requires {argument}")),
        Line::help(format!("{choice}as in: secrets-exec {name} {example}")),
    ]
}

/// Returns the message about an option's value, and the value that is most likely meant.
pub fn illegal_value(name: &str, text: &str, expected: &str) -> Vec<Line> {
    let is_meant = |option: &&OptionSpec| name.strip_prefix("--") == Some(option.name) || *name == option.variable();
    let nearest = OPTIONS.iter().find(is_meant).and_then(|option| option.nearest_value(text));
    let hint = nearest.map(|nearest| Line::help(format!("did you mean {nearest}?")));
    std::iter::once(Line::error(format!("{name}: {} is not {expected}", quoted_value(text)))).chain(hint).collect()
}

/// Quotes the value of an option; `signal=NAME` is no secret, though it has an equals sign.
pub fn quoted_value(text: &str) -> String {
    match text.strip_prefix("signal=") {
        Some(signal) if quoted_unless_secret(signal) == format!("{signal:?}") => format!("{text:?}"),
        Some(_) | None => quoted_unless_secret(text),
    }
}
