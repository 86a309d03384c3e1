//! A command line as a shell completes it: the options of clap's command, with what each takes.

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command, ValueHint};

use crate::model::options::{OPTIONS, OptionSpec};

/// A launch, or a command beside it.
pub struct DescribedLine {
    /// The command's name; `None` for a launch.
    pub name: Option<String>,
    pub about: String,
    pub options: Vec<DescribedOption>,
    /// The possible values of its only argument, as the shells of `completions`.
    pub values: Vec<Choice>,
    /// The kind of file that its only argument names.
    pub files: Option<FileKind>,
    /// True if another command line follows `--`.
    pub takes_program: bool,
}

/// The kind of file that an argument names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Any,
    Directory,
}

pub struct DescribedOption {
    pub short: Option<char>,
    pub long: String,
    pub help: String,
    pub is_repeatable: bool,
    pub takes: Argument,
}

/// The argument of an option, with its name in `--help`.
pub enum Argument {
    Nothing,
    /// After an equals sign only.
    Optional(String),
    /// A text that cannot be completed.
    Text(String),
    File(String),
    OneOf(String, Vec<Choice>),
}

/// A possible value.
pub struct Choice {
    pub name: String,
    /// Empty without a description of its own.
    pub help: String,
}

/// Returns the names, separated by blanks.
pub fn names(values: &[Choice]) -> String {
    values.iter().map(|value| value.name.as_str()).collect::<Vec<_>>().join(" ")
}

impl DescribedLine {
    /// Returns the launch, then the other commands.
    pub fn all(whole: &Command) -> Vec<Self> {
        let launch = Self { name: None, ..Self::new(whole) };
        std::iter::once(launch).chain(whole.get_subcommands().map(Self::new)).collect()
    }

    fn new(command: &Command) -> Self {
        let (options, positionals): (Vec<&Arg>, Vec<&Arg>) =
            command.get_arguments().partition(|arg| arg.get_long().is_some());
        Self {
            name: Some(command.get_name().to_owned()),
            about: command.get_about().map(ToString::to_string).unwrap_or_default(),
            options: options.into_iter().filter(|arg| !arg.is_hide_set()).map(DescribedOption::new).collect(),
            files: positionals.iter().find_map(|arg| file_kind(arg)),
            values: positionals.iter().flat_map(|arg| possible_values(arg)).collect(),
            takes_program: positionals.iter().any(|arg| arg.is_last_set()),
        }
    }
}

impl DescribedOption {
    fn new(arg: &Arg) -> Self {
        Self {
            short: arg.get_short(),
            long: arg.get_long().unwrap_or_default().to_owned(),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            is_repeatable: matches!(arg.get_action(), ArgAction::Append | ArgAction::Count),
            takes: Argument::new(arg),
        }
    }

    /// The option as typed, the short form first.
    pub fn spellings(&self) -> impl Iterator<Item = String> {
        let short = self.short.map(|letter| format!("-{letter}"));
        short.into_iter().chain(std::iter::once(format!("--{}", self.long)))
    }
}

impl Argument {
    fn new(arg: &Arg) -> Self {
        let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default();
        let values = if possible_values(arg).is_empty() { values_of_table(arg) } else { possible_values(arg) };
        if !arg.get_action().takes_values() {
            Self::Nothing
        } else if arg.is_require_equals_set() {
            Self::Optional(name)
        } else if !values.is_empty() {
            Self::OneOf(name, values)
        } else if arg.get_value_hint() == ValueHint::FilePath {
            Self::File(name)
        } else {
            Self::Text(name)
        }
    }
}

/// Returns what the table of options offers, which is not all that the option takes.
fn values_of_table(arg: &Arg) -> Vec<Choice> {
    let option = OPTIONS.iter().find(|option| arg.get_long() == Some(option.name));
    let values = option.map(OptionSpec::values).unwrap_or_default();
    values.into_iter().map(|name| Choice { name, help: String::new() }).collect()
}

fn file_kind(arg: &Arg) -> Option<FileKind> {
    match arg.get_value_hint() {
        ValueHint::FilePath => Some(FileKind::Any),
        ValueHint::DirPath => Some(FileKind::Directory),
        _ => None,
    }
}

fn possible_values(arg: &Arg) -> Vec<Choice> {
    // Of a flag, clap returns `true` and `false`.
    let values = if arg.get_action().takes_values() { arg.get_possible_values() } else { Vec::new() };
    let choice = |value: PossibleValue| Choice {
        name: value.get_name().to_owned(),
        help: value.get_help().map(ToString::to_string).unwrap_or_default(),
    };
    values.into_iter().map(choice).collect()
}
