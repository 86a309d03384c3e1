//! `secrets-exec migrate`: turns a .env file into a declaration and a secret.
//!
//! Except for literals, values are only printed with `--values` or `--for-local`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::export::refuse_terminal;
use crate::input::cli::MigrateArguments;
use crate::input::declaration::{Sections, load_declarations};
use crate::input::env_file::{EnvVariable, read_env_file, secret_json};
use crate::model::answer::SecretValue;
use crate::model::entry::{Source, Target};
use crate::model::environment::{EnvName, Inherited};
use crate::model::reference::SecretId;
use crate::report::{Record, Report, terminal};

/// Prints the declaration that replaces a .env file. With `--values`, prints the JSON object to
/// store as the secret instead. With `--for-local`, prints a file for `--local`. Also prints the
/// warnings about the .env file, unless `--quiet` is set or SECRETS_EXEC_QUIET is 1 or
/// true.
///
/// If existing declarations set a variable to a literal, the JSON object and the file for `--local`
/// leave the variable out, because it doesn't need a secret.
///
/// # Errors
/// When values would be printed to a terminal without `--reveal`, when an existing declaration or
/// the .env file can't be read or has mistakes, or when the output can't be written.
pub fn migrate(arguments: &MigrateArguments, inherited: &Inherited) -> Result<(), Report> {
    let mut declared = BTreeSet::new();
    let prints_values = arguments.values || arguments.for_local;
    if prints_values {
        let remedy = "redirect the values to a file or a program, or add --reveal to see them";
        refuse_terminal(arguments.reveal, remedy)?;
        declared = declared_literals(&arguments.declarations)?;
    }

    let file = read_env_file(arguments, &declared)?;
    // Of the options of `migrate`, SECRETS_EXEC_* variables can set only `--quiet` and `-f`. The
    // variable for `-f` has already been read.
    let quiet_variable = inherited.get("SECRETS_EXEC_QUIET");
    let is_quiet =
        arguments.quiet || quiet_variable.is_some_and(|value| value == "1" || value == "true");
    if !is_quiet {
        terminal::print_always(file.warnings.into_iter().map(Record::warning));
    }

    let printed = if arguments.values {
        secret_json(&file.variables)
    } else if arguments.for_local {
        local_file(&arguments.secret, &file.variables)
    } else {
        declaration(&arguments.secret, &file.variables)
    };
    Ok(terminal::output_whole(printed.expose())?)
}

/// Returns the variables that existing declarations set to a literal. If `files` is empty, reads
/// the declaration in the working directory, if there is one.
///
/// # Errors
/// If a declaration can't be read, or has mistakes.
fn declared_literals(files: &[PathBuf]) -> Result<BTreeSet<EnvName>, Report> {
    let declarations = load_declarations(files, "", files.is_empty(), Sections::All);
    Report::from(declarations.errors).into_result()?;
    let mut literals = BTreeSet::new();
    let layers = declarations.layers.into_iter();
    for entry in layers.flat_map(|layer| layer.entries) {
        let Target::Env(name) = entry.target else {
            continue;
        };
        // A later declaration overrides an earlier one.
        if let Source::Literal(_) = entry.source {
            literals.insert(name);
        } else {
            literals.remove(&name);
        }
    }
    Ok(literals)
}

/// Returns a declaration with an entry for each variable.
fn declaration(secret: &SecretId, variables: &[EnvVariable]) -> SecretValue {
    let entry = |variable: &EnvVariable| match variable.is_literal {
        true => SecretValue::new([b"{ value: ", variable.json().expose(), b" }"].concat()),
        false => SecretValue::new(scalar(&format!("{secret}:{}", variable.name))),
    };
    mapping("env", variables.iter(), entry)
}

/// Returns a file for `--local` with the values that move to the secret.
fn local_file(secret: &SecretId, variables: &[EnvVariable]) -> SecretValue {
    let in_secret = variables.iter().filter(|variable| !variable.is_literal);
    mapping(&scalar(&secret.to_string()), in_secret, EnvVariable::json)
}

/// Returns a YAML mapping with one key. Below the key, each variable has a line with its name and
/// the result of `value`. `key` and the results are inserted unchanged, so they must be valid YAML.
fn mapping<'s>(
    key: &str,
    variables: impl Iterator<Item = &'s EnvVariable>,
    value: impl Fn(&EnvVariable) -> SecretValue,
) -> SecretValue {
    let mut lines = Zeroizing::new(Vec::new());
    for variable in variables {
        lines.extend_from_slice(format!("  {}: ", variable.name).as_bytes());
        lines.extend_from_slice(value(variable).expose());
        lines.push(b'\n');
    }

    let empty = if lines.is_empty() { " {}" } else { "" };
    let mut text = format!("{key}:{empty}\n").into_bytes();
    text.extend_from_slice(&lines);
    SecretValue::new(text)
}

/// Returns an id or a reference, which contains neither quotes nor backslashes, as a YAML scalar.
/// The scalar is in quotes unless it begins with a letter, because `@`, `!` or `---` at the start
/// has a meaning in YAML.
fn scalar(id: &str) -> String {
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return id.to_owned();
    }
    format!("\"{id}\"")
}
