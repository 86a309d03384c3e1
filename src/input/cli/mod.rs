//! Parses the command line and `SECRETS_EXEC_*` into an [`Invocation`]: the task, its arguments,
//! and its [`Inputs`], the entries and options. Only this folder uses clap.
//!
//! Parsing reads no files. It goes on after an invalid value: the error is added to
//! [`Inputs::errors`], and is reported together with the errors of the declarations.
//!
//! Errors never show a part of an argument that may be a secret. For example, someone who is used
//! to `docker run -e` may write a password in an entry.

mod command;
mod entries;
#[cfg(test)]
mod man_page;
mod usage;

pub use command::{
    CheckArguments, ExportArguments, ExportFormat, GetArguments, MigrateArguments, PolicyArguments,
};

use std::ffi::{OsStr, OsString};
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, FromArgMatches, ValueEnum};
use glob::Pattern;

use crate::input::declaration::{DeclarationChoice, DeclarationsNamedBy, missing_declaration_help};
use crate::model::entry::{Argument, Entry};
use crate::model::environment::{CommandLine, Inherited, OWN_PREFIX, assigned_name, parse_pattern};
use crate::model::fault::{not_a_path, overlooked_in_value};
use crate::model::message::{Place, Problem, Record};
use crate::model::options::{OPTIONS, OptionId, OptionSpec, Takes, TypedOptions, refused_pattern};
use crate::model::plan::Layer;
use crate::model::reference::Arn;
use command::{
    CompletionsArguments, InstallArguments, MAN_PAGE, SCHEMA, Subcommand, SubcommandId,
    completion_script, find_subcommand, short_help, with_program, with_variables,
};
use entries::{parse_entry, parse_env_from, parse_get};

/// The task that the user asks for.
pub enum Invocation {
    Launch(Box<Inputs>, CommandLine),
    /// The second field is the command after `--`, if any, which `check` looks for in PATH.
    Check(Box<Inputs>, Option<CommandLine>, CheckArguments),
    Get(Box<Inputs>, GetArguments),
    Policy(Box<Inputs>, PolicyArguments),
    Export(Box<Inputs>, ExportArguments),
    Migrate(Box<MigrateArguments>),
    Install(PathBuf),
    /// Print a text to standard output, such as the version.
    Print(String),
    /// Print help to standard output.
    Help(String),
    /// Print the short help to standard error, because the command line is empty.
    Usage(String),
}

/// Parses the arguments (without the program's name) and the `SECRETS_EXEC_*` variables.
pub fn parse_command_line(
    arguments: Vec<OsString>,
    inherited: &Inherited,
) -> Result<Invocation, Vec<Problem>> {
    if arguments.is_empty() {
        return Ok(Invocation::Usage(short_help()));
    }
    let mut command = with_program();
    let problems = argument_problems(&arguments);
    if !problems.is_empty() {
        return Err(problems);
    }

    let arguments_for_clap = with_help_options(&arguments);
    let has_long_help = arguments_for_clap
        .iter()
        .take_while(|word| *word != "--")
        .any(|word| word == "--help");
    // `--help` names the environment variable of each option, but `-h` doesn't.
    if has_long_help {
        command = with_variables(command);
    }
    let program = OsString::from("secrets-exec");
    let mut matches =
        match command.try_get_matches_from_mut(iter::once(program).chain(arguments_for_clap)) {
            Ok(matches) => matches,
            // clap returns the help and the version as errors with the exit code 0.
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                let is_of_launch = named_subcommand(&arguments).is_none();
                let text = if is_of_launch && !has_long_help {
                    short_help()
                } else {
                    error.render().to_string()
                };
                return Ok(Invocation::Help(text));
            }
            Err(error) if error.exit_code() == 0 => {
                return Ok(Invocation::Print(error.render().to_string()));
            }
            Err(error) => return Err(vec![usage::problem(error, &arguments, command)]),
        };

    let Some((name, mut subcommand_matches)) = matches.remove_subcommand() else {
        return launch_invocation(&mut matches, &arguments, inherited);
    };
    subcommand_invocation(&name, &mut subcommand_matches, inherited)
        .map_err(|error| vec![usage::problem(error, &arguments, command)])
}

/// Finds an option's first value before `--`, without parsing the command line, which may have
/// mistakes. The value is `json` in `--format json` and `--format=json`, and `FILE` in `-o FILE`
/// and `-oFILE`.
pub fn early_value<'a>(arguments: &'a [OsString], option: &str) -> Option<&'a str> {
    let mut words = arguments.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        match word.to_str().and_then(|word| word.strip_prefix(option)) {
            None => {}
            Some("") => return words.next()?.to_str(),
            Some(joined) => return Some(joined.strip_prefix('=').unwrap_or(joined)),
        }
    }
    None
}

/// True for `export` if a shell may evaluate what it prints: the output goes to standard output,
/// and the format is `shell`, missing or unknown.
pub fn is_export_for_shell(arguments: &[OsString]) -> bool {
    let is_export = arguments.first().is_some_and(|word| word == "export");
    let format = early_value(arguments, "--format").unwrap_or_default();
    let may_be_shell = matches!(
        ExportFormat::from_str(format, false),
        Ok(ExportFormat::Shell) | Err(_)
    );
    let file = early_value(arguments, "--output").or_else(|| early_value(arguments, "-o"));
    // `-` is standard output. With an empty file name, or an option instead of it, the command
    // fails, but a shell may still evaluate standard output.
    let is_to_stdout = file.is_none_or(|file| file.is_empty() || file.starts_with('-'));
    is_export && may_be_shell && is_to_stdout
}

fn named_subcommand(arguments: &[OsString]) -> Option<&'static Subcommand> {
    find_subcommand(arguments.first()?.to_str()?)
}

/// Reports the arguments before `--` that are empty, are several arguments in one, or have a
/// character that is easy to overlook, such as a line feed. Skips ARNs and most entries, because
/// their parsers have more precise messages.
fn argument_problems(arguments: &[OsString]) -> Vec<Problem> {
    let has_separator = arguments.iter().any(|argument| argument == "--");
    let mut problems = Vec::new();
    for (number, argument) in (1..).zip(arguments) {
        if argument == "--" {
            break;
        }
        let text = argument.to_string_lossy();
        let is_entry = assigned_name(&text).is_some() || Arn::has_prefix(&text);
        if is_entry {
            continue;
        }
        // clap reads a single argument `-f app.yaml` as `-f` with the value ` app.yaml`.
        let (option, _) = text.split_once(' ').unwrap_or_default();
        let is_joined = option.starts_with('-')
            && (option.len() == 2 || option.starts_with("--") && !option.contains('='));
        if let Some(found) = overlooked_in_value(&text) {
            let fault = found.about(&format!("argument {number}"));
            problems.push(Problem::usage(fault));
        } else if is_joined && (number == 1 || has_separator || option == "--") {
            // Without `--`, an argument after the first may belong to the command, so it isn't
            // reported.
            let text = format!("argument {number} is several arguments in one");
            problems.push(Problem::usage(text).help("pass each argument separately"));
        }
    }
    problems
}

/// Turns the words `help` and `version` into options, because clap accepts only the options.
fn with_help_options(arguments: &[OsString]) -> Vec<OsString> {
    match arguments {
        [help] if help == "help" => vec!["--help".into()],
        [help, command] if help == "help" => vec![command.clone(), "--help".into()],
        [version] if version == "version" => vec!["--version".into()],
        words => words.to_vec(),
    }
}

fn subcommand_invocation(
    name: &str,
    matches: &mut ArgMatches,
    inherited: &Inherited,
) -> Result<Invocation, clap::Error> {
    use SubcommandId::*;

    let Some(subcommand) = find_subcommand(name) else {
        // clap accepts only our subcommands, so this never happens.
        return Err(clap::Error::new(ErrorKind::InvalidSubcommand));
    };
    Ok(match subcommand.id {
        Check => {
            let mut inputs = Inputs::for_entries(matches, inherited);
            let command = inputs.take_command(matches);
            Invocation::Check(inputs, command, FromArgMatches::from_arg_matches(matches)?)
        }
        Get => {
            let arguments = GetArguments::from_arg_matches(matches)?;
            let mut inputs = Inputs::for_declarations(matches, inherited);
            inputs.add(parse_get(&arguments.reference));
            Invocation::Get(inputs, arguments)
        }
        Policy => {
            let inputs = Inputs::for_entries(matches, inherited);
            Invocation::Policy(inputs, FromArgMatches::from_arg_matches(matches)?)
        }
        Export => {
            let inputs = Inputs::for_entries(matches, inherited);
            Invocation::Export(inputs, FromArgMatches::from_arg_matches(matches)?)
        }
        Migrate => Invocation::Migrate(Box::new(MigrateArguments::from_arg_matches(matches)?)),
        Completions => {
            let CompletionsArguments { shell } = FromArgMatches::from_arg_matches(matches)?;
            Invocation::Print(completion_script(shell))
        }
        Man => Invocation::Print(MAN_PAGE.to_owned()),
        Schema => Invocation::Print(SCHEMA.to_owned()),
        Install => Invocation::Install(InstallArguments::from_arg_matches(matches)?.directory),
    })
}

fn launch_invocation(
    matches: &mut ArgMatches,
    arguments: &[OsString],
    inherited: &Inherited,
) -> Result<Invocation, Vec<Problem>> {
    let mut inputs = Inputs::for_entries(matches, inherited);
    if let Some(command) = inputs.take_command(matches) {
        return Ok(Invocation::Launch(inputs, command));
    }

    let problem = if arguments.iter().any(|word| word == "--") {
        // If ENTRYPOINT isn't an array, Docker ignores CMD, so nothing follows `--`.
        let help = "put the command after `--`. If a Dockerfile starts secrets-exec, write ENTRYPOINT and CMD as arrays, and repeat the base image's CMD, which ENTRYPOINT drops";
        Problem::usage("there is no command after `--`").help(help)
    } else {
        Problem::usage("there is no command to start")
            .help("put a command at the end: secrets-exec [OPTIONS] -- COMMAND")
    };
    inputs.errors.push(problem);
    Err(inputs.errors)
}

/// The variable that lists the declarations to read, separated by commas. `-f` overrides it.
const FILE_VARIABLE: &str = "SECRETS_EXEC_FILE";

/// The options that say what to read. After `--`, they belong to the command, but are probably
/// misplaced. Only `--file` can also be set by a variable.
const ENTRY_OPTIONS: &[&str] = &[
    "-e",
    "--env",
    "--env-from",
    "--keep-case",
    "--as-file",
    "-f",
    "--file",
    "--no-file",
    "--resolve-env",
];

const UNRESOLVED_WARNING: &str = "{{resolve:…}} in an argument of the command is passed on unchanged, because `ps` would show the secret. \
                          Set a variable with --env instead, and let the command read it";

/// The entries and options from the command line and from `SECRETS_EXEC_*`.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The command line takes precedence over the variables.
    pub options: TypedOptions,
    /// True for `-q`. Unlike SECRETS_EXEC_QUIET, it also hides the warning that secrets are read
    /// from the `--local` file.
    pub has_quiet_flag: bool,
    pub layer: Layer,
    pub declarations: DeclarationChoice,
    /// The patterns of `--resolve-env`.
    pub resolve_env: Vec<Pattern>,
    /// True if one of the [`ENTRY_OPTIONS`] comes after `--`.
    has_misplaced_option: bool,
    pub errors: Vec<Problem>,
    pub warnings: Vec<Record>,
}

impl Inputs {
    /// Reads the inputs of a launch, or of a subcommand that accepts entries.
    fn for_entries(matches: &mut ArgMatches, inherited: &Inherited) -> Box<Self> {
        let mut inputs = Self::for_declarations(matches, inherited);

        inputs.take_entries(matches);
        for text in take_values::<String>(matches, "resolve-env") {
            match parse_pattern(&text) {
                Ok(pattern) => inputs.resolve_env.push(pattern),
                Err(_) => {
                    let place = Place::Flag("resolve-env");
                    let fault = refused_pattern(&text, &place).about("--resolve-env");
                    inputs.errors.push(Problem::usage(fault));
                }
            }
        }
        inputs
    }

    /// Reads what all [`Inputs`] have in common: the options, and which declarations to read.
    fn for_declarations(matches: &mut ArgMatches, inherited: &Inherited) -> Box<Self> {
        let mut inputs = Box::new(Self::default());
        let flags = inputs.take_options(matches);
        let variables = inputs.options_from_variables(inherited);
        // If a flag excludes an option that a variable sets, that isn't an error: the variable's
        // option is turned off. So flags and variables are checked separately.
        for options in [&flags, &variables] {
            inputs.errors.extend(options.exclusions());
        }
        inputs.has_quiet_flag = flags.place(OptionId::Quiet).is_some();
        inputs.options = flags.over(variables);

        let files: Vec<PathBuf> = take_values(matches, "file");
        let mut variables_in_effect = Vec::new();
        if files.is_empty() {
            variables_in_effect.push((FILE_VARIABLE, "-f FILE"));
        }
        if inputs.options.place(OptionId::Local).is_none() {
            variables_in_effect.push(("SECRETS_EXEC_LOCAL", "--local FILE"));
        }
        if inputs.options.place(OptionId::RoleArn).is_none() {
            variables_in_effect.push(("SECRETS_EXEC_ROLE_ARN", "--role-arn ARN"));
        }
        for (variable, flag) in variables_in_effect {
            if inherited.get(variable).is_some_and(OsStr::is_empty) {
                let text = format!("{variable} is set, but empty");
                let help = format!(
                    "set it, unset it, or use {flag}. The step that sets it may have failed"
                );
                inputs.errors.push(Problem::usage(text).help(help));
            }
        }

        inputs.declarations = declaration_choice(files, matches.get_flag("no-file"), inherited);
        inputs
    }

    fn add(&mut self, parsed: Result<Entry, Problem>) {
        match parsed {
            Ok(entry) => self.layer.entries.push(entry),
            Err(problem) => self.errors.push(problem),
        }
    }

    /// The error if there is no entry. `declarations` names the files that were read.
    pub fn no_entry_problem(&self, declarations: &[String]) -> Problem {
        if self.has_misplaced_option {
            let text = "there is nothing to read: the options come after `--`, so they belong to the command";
            return Problem::usage(text)
                .help("put the options before `--`: secrets-exec [OPTIONS] -- COMMAND");
        }
        if !declarations.is_empty() {
            let names = declarations.join(" or ");
            let text = format!(
                r#"there is nothing to read: no --env was given, and there is no entry under "env", "env-from" or "files" in {names}"#
            );
            return Problem::configuration(text).help("add an entry: env: { NAME: SECRET:KEY }");
        }
        let directory = PathBuf::from(".").canonicalize().unwrap_or_default();
        let text = format!(
            "there is nothing to read: no --env was given, and no secrets-exec.yaml, .yml or .json was read in {}",
            directory.display()
        );
        Problem::usage(text)
            .help("add --env NAME=SECRET:KEY, or name a declaration with -f FILE")
            .help_if_some(missing_declaration_help())
    }

    /// Takes the command after `--` out of `matches`, and warns of CloudFormation's dynamic
    /// references (`{{resolve:ssm:…}}`) in its arguments.
    fn take_command(&mut self, matches: &mut ArgMatches) -> Option<CommandLine> {
        let command = CommandLine::new(take_values(matches, "command"))?;

        for argument in command.arguments().map(OsStr::to_string_lossy) {
            let option = argument.split('=').next().unwrap_or_default();
            self.has_misplaced_option |= ENTRY_OPTIONS.contains(&option);
            // All services in dynamic references (secretsmanager, ssm, ssm-secure) begin with `s`.
            if argument.contains("{{resolve:s") {
                self.warnings.push(Record::warning(UNRESOLVED_WARNING));
            }
        }
        Some(command)
    }

    /// Takes the [`OPTIONS`] out of `matches`. A flag without a value is treated as if its variable
    /// were set: to `1` for `-q`, and to `2` for `-vv`.
    fn take_options(&mut self, matches: &mut ArgMatches) -> TypedOptions {
        let mut options = TypedOptions::default();
        for option in OPTIONS {
            let name = option.name;
            let values: Vec<OsString> = match option.takes {
                Takes::Nothing if matches.get_flag(name) => vec!["1".into()],
                Takes::Level if matches.get_count(name) == 1 => vec!["1".into()],
                Takes::Level if matches.get_count(name) > 1 => vec!["2".into()],
                Takes::Nothing | Takes::Level => Vec::new(),
                Takes::Text(_) | Takes::Texts(_) | Takes::Optional(_) => take_values(matches, name),
            };
            if !values.is_empty() {
                self.set_option(&mut options, option, &values, &Place::Flag(name));
            }
        }
        options
    }

    /// Reads the [`OPTIONS`] from the `SECRETS_EXEC_*` variables.
    ///
    /// Variables can't declare entries, so one such as `SECRETS_EXEC_ENV` is an error. A name that
    /// looks like a misspelled option leads to a warning. Any other name is ignored, because
    /// Kubernetes sets variables such as `SECRETS_EXEC_PORT` for a service called secrets-exec.
    /// Empty variables are skipped, but [`Self::for_declarations`] reports some of them.
    fn options_from_variables(&mut self, inherited: &Inherited) -> TypedOptions {
        let mut options = TypedOptions::default();
        for (variable, value) in inherited.iter() {
            let Some(name) = variable.to_str() else {
                continue;
            };
            // Names with a misspelled prefix, such as `SECRET_EXEC_REGION`, aren't skipped, and
            // neither is `AWS_ENDPOINT_URL_SECRETSMANAGER`, a common misspelling.
            if value.is_empty() || !name.contains("EXEC_") && !name.contains("ENDPOINT_URL_SE") {
                continue;
            }
            let Some(option) = OPTIONS.iter().find(|option| option.id.variable() == name) else {
                // `SECRETS_EXEC_ENV_FROM` → `--env-from`
                let words = name.replace(OWN_PREFIX, "--").replace('_', "-");
                let flag = words.to_lowercase();
                if ["--env", "--env-from", "--as-file", "--resolve-env"].contains(&&*flag) {
                    let text = format!("{name} isn't read: unset it, or use {flag}");
                    self.errors.push(Problem::usage(text));
                } else {
                    self.warnings.extend(misspelling_warning(name, flag));
                }
                continue;
            };
            let is_list = matches!(option.takes, Takes::Texts(_));
            let values = match value.to_str() {
                Some(list) if is_list => list.split(',').map(|part| part.trim().into()).collect(),
                _ => vec![value.to_owned()],
            };
            self.set_option(&mut options, option, &values, &Place::variable(name));
        }
        options
    }

    fn set_option(
        &mut self,
        options: &mut TypedOptions,
        option: &OptionSpec,
        values: &[OsString],
        place: &Place,
    ) {
        for fault in option.set_all(options, values, place) {
            let problem = Problem::usage(fault.about(&place.to_string()));
            self.errors.push(problem);
        }
    }

    fn take_entries(&mut self, matches: &mut ArgMatches) {
        let keeps_case = matches.get_flag("keep-case");
        if keeps_case && !matches.contains_id("env-from") {
            let problem = Problem::usage("--keep-case applies only to --env-from");
            let help = "in a declaration, write case: keep next to the reference";
            self.errors.push(problem.help(help));
        }

        for (option, name) in [
            (Argument::Env, "env"),
            (Argument::AsFile, "as-file"),
            (Argument::EnvFrom, "env-from"),
        ] {
            let texts = take_values::<String>(matches, name);
            for (number, text) in (1..).zip(&texts) {
                let shown_option = match texts.len() {
                    1 => option.to_string(),
                    _ => format!("{option} number {number}"),
                };
                let parsed = if option == Argument::EnvFrom {
                    parse_env_from(&shown_option, text, keeps_case)
                } else {
                    parse_entry(option, &shown_option, text)
                };
                self.add(parsed);
            }
        }
    }
}

fn declaration_choice(
    from_option: Vec<PathBuf>,
    has_no_file: bool,
    inherited: &Inherited,
) -> DeclarationChoice {
    let (files, by) = if !from_option.is_empty() {
        (from_option, DeclarationsNamedBy::Option)
    } else if let Some(value) = inherited.non_empty(FILE_VARIABLE) {
        (split_file_variable(value), DeclarationsNamedBy::Variable)
    } else if has_no_file {
        return DeclarationChoice::None;
    } else {
        return DeclarationChoice::InWorkingDirectory;
    };
    DeclarationChoice::Named {
        files,
        by,
        has_no_file,
    }
}

fn split_file_variable(value: &OsStr) -> Vec<PathBuf> {
    // If the value is a URL or the content of a file, its commas don't separate names.
    if not_a_path(&value.to_string_lossy()).is_some() {
        return vec![value.into()];
    }
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(|name| OsStr::from_bytes(name.trim_ascii()).into())
        .collect()
}

/// Warns about a variable that sets none of the [`OPTIONS`], if its name looks like an option that
/// variables can't set (`flag`, such as `--no-file`), or like a misspelling of one of our or AWS's
/// variables.
fn misspelling_warning(name: &str, flag: String) -> Option<Record> {
    let is_flag = name != FILE_VARIABLE && ENTRY_OPTIONS.contains(&flag.as_str());
    let instead = if is_flag {
        flag
    } else {
        similar_variable(name)?
    };
    let text = format!("secrets-exec ignores {name}: use {instead}");
    Some(Record::warning(text))
}

fn similar_variable(name: &str) -> Option<String> {
    // People tend to add these words to our variables' names, as in `SECRETS_EXEC_CONFIG_FILE`.
    let short = name
        .replace("_AWS", "")
        .replace("_DEFAULT", "")
        .replace("_CONFIG", "");
    // These names are valid, too, although they set none of the `OPTIONS`.
    let others = [FILE_VARIABLE, "AWS_ENDPOINT_URL_SECRETS_MANAGER"].map(str::to_owned);
    OPTIONS
        .iter()
        .map(|option| option.id.variable())
        .chain(others)
        .find(|own| own != name && strsim::osa_distance(&short, own) <= 1)
}

fn take_values<T: Clone + Send + Sync + 'static>(matches: &mut ArgMatches, option: &str) -> Vec<T> {
    matches.remove_many(option).into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn clap_accepts_the_table_of_options() {
        super::with_program().debug_assert();
    }
}
