//! `secrets-exec migrate`: prints the declaration that replaces a .env file, or the secret with its values, as JSON or for `--local`.

use zeroize::Zeroizing;

use super::export::refuse_terminal;
use crate::input::cli::MigrateArguments;
use crate::input::env_file::{EnvFile, Setting, read_env_file};
use crate::model::inherited::Inherited;
use crate::model::reference::SecretId;
use crate::model::secret_value::SecretValue;
use crate::report::{Record, Report, terminal};

/// Prints the declaration, the JSON object of the secret, or the file for `--local`.
///
/// # Errors
/// Every line that cannot be read, or the reason why standard output cannot be written.
pub fn migrate(arguments: &MigrateArguments, inherited: &Inherited) -> Result<(), Report> {
    let remedy = "pipe the values to a program, or add --reveal to see them";
    refuse_terminal(
        arguments.reveal || !(arguments.values || arguments.for_local),
        remedy,
    )?;
    let EnvFile {
        settings,
        object,
        notices,
    } = read_env_file(arguments).map_err(Report::from_iter)?;
    let is_quiet = arguments.quiet
        || inherited
            .get("SECRETS_EXEC_QUIET")
            .is_some_and(|value| value == "1");
    if !is_quiet {
        terminal::print(notices.into_iter().map(Record::warning));
    }
    let printed = match arguments {
        MigrateArguments { values: true, .. } => object,
        MigrateArguments {
            for_local: true, ..
        } => local_file(&arguments.secret, &settings),
        MigrateArguments { .. } => declaration(&arguments.secret, &settings),
    };
    Ok(terminal::output_whole(printed.expose())?)
}

/// Returns a declaration with an entry for each variable.
fn declaration(secret: &SecretId, settings: &[Setting]) -> SecretValue {
    let entry = |setting: &Setting| match setting.is_literal {
        true => SecretValue::new([b"{ value: ", setting.json().expose(), b" }"].concat()),
        false => SecretValue::new(scalar(&format!("{secret}:{}", setting.name))),
    };
    mapping("env", settings.iter(), entry)
}

/// Returns the file for `--local` with the values of the secret.
fn local_file(secret: &SecretId, settings: &[Setting]) -> SecretValue {
    mapping(
        &scalar(&secret.to_string()),
        settings.iter().filter(|setting| !setting.is_literal),
        Setting::json,
    )
}

/// Returns a mapping of YAML with one key, under which each name has its value.
fn mapping<'s>(
    key: &str,
    settings: impl Iterator<Item = &'s Setting>,
    value: impl Fn(&Setting) -> SecretValue,
) -> SecretValue {
    let mut lines = Zeroizing::new(Vec::new());
    for setting in settings {
        lines.extend_from_slice(format!("  {}: ", setting.name).as_bytes());
        lines.extend_from_slice(value(setting).expose());
        lines.push(b'\n');
    }

    let empty = if lines.is_empty() { " {}" } else { "" };
    let mut text = format!("{key}:{empty}\n").into_bytes();
    text.extend_from_slice(&lines);
    SecretValue::new(text)
}

/// Returns an id or a reference as a scalar of YAML: in quotes unless it begins with a letter; it has neither a quote nor a backslash.
fn scalar(id: &str) -> String {
    let quote = if id.starts_with(|c: char| c.is_ascii_alphabetic()) {
        ""
    } else {
        "\""
    };
    format!("{quote}{id}{quote}")
}
