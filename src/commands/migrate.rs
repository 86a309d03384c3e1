//! `secrets-exec migrate`: turns a .env file into a declaration. With `--values`, prints the JSON
//! object to store as the secret instead and, with `--for-local`, a file for `--local`.
//!
//! Values are printed only with one of these two options, except for literals, which are part of
//! the declaration.

use zeroize::Zeroizing;

use super::output::{output_file, refuse_terminal, write_file};
use crate::input::cli::MigrateArguments;
use crate::input::env_file::{EnvVariable, read_env_file, secret_json};
use crate::model::answer::SecretValue;
use crate::model::entry::Mode;
use crate::model::environment::Inherited;
use crate::model::message::Problem;
use crate::model::options::{Quiet, parse_quiet};
use crate::model::reference::SecretId;
use crate::model::shown::shell_word;
use crate::report::{Record, Report, terminal};

/// Prints the declaration or the values, or writes them to the `--output` file. Returns the
/// warnings, and notes that suggest which commands to run next.
pub fn migrate(arguments: &MigrateArguments, inherited: &Inherited) -> Result<Vec<Record>, Report> {
    let output = output_file(arguments.output.as_ref());
    if let Some(path) = &output
        && path.is_file()
    {
        // Somebody may have edited the file, so don't replace it.
        let path = path.display();
        let text = format!("the file \"{path}\" exists, and --output doesn't replace a file");
        let help = "remove it, or write to another file and compare the two";
        return Err(Problem::configuration(text).help(help).into());
    }
    let has_values = arguments.values || arguments.for_local;
    if has_values && output.is_none() && !arguments.reveal {
        let remedy = "write the values to a file with --output FILE, pipe them to a program, or add --reveal to see them";
        refuse_terminal(remedy)?;
    }

    let file = read_env_file(arguments)?;
    // `--quiet` is the only option of `migrate` that a SECRETS_EXEC_* variable can set.
    let quiet_variable = inherited.get("SECRETS_EXEC_QUIET");
    let inherited_quiet = quiet_variable.and_then(|value| parse_quiet(value).ok());
    terminal::use_quiet(match arguments.quiet {
        0 => inherited_quiet.unwrap_or_default(),
        level => Quiet::from_level(level),
    });
    let mut notices = file.warnings;

    let printed = if arguments.values {
        secret_json(&file.variables)
    } else if arguments.for_local {
        local_file(&arguments.secret, &file.variables)
    } else {
        declaration(&arguments.secret, &file.variables)
    };
    match output {
        Some(path) => {
            let mode = if has_values { 0o600 } else { 0o644 };
            write_file(path, printed, Mode(mode))?;
        }
        None => terminal::output_whole(printed.expose())?,
    }

    let has_secret = file.variables.iter().any(|variable| !variable.is_literal);
    if !has_values && has_secret {
        notices.extend(next_steps(arguments));
    }
    Ok(notices)
}

fn next_steps(arguments: &MigrateArguments) -> [Record; 2] {
    let id = shell_word("ID", &arguments.secret.to_string());
    // A secret given as an ARN already exists. The suggested command would remove any other keys,
    // so the suggestion says that it replaces all keys.
    let (purpose, command) = match arguments.secret {
        SecretId::Arn(_) => (
            "replace all keys of the secret",
            "put-secret-value --secret-id",
        ),
        SecretId::Name(_) => ("create the secret", "create-secret --name"),
    };
    let aws = format!("aws secretsmanager {command} {id} --secret-string file:///dev/stdin");
    let migrate = migrate_command(arguments, &id);
    let mut store = format!("{purpose}: {migrate} --values | {aws}");
    if output_file(arguments.output.as_ref()).is_none() {
        store = format!("save this output as secrets-exec.yaml, and {store}");
    }
    let develop = format!(
        "to develop without AWS, create a file for --local: {migrate} --for-local -o secrets.local.yaml"
    );
    [store, develop].map(Record::note)
}

/// The command line of this run without its output options, for a suggestion. `id` must already be
/// quoted for a shell.
fn migrate_command(arguments: &MigrateArguments, id: &str) -> String {
    // A pipe, as in `migrate <(…)`, can't be read again, so suggest `FILE` instead.
    let path = arguments
        .file
        .to_str()
        .filter(|path| !path.starts_with("/dev/") && !path.starts_with("/proc/"))
        .unwrap_or("FILE");
    let file = shell_word("FILE", path);
    let mut command = format!("secrets-exec migrate {file} --secret {id}");
    for (option, globs) in [
        ("only", &arguments.only),
        ("except", &arguments.except),
        ("literal", &arguments.literal),
    ] {
        for glob in globs {
            command += &format!(" --{option} {}", shell_word("GLOB", glob.as_str()));
        }
    }
    command
}

fn declaration(secret: &SecretId, variables: &[EnvVariable]) -> SecretValue {
    mapping("env", variables, |variable| {
        if variable.is_literal {
            SecretValue::new([b"{ value: ", variable.json().expose(), b" }"].concat())
        } else {
            SecretValue::new(scalar(&format!("{secret}:{}", variable.name)))
        }
    })
}

/// The text of a file for `--local`.
fn local_file(secret: &SecretId, variables: &[EnvVariable]) -> SecretValue {
    let in_secret = variables.iter().filter(|variable| !variable.is_literal);
    mapping(&scalar(&secret.to_string()), in_secret, EnvVariable::json)
}

/// A YAML mapping with one key, and under it a line for each variable. `key` and the texts from
/// `value` must be valid YAML.
fn mapping<'v>(
    key: &str,
    variables: impl IntoIterator<Item = &'v EnvVariable>,
    value: impl Fn(&EnvVariable) -> SecretValue,
) -> SecretValue {
    let mut variables = variables.into_iter().peekable();
    let empty = if variables.peek().is_none() {
        " {}"
    } else {
        ""
    };
    let mut text = Zeroizing::new(format!("{key}:{empty}\n").into_bytes());
    for variable in variables {
        text.extend_from_slice(format!("  {}: ", variable.name).as_bytes());
        text.extend_from_slice(value(variable).expose());
        text.push(b'\n');
    }
    SecretValue::new(text.as_slice())
}

/// Quotes an id or a reference unless it begins with a letter, because a leading `@`, `!` or `---`
/// has a special meaning in YAML. Neither contains quotes or backslashes, so nothing has to be
/// escaped.
fn scalar(id: &str) -> String {
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return id.to_owned();
    }
    format!("\"{id}\"")
}
