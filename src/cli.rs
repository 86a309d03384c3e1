//! argv and `SECRETS_EXEC_*` to an invocation; the only module that names clap.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, builder::ValueParser};
use glob::Pattern;

use crate::binding::{Absence, Entry, EntrySource, EnvName, Origin, Transform, is_name};
use crate::command::CommandLine;
use crate::environment::Inherited;
use crate::expansion::{ExpansionEntry, Naming};
use crate::options::{Given, OPTIONS, OptionSpec, Options, Takes};
use crate::plan::Layer;
use crate::reference::{Reference, ReferenceError};
use crate::target::{FileTarget, Target};

/// What the command line and our variables ask for.
#[derive(Debug)]
pub enum Request {
    /// To resolve and become a command.
    Launch(Box<Invocation>),
    /// To print a text on standard output: help, or the version.
    Print(String),
}

/// A launch, as the command line and our variables describe it.
#[derive(Debug)]
pub struct Invocation {
    /// Flags over variables.
    pub options: Options,
    /// `--env`, the last layer.
    pub layer: Layer,
    /// Declarations, in order.
    pub files: Vec<PathBuf>,
    /// Whether a declaration in the working directory is read when none is named.
    pub find_file: bool,
    /// Inherited variables in whose values references are resolved.
    pub resolve_env: Vec<Pattern>,
    /// The container of a task definition.
    pub container: Option<String>,
    /// What secrets-exec becomes.
    pub command: CommandLine,
    /// What is wrong with single options; told together with what is wrong elsewhere.
    pub mistakes: Vec<UsageError>,
}

/// What is wrong with the command line or a variable of ours.
#[derive(Debug, PartialEq)]
pub enum UsageError {
    /// clap's own words, a line each.
    Syntax(Vec<String>),
    /// A word where only `--` and the command can follow.
    MissingSeparator(String),
    /// Nothing after `--`.
    NoCommand,
    /// `--env` or `--as-file` without `=`.
    NoEquals {
        /// The option.
        option: &'static str,
        /// What it was given.
        text: String,
    },
    /// A name that cannot be a variable's.
    IllegalName {
        /// The option.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// A name that was given twice.
    Twice {
        /// The option that gave it again.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// PATH, which decides what is run before anything is read.
    Path(&'static str),
    /// A reference that is none.
    Reference {
        /// The option.
        option: &'static str,
        /// What it was given.
        argument: String,
        /// The reference in it.
        reference: String,
        /// What is wrong with it.
        error: ReferenceError,
    },
    /// `--container` without a task definition to choose from.
    ContainerAlone,
    /// An option, or the variable that stands for it, with a value that it does not take.
    Value {
        /// The option or variable.
        name: String,
        /// What was given.
        text: String,
        /// What it takes.
        expected: &'static str,
    },
    /// `--external-id` without a role.
    ExternalIdAlone,
    /// Nothing at all is to be resolved.
    NothingToResolve {
        /// The declarations that were read.
        files: Vec<PathBuf>,
        /// Whether one was looked for in the working directory.
        find_file: bool,
    },
    /// Standard input can be read once.
    StdinTwice,
}

/// Reads the command line (without our own name) and our variables.
///
/// # Errors
/// What leaves no launch to speak of: an unknown option, no command.
pub fn parse(arguments: Vec<OsString>, inherited: &Inherited) -> Result<Request, Vec<UsageError>> {
    let mut matches = match command().try_get_matches_from(std::iter::once("secrets-exec".into()).chain(arguments)) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Request::Print(error.render().to_string()));
        }
        Err(error) => return Err(vec![usage_error(&error)]),
    };
    let mut errors = Vec::new();
    let flags = flags(&mut matches, &mut errors);
    let variables = variables(inherited, &mut errors);
    let options = flags.over(variables);
    let layer = layer(&mut matches, &mut errors);
    let resolve_env = resolve_env(&mut matches, &mut errors);
    let container = matches.remove_one("container");
    let files: Vec<PathBuf> = matches.remove_many("file").map(Iterator::collect).unwrap_or_default();
    let variable = inherited.filled("SECRETS_EXEC_FILE").map(PathBuf::from);
    let files = if files.is_empty() { Vec::from_iter(variable) } else { files };
    if files.iter().filter(|file| *file == Path::new("-")).count() > 1 {
        errors.push(UsageError::StdinTwice);
    }
    let words = matches.remove_many("command").map(Iterator::collect).unwrap_or_default();
    let Some(command) = CommandLine::new(words) else {
        errors.push(UsageError::NoCommand);
        return Err(errors);
    };
    let find_file = files.is_empty() && !matches.get_flag("no-file");
    let invocation = Invocation { options, layer, files, find_file, resolve_env, container, command, mistakes: errors };
    Ok(Request::Launch(Box::new(invocation)))
}

const WHAT: &str = "What to resolve";

fn command() -> Command {
    let what = [
        Arg::new("env")
            .short('e')
            .long("env")
            .value_name("NAME=REF")
            .action(ArgAction::Append)
            .help("Set NAME to what REF resolves to: SECRET[:KEY[:STAGE[:VERSION-ID]]]"),
        Arg::new("env-from")
            .long("env-from")
            .value_name("[PREFIX=]REF")
            .action(ArgAction::Append)
            .help("Set one variable for each top-level key of a JSON object"),
        Arg::new("as-file")
            .long("as-file")
            .value_name("NAME=REF")
            .action(ArgAction::Append)
            .help("Deliver the value as a file in memory, and set NAME to its path"),
        Arg::new("file")
            .short('f')
            .long("file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("A declaration file (YAML, TOML or JSON); - is standard input"),
        Arg::new("no-file")
            .long("no-file")
            .action(ArgAction::SetTrue)
            .help("Do not look for secrets-exec.yaml, .yml, .toml or .json in the working directory"),
        Arg::new("resolve-env")
            .long("resolve-env")
            .value_name("GLOB")
            .action(ArgAction::Append)
            .help("Also resolve ARNs and {{resolve:…}} in inherited variables of these names"),
        Arg::new("container")
            .long("container")
            .value_name("NAME")
            .help("The container of an ECS task definition given by -f"),
    ];
    Command::new("secrets-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Become a command, with its secrets from AWS Secrets Manager in its environment")
        // The last one counts, as with most commands.
        .args_override_self(true)
        .override_usage("secrets-exec [OPTIONS] -- COMMAND [ARG]...")
        .args(what.map(|arg| arg.help_heading(WHAT)))
        .args(OPTIONS.iter().map(argument))
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .last(true)
                .num_args(0..)
                .value_parser(ValueParser::os_string())
                .help("What to become, always after --, and its arguments"),
        )
        .after_help(AFTER_HELP)
}

const AFTER_HELP: &str = "\
Options under the last three headings can also be given as SECRETS_EXEC_<NAME>
and, but for --local, under `defaults:` in a declaration. SECRETS_EXEC_FILE
names a declaration when no -f does.

Examples:
  secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js
  secrets-exec -f /etc/app/secrets.yaml -- /usr/bin/app
  secrets-exec --local secrets.local.yaml -- ./app

Exit status: the command's own. Before it runs: 64 usage, 70 a bug, 75 temporary,
77 denied or no credentials, 78 a declaration, secret or value is wrong or absent,
126 the command cannot be executed, 127 it was not found.";

fn argument(option: &'static OptionSpec) -> Arg {
    let arg = Arg::new(option.name).long(option.name).help(option.help).help_heading(option.heading);
    let arg = match option.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match option.takes {
        Takes::Text(name) => arg.value_name(name).value_parser(ValueParser::os_string()),
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Texts(name) => arg.value_name(name).action(ArgAction::Append),
    }
}

fn usage_error(error: &clap::Error) -> UsageError {
    let word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::UnknownArgument => Some(word),
        _ => None,
    };
    match word {
        Some(word) if !word.starts_with('-') => UsageError::MissingSeparator(word.clone()),
        _ => {
            let text = error.render().to_string();
            let lines = text.lines().map(|line| line.trim().trim_start_matches("error: "));
            // clap's advice on `--` is wrong here: what follows it is a command.
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("tip: to pass"));
            UsageError::Syntax(lines.map(str::to_owned).collect())
        }
    }
}

fn flags(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Options {
    let mut options = Options::default();
    for option in OPTIONS {
        let given = match option.takes {
            Takes::Text(_) => matches.remove_one(option.name).map(Given::Text),
            Takes::Nothing => matches.get_flag(option.name).then_some(Given::Flag(true)),
            Takes::Texts(_) => matches.remove_many(option.name).map(|texts| Given::Texts(texts.collect())),
        };
        if let Some(given) = given {
            set(&mut options, option, format!("--{}", option.name), given, errors);
        }
    }
    options
}

/// Our variables that are not empty. Unknown ones are ignored: Kubernetes makes such names for its services.
fn variables(inherited: &Inherited, errors: &mut Vec<UsageError>) -> Options {
    let mut options = Options::default();
    for option in OPTIONS {
        let name = option.variable();
        let Some(value) = inherited.filled(&name) else { continue };
        let given = match (option.takes, value.to_str()) {
            (Takes::Text(_), _) => Some(Given::Text(value.to_owned())),
            (Takes::Nothing, Some("1")) => Some(Given::Flag(true)),
            (Takes::Nothing, Some("0")) => Some(Given::Flag(false)),
            (Takes::Texts(_), Some(text)) => {
                Some(Given::Texts(text.split(',').map(|part| part.trim().to_owned()).collect()))
            }
            (Takes::Nothing | Takes::Texts(_), _) => None,
        };
        match given {
            Some(given) => set(&mut options, option, name, given, errors),
            None => {
                let expected = if option.takes == Takes::Nothing { "1 or 0" } else { "text in UTF-8" };
                errors.push(UsageError::Value { name, text: lossy(value), expected });
            }
        }
    }
    options
}

fn set(options: &mut Options, option: &OptionSpec, name: String, given: Given, errors: &mut Vec<UsageError>) {
    let text = match &given {
        Given::Text(text) => lossy(text),
        Given::Flag(_) => String::new(),
        Given::Texts(texts) => texts.join(","),
    };
    if let Err(expected) = (option.set)(options, given) {
        errors.push(UsageError::Value { name, text, expected });
    }
}

fn lossy(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

fn layer(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Layer {
    let mut names = BTreeSet::new();
    let mut layer = Layer::default();
    for option in ["--env", "--as-file"] {
        for text in matches.remove_many::<String>(&option[2..]).into_iter().flatten() {
            match entry(option, &text) {
                Ok(entry) if !names.insert(entry.target.to_string()) => {
                    errors.push(UsageError::Twice { option, name: entry.target.to_string() });
                }
                Ok(entry) => layer.entries.push(entry),
                Err(error) => errors.push(error),
            }
        }
    }
    for text in matches.remove_many::<String>("env-from").into_iter().flatten() {
        match expansion(&text) {
            Ok(expansion) => layer.expansions.push(expansion),
            Err(error) => errors.push(error),
        }
    }
    layer
}

/// `NAME=REF`, split at the first `=`; a secret's name may hold more.
fn entry(option: &'static str, text: &str) -> Result<Entry, UsageError> {
    let (name, reference) =
        text.split_once('=').ok_or_else(|| UsageError::NoEquals { option, text: text.to_owned() })?;
    let parsed = EnvName::parse(name).map_err(|_| UsageError::IllegalName { option, name: name.to_owned() })?;
    if name == "PATH" {
        return Err(UsageError::Path(option));
    }
    let reference = parse_reference(option, text, reference)?;
    let target = match option {
        "--as-file" => Target::File(FileTarget::in_memory(parsed)),
        _ => Target::Env(parsed),
    };
    Ok(Entry {
        target,
        source: EntrySource::Reference(reference),
        transform: Transform::default(),
        absence: Absence::Fail,
        origin: Origin::Argument(option),
    })
}

/// `[PREFIX=]REF`: what precedes the first `=` is a prefix only when it is empty or a name, since an id may hold `=`, too.
fn expansion(text: &str) -> Result<ExpansionEntry, UsageError> {
    let (prefix, reference) = match text.split_once('=') {
        Some((prefix, reference)) if prefix.is_empty() || is_name(prefix) => (prefix, reference),
        Some(_) | None => ("", text),
    };
    let naming = Naming { prefix: prefix.to_owned(), ..Naming::default() };
    let reference = parse_reference("--env-from", text, reference)?;
    Ok(ExpansionEntry { reference, naming, origin: Origin::Argument("--env-from") })
}

fn parse_reference(option: &'static str, argument: &str, text: &str) -> Result<Reference, UsageError> {
    let (argument, reference) = (argument.to_owned(), text.to_owned());
    Reference::parse(text).map_err(|error| UsageError::Reference { option, argument, reference, error })
}

fn resolve_env(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Vec<Pattern> {
    let texts: Vec<String> = matches.remove_many("resolve-env").into_iter().flatten().collect();
    crate::options::patterns(&texts).unwrap_or_else(|expected| {
        errors.push(UsageError::Value { name: "--resolve-env".to_owned(), text: texts.join(" "), expected });
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoke(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Invocation, Vec<UsageError>> {
        let inherited = Inherited::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        match parse(arguments.iter().map(Into::into).collect(), &inherited)? {
            Request::Launch(invocation) if invocation.mistakes.is_empty() => Ok(*invocation),
            Request::Launch(invocation) => Err(invocation.mistakes),
            Request::Print(_) => Err(Vec::new()),
        }
    }

    #[test]
    fn the_table_of_options_makes_a_sound_command() {
        command().debug_assert();
    }

    #[test]
    fn what_follows_the_separator_is_the_command_untouched() {
        let invocation = invoke(&["--env", "A=b", "--", "node", "--env", "app.js", "--", "-v"], &[]).unwrap();
        let words: Vec<_> = invocation.command.arguments().collect();
        assert_eq!(words, ["node", "--env", "app.js", "--", "-v"]);
    }

    #[test]
    fn a_forgotten_separator_is_told_as_such() {
        assert_eq!(invoke(&["node", "app.js"], &[]).unwrap_err(), [UsageError::MissingSeparator("node".into())]);
        assert_eq!(invoke(&["--env", "A=b", "node"], &[]).unwrap_err(), [UsageError::MissingSeparator("node".into())]);
        assert_eq!(invoke(&["--env", "A=b", "--"], &[]).unwrap_err(), [UsageError::NoCommand]);
    }

    #[test]
    fn a_flag_beats_its_variable_and_an_empty_variable_says_nothing() {
        let variables = [
            ("SECRETS_EXEC_REGION", "eu-west-1"),
            ("SECRETS_EXEC_QUIET", "1"),
            ("SECRETS_EXEC_TIMEOUT", ""),
            ("SECRETS_EXEC_PORT", "tcp://1"),
        ];
        let options = invoke(&["--region", "us-east-1", "--", "x"], &variables).unwrap().options;
        assert_eq!((options.region.unwrap().as_str(), options.quiet, options.timeout), ("us-east-1", Some(true), None));
        assert!(invoke(&["--", "x"], &[("SECRETS_EXEC_QUIET", "yes")]).is_err());
    }

    #[test]
    fn the_name_ends_at_the_first_equals_sign() {
        let invocation = invoke(&["-e", "A=b=c:k", "--", "x"], &[]).unwrap();
        assert_eq!(invocation.layer.entries[0].target.to_string(), "A");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let errors = invoke(
            &["-e", "A", "-e", "1=b", "-e", "B=", "-e", "C=x", "-e", "C=y", "-e", "PATH=z", "--timeout", "1", "--"],
            &[],
        )
        .unwrap_err();
        assert_eq!(errors.len(), 7, "{errors:?}");
    }

    #[test]
    fn a_variable_names_the_declaration_when_no_flag_does() {
        let variable = [("SECRETS_EXEC_FILE", "a.yaml")];
        assert_eq!(invoke(&["--", "x"], &variable).unwrap().files, [PathBuf::from("a.yaml")]);
        assert_eq!(invoke(&["-f", "b.yaml", "--", "x"], &variable).unwrap().files, [PathBuf::from("b.yaml")]);
        assert!(invoke(&["--", "x"], &[]).unwrap().find_file);
        assert!(!invoke(&["--no-file", "--", "x"], &[]).unwrap().find_file);
    }
}
