//! `secrets-exec migrate`: turns a .env file into a declaration and a secret.
//!
//! Except for literals, values are only printed with `--values` or `--for-local`, and not with
//! `--placeholders`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use zeroize::Zeroizing;

use super::export::{output_file, refuse_terminal, write_file};
use crate::input::cli::MigrateArguments;
use crate::input::declaration::{DeclarationChoice, Sections, load_declarations};
use crate::input::env_file::{EnvVariable, placeholder_note, read_env_file, secret_json};
use crate::model::answer::SecretValue;
use crate::model::entry::{Mode, Source, Target, shell_quoted};
use crate::model::environment::{EnvName, Inherited};
use crate::model::options::parse_level;
use crate::model::problem::Problem;
use crate::model::reference::SecretId;
use crate::model::shown::text_or;
use crate::report::{Record, Report, terminal};
use crate::system::os_error::is_same_file;

/// The name of the declaration that a launch and `migrate` read without `-f`.
const DEFAULT_NAME: &str = "secrets-exec.yaml";

/// Prints the declaration that replaces a .env file, or writes it to the file of `--output`. With
/// `--values`, the output is the JSON object to store as the secret instead and, with
/// `--for-local`, a file for `--local`. Also prints warnings and notes, which include the commands
/// that come after the declaration, unless `--quiet` or SECRETS_EXEC_QUIET hides them.
///
/// If existing declarations set a variable to a literal, the JSON object and the file for `--local`
/// leave the variable out, because it doesn't need a secret.
///
/// # Errors
/// If `--placeholders` is given without `--for-local`, if `--output` names the .env file, if values
/// would be printed to a terminal without `--reveal`, if an existing declaration or the .env file
/// can't be read or has mistakes, or if the output can't be written.
pub fn migrate(arguments: &MigrateArguments, inherited: &Inherited) -> Result<(), Report> {
    let mut declared = BTreeSet::new();
    if arguments.placeholders && !arguments.for_local {
        let problem = Problem::usage("--placeholders requires --for-local");
        return Err(problem.help("add --for-local").into());
    }
    let output = output_file(arguments.output.as_ref());
    if let Some(path) = &output
        && is_same_file(path, &arguments.file)
    {
        let path = path.display();
        let text = format!("--output would replace \"{path}\", the file that migrate reads");
        return Err(Problem::usage(text).into());
    }
    let has_values = arguments.values || arguments.for_local;
    if has_values {
        let remedy = "write the values to a file with --output FILE, pipe them to a program, or add --reveal to see them";
        let is_harmless = arguments.reveal || arguments.placeholders || output.is_some();
        refuse_terminal(is_harmless, remedy)?;
        declared = declared_literals(&arguments.declarations)?;
    }

    let file = read_env_file(arguments, &declared)?;
    // Of the options of `migrate`, SECRETS_EXEC_* variables can set only `--quiet` and `-f`. The
    // variable for `-f` has already been read.
    let quiet_variable = inherited.get("SECRETS_EXEC_QUIET");
    let inherited_level = quiet_variable.and_then(|value| parse_level(value).ok());
    terminal::use_quiet(match arguments.quiet {
        0 => inherited_level.unwrap_or_default(),
        level => level,
    });
    terminal::print_unless_hidden(file.warnings.into_iter().map(Record::warning));

    let printed = if arguments.values {
        secret_json(&file.variables)
    } else if arguments.for_local {
        local_file(arguments, &file.variables)
    } else {
        declaration(&arguments.secret, &file.variables)
    };
    match &output {
        Some(path) => {
            let mode = if has_values { 0o600 } else { 0o644 };
            write_file(path.clone(), printed, Mode(mode))?;
        }
        None => terminal::output_whole(printed.expose())?,
    }

    if arguments.placeholders {
        terminal::print_unless_hidden(placeholder_note(&file.variables).map(Record::note));
    }
    let has_secret = file.variables.iter().any(|variable| !variable.is_literal);
    if !has_values && has_secret {
        terminal::print_unless_hidden(next_steps(arguments, output));
    }
    Ok(())
}

/// The notes with the commands to run next, once the declaration has been written to the file
/// `output` or, without one, has been printed.
fn next_steps(arguments: &MigrateArguments, output: Option<PathBuf>) -> [Record; 2] {
    // Don't repeat the path of a pipe, such as that of `<(…)`, because the pipe can't be read
    // again.
    let path = arguments
        .file
        .to_str()
        .filter(|path| !path.starts_with("/dev/") && !path.starts_with("/proc/"))
        .unwrap_or("FILE");
    let file = shell_quoted(path);
    let id = shell_quoted(text_or("ID", &arguments.secret.to_string()));
    let mut migrate = format!("secrets-exec migrate {file} --secret {id}");
    // `--literal` isn't needed, because the commands read the literals in the declaration.
    for (option, globs) in [("only", &arguments.only), ("except", &arguments.except)] {
        for glob in globs {
            let glob = text_or("GLOB", glob.as_str());
            migrate += &format!(" --{option} {}", shell_quoted(glob));
        }
    }
    let mut declarations = match &arguments.declarations {
        DeclarationChoice::Named { files, .. } => files.clone(),
        DeclarationChoice::None | DeclarationChoice::InWorkingDirectory => Vec::new(),
    };
    let is_saved = output.is_some();
    let declaration = output.unwrap_or(DEFAULT_NAME.into());
    if !declarations.contains(&declaration) {
        declarations.insert(0, declaration);
    }
    for path in declarations {
        migrate += &format!(" -f {}", shell_quoted(&path.display().to_string()));
    }
    // A secret that is given as an ARN already exists, and may have other keys.
    let (purpose, store) = match arguments.secret {
        SecretId::Arn(_) => (
            "replace all keys of the secret",
            "put-secret-value --secret-id",
        ),
        SecretId::Name(_) | SecretId::Empty(_) => ("create the secret", "create-secret --name"),
    };
    let aws = format!("aws secretsmanager {store} {id} --secret-string file:///dev/stdin");
    let mut store = format!("{purpose}: {migrate} --values | {aws}");
    if !is_saved {
        store = format!("save this output as {DEFAULT_NAME}, and {store}");
    }
    let steps = [
        store,
        format!(
            "to develop without AWS, create a file for --local: {migrate} --for-local -o secrets.local.yaml"
        ),
    ];
    steps.map(Record::note)
}

/// Reads the declarations, and finds the variables that they set to a literal.
fn declared_literals(choice: &DeclarationChoice) -> Result<BTreeSet<EnvName>, Report> {
    let declarations = load_declarations(choice, Sections::All);
    Report::from(declarations.errors).into_result()?;
    let mut literals = BTreeMap::new();
    // A later declaration overrides an earlier one.
    for entry in declarations
        .layers
        .into_iter()
        .flat_map(|layer| layer.entries)
    {
        if let Target::Env(name) = entry.target {
            literals.insert(name, matches!(entry.source, Source::Literal(_)));
        }
    }
    literals.retain(|_, is_literal| *is_literal);
    Ok(literals.into_keys().collect())
}

/// A declaration with an entry for each variable.
fn declaration(secret: &SecretId, variables: &[EnvVariable]) -> SecretValue {
    mapping("env", variables, |variable| {
        if variable.is_literal {
            SecretValue::new([b"{ value: ", variable.json().expose(), b" }"].concat())
        } else {
            SecretValue::new(scalar(&format!("{secret}:{}", variable.name)))
        }
    })
}

/// A file for `--local` with the values that move to the secret, or with placeholders.
fn local_file(arguments: &MigrateArguments, variables: &[EnvVariable]) -> SecretValue {
    let id = scalar(&arguments.secret.to_string());
    let in_secret: Vec<_> = variables
        .iter()
        .filter(|variable| !variable.is_literal)
        .collect();
    mapping(&id, in_secret, |variable| {
        if arguments.placeholders {
            // The text may be JSON, whose quotes are escaped.
            SecretValue::new(Value::from(variable.placeholder()).to_string())
        } else {
            variable.json()
        }
    })
}

/// Makes a YAML mapping with one key. Below the key, each variable has a line with its name and
/// the result of `value`. The key and the values are inserted unchanged, so they must be valid
/// YAML.
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

/// Writes an id or a reference, which contains neither quotes nor backslashes, as a YAML scalar.
/// The scalar is in quotes unless it begins with a letter, because `@`, `!` or `---` at the start
/// has a meaning in YAML.
fn scalar(id: &str) -> String {
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return id.to_owned();
    }
    format!("\"{id}\"")
}
