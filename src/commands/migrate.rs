//! `secrets-exec migrate`: prints the declaration that replaces a .env file, or the secret with its values, as JSON or for `--local`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::export::refuse_terminal;
use crate::input;
use crate::input::cli::MigrateArguments;
use crate::input::env_file::{EnvFile, Setting, read_env_file};
use crate::model::entry::{EntrySource, Target};
use crate::model::env_name::EnvName;
use crate::model::inherited::Inherited;
use crate::model::reference::SecretId;
use crate::model::secret_value::SecretValue;
use crate::report::{Record, Report, terminal};

/// Prints the declaration, the JSON object of the secret, or the file for `--local`.
///
/// # Errors
/// Every line that cannot be read, every mistake in the declaration, or the reason why standard output cannot be written.
pub fn migrate(arguments: &MigrateArguments, inherited: &Inherited) -> Result<(), Report> {
    let remedy = "pipe the values to a program, or add --reveal to see them";
    refuse_terminal(
        arguments.reveal || !(arguments.values || arguments.for_local),
        remedy,
    )?;
    let declared = if arguments.values || arguments.for_local {
        declared_literals(&arguments.declarations)?
    } else {
        BTreeSet::new()
    };
    let EnvFile {
        settings,
        object,
        templates,
        notices,
    } = read_env_file(arguments, &declared).map_err(Report::from_iter)?;
    let is_quiet = arguments.quiet
        || inherited
            .get("SECRETS_EXEC_QUIET")
            .is_some_and(|value| value == "1");
    if !is_quiet {
        terminal::print(notices.into_iter().map(Record::warning));
        let suggestion = |setting: &Setting| {
            let template = templates.get(&setting.name)?;
            Some(template_warning(setting, template, &arguments.secret))
        };
        terminal::print(settings.iter().filter_map(suggestion));
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

/// Returns the variables that existing declarations set to a literal. Without `files`, reads the declaration in the working directory, if
/// there is one.
///
/// # Errors
/// Every mistake in the declarations.
fn declared_literals(files: &[PathBuf]) -> Result<BTreeSet<EnvName>, Report> {
    let (declarations, errors) = input::declaration::load(files, files.is_empty(), true);
    if !errors.is_empty() {
        return Err(Report::from_iter(errors));
    }
    let mut literals = BTreeSet::new();
    for entry in declarations.into_iter().flat_map(|read| read.layer.entries) {
        let Target::Env(name) = entry.target else {
            continue;
        };
        // A later declaration overrides an earlier one.
        if let EntrySource::Literal(_) = entry.source {
            literals.insert(name);
        } else {
            literals.remove(&name);
        }
    }
    Ok(literals)
}

/// Returns the warning about a value with `${NAME}`, with the template that replaces it.
fn template_warning(setting: &Setting, template: &str, secret: &SecretId) -> Record {
    let text = format!(
        "the value of {} refers to other variables with ${{NAME}}, which secrets-exec doesn't expand",
        setting.name_and_place()
    );
    let mut help = format!("write {}: {{ template: \"{template}\" }}", setting.name);
    if template.contains("{{ app.") {
        help += &format!(" and secrets: {{ app: {} }}", scalar(&secret.to_string()));
    }
    Record::warning(text).with_help(help)
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
