//! Messages about words and options of the command line that are missing, or that belong elsewhere.

use crate::input::cli::{Remedy, Subcommand};
use crate::model::suggest;
use crate::report::line::Line;

/// Returns the lines about a word that is neither an option nor an option's argument.
pub fn stray_word(word: &str, remedy: &Remedy) -> Vec<Line> {
    let unexpected = |why: &str| Line::error(format!("unexpected {word:?}{why}"));
    let no_such = ": secrets-exec has no such subcommand";
    let launch = format!("as in: secrets-exec --env NAME=REF -- {word}");
    match remedy {
        Remedy::Separator if ["-", "–", "—"].contains(&word) => {
            vec![Line::error(format!("unexpected {word:?}")), Line::help("write two hyphens before the command: --")]
        }
        Remedy::Separator => vec![unexpected(": the command comes after `--`"), Line::help(launch)],
        Remedy::OptionsBeforeSeparator => vec![
            unexpected(" before `--`"),
            Line::help("only options and their arguments stand before `--`, only the command after it"),
        ],
        Remedy::NoSubcommand => vec![
            unexpected(no_such),
            Line::help(format!(
                "leave {word:?} out, and write `--` before the command: secrets-exec --env NAME=REF -- COMMAND"
            )),
        ],
        Remedy::Subcommand { subcommand, corrected, may_be_program } => {
            let name = subcommand.name();
            let (why, hint) = match word == name {
                true => (": this command's name comes first", format!("write: {corrected}")),
                false => (no_such, format!("did you mean {name}? write: {corrected}")),
            };
            let launch = may_be_program.then(|| Line::help(format!("to launch {word:?}, write `--` before it")));
            [unexpected(why), Line::help(hint)].into_iter().chain(launch).collect()
        }
        Remedy::Help(None) => vec![unexpected(no_such), Line::help("write --help; a command comes after `--`")],
        Remedy::Help(Some(subcommand)) => {
            vec![unexpected(no_such), Line::help(format!("write: secrets-exec {} --help", subcommand.name()))]
        }
        Remedy::Version => vec![unexpected(no_such), Line::help("write --version; a command comes after `--`")],
        Remedy::Declaration => {
            vec![unexpected(": a declaration is named by -f"), Line::help(format!("write -f {word}"))]
        }
        Remedy::Format => {
            vec![unexpected(": a format is named by --format"), Line::help(format!("write --format {word}"))]
        }
        Remedy::Program(subcommand) => {
            let name = subcommand.name();
            vec![
                unexpected(&format!(": {name} takes options, and a command after `--`")),
                Line::help(format!("as in: secrets-exec {name} -- {word}")),
            ]
        }
        Remedy::TooMany(subcommand) => {
            let name = subcommand.name();
            let takes = match subcommand {
                Subcommand::Completions => "one shell",
                Subcommand::Man => "no arguments",
                Subcommand::Check | Subcommand::Policy | Subcommand::Export => "only options",
            };
            vec![unexpected(&format!(": {name} takes {takes}")), Line::help(format!("see: secrets-exec {name} --help"))]
        }
    }
}

/// Returns the lines about an option that other command lines have.
pub fn option_of_others(option: &str, owners: &[Option<Subcommand>], line: Option<Subcommand>) -> Vec<Line> {
    let name = |line: &Option<Subcommand>| line.map_or("a launch", Subcommand::name);
    let names: Vec<&str> = owners.iter().map(name).collect();
    let names = match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    };
    let what = format!("{option} is an option of {names}, not of {}", name(&line));
    let hint = match (line, owners.iter().flatten().next()) {
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
    let nearest = suggest::nearest(text, known.iter().map(String::as_str));
    let hint = nearest.map(|nearest| Line::help(format!("did you mean {nearest}?")));
    std::iter::once(what).chain(hint).collect()
}

/// Returns the lines about a command without an argument that it requires.
pub fn missing_argument(subcommand: Subcommand, argument: &str, known: &[&str]) -> Vec<Line> {
    let name = subcommand.name();
    let value = argument.rsplit(' ').next().unwrap_or(argument);
    let example = argument.replace(value, known.first().copied().unwrap_or(value));
    vec![
        Line::error(format!("{name} requires {argument}")),
        Line::help(format!("{value} is one of {}, as in: secrets-exec {name} {example}", known.join(", "))),
    ]
}
