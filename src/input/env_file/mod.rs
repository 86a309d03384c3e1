//! Reads the .env file of `migrate`. Its variables become the JSON object of a secret, or literals
//! of a declaration.
//!
//! `python_dotenv` has the syntax. Neither an error nor a warning shows a value.

mod python_dotenv;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Read;

use serde::Serializer;
use zeroize::Zeroizing;

use crate::input::cli::MigrateArguments;
use crate::input::text_file;
use crate::model::env_variables::{EnvName, OWN_PREFIX, matches_any};
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error::unreadable;
use python_dotenv::{Statement, statements};

/// The most bytes that a secret can have. A longer file is not read.
const MOST_BYTES: usize = 65_536;

/// The variables of a file that move to a secret or a declaration.
#[derive(Debug)]
pub struct EnvFile {
    /// The variables in the order of the file.
    pub variables: Vec<EnvVariable>,
    /// The JSON object of the variables that become a secret.
    pub secret_json: SecretValue,
    /// Warnings, which quote no value. A suggested template has only names of variables from the
    /// value.
    pub warnings: Vec<String>,
}

/// A variable of the file. It becomes a key of the secret, or a literal of the declaration.
#[derive(Debug)]
pub struct EnvVariable {
    pub name: EnvName,
    pub value: SecretValue,
    /// True if the variable becomes a literal of the declaration.
    pub is_literal: bool,
    /// `FILE:LINE`
    position: String,
    /// True if Node.js reads another value.
    differs_in_node: bool,
}

impl EnvVariable {
    /// Returns the variable as `NAME (FILE:LINE)`.
    pub fn name_and_position(&self) -> String {
        format!("{} ({})", self.name, self.position)
    }

    /// Returns the value as a JSON string, which is also valid YAML.
    pub fn json(&self) -> SecretValue {
        let mut text = Vec::new();
        // The file is UTF-8, so `from_utf8_lossy` doesn't change anything, and writing to memory
        // doesn't fail.
        let _ = serde_json::to_writer(&mut text, &String::from_utf8_lossy(self.value.expose()));
        SecretValue::new(text)
    }
}

/// Returns an error at a position, which is `FILE` or `FILE:LINE`.
fn error(position: &str, what: impl Display) -> Problem {
    Problem::configuration(format!("{position}: {what}"))
}

/// Reads the variables that `arguments` select from the file. The variables in `declared` are
/// literals, as if `--literal` named them.
///
/// # Errors
/// The reason why the file can't be read, or an error for each line that is malformed.
pub fn read_env_file(
    arguments: &MigrateArguments,
    declared: &BTreeSet<EnvName>,
) -> Result<EnvFile, Vec<Problem>> {
    let path = &arguments.file;
    let name = path.display().to_string();
    let mut bytes = Zeroizing::new(Vec::new());
    text_file::open(path)
        .map_err(|problem| vec![problem])?
        .take(MOST_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| vec![unreadable(&name, &error)])?;
    if bytes.len() > MOST_BYTES {
        return Err(vec![too_large(&name)]);
    }
    text_file::refuse_encrypted(&bytes, &name, "", path.to_str())
        .map_err(|problem| vec![problem])?;

    match std::str::from_utf8(&bytes) {
        Ok(text) => parse_env_file(&name, text, arguments, declared),
        Err(utf8) => {
            let valid = &bytes[..utf8.valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            let position = format!("{name}:{line}");
            Err(vec![error(&position, "the line is not UTF-8")])
        }
    }
}

/// Returns the error for a file or an object that is larger than a secret can be.
fn too_large(file: &str) -> Problem {
    error(
        file,
        format!("the text is larger than {MOST_BYTES} bytes, the limit for a secret"),
    )
    .help("split the file")
}

/// Parses the text of the file, as [`read_env_file`] describes it.
///
/// # Errors
/// An error for the file, or for each line that is malformed.
pub fn parse_env_file(
    file: &str,
    text: &str,
    arguments: &MigrateArguments,
    declared: &BTreeSet<EnvName>,
) -> Result<EnvFile, Vec<Problem>> {
    // Python's universal newlines treat all of these as the end of a line.
    let lines = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    let selected = select_variables(file, statements(&lines), arguments, declared);
    let (variables, mut warnings) = (selected.variables, selected.warnings);
    let mut errors = selected.errors;

    let secret_json = secret_json(&variables);
    if variables.is_empty() && errors.is_empty() {
        let help = "migrate never moves AWS_*, SECRETS_EXEC_* and PATH, and --only and --except select the others";
        errors.push(error(file, "this file doesn't have any variables to move").help(help));
    }
    if secret_json.len() > MOST_BYTES {
        errors.push(too_large(file));
    }
    if !errors.is_empty() {
        return Err(errors);
    }

    let differing = variables.iter().filter(|variable| variable.differs_in_node);
    warnings.extend(warning_about(
        "Node's --env-file or npm's dotenv may give another value to",
        &Vec::from_iter(differing.map(EnvVariable::name_and_position)),
        ": they support hardly any escapes except `\\n`, treat backticks as quotes, and end a value without quotes at `#`",
    ));
    warnings.extend(expansion_warnings(&variables, arguments));
    Ok(EnvFile {
        variables,
        secret_json,
        warnings,
    })
}

/// Returns the warnings about values with a dollar sign, which other readers of .env files expand.
/// If the declaration is printed, these warnings suggest templates. The other outputs don't have
/// templates.
fn expansion_warnings(variables: &[EnvVariable], arguments: &MigrateArguments) -> Vec<String> {
    let prints_declaration = !arguments.values && !arguments.for_local;
    let (mut warnings, mut others) = (Vec::new(), Vec::new());
    for variable in variables {
        if !variable.value.expose().contains(&b'$') {
            continue;
        }
        let name = variable.name_and_position();
        match template(variable, variables) {
            Some(template) if prints_declaration => warnings.push(format!(
                "secrets-exec doesn't expand ${{NAME}} in the value of {name}: write {}: {{ template: \"{template}\" }}, with secrets: {{ app: {} }}",
                variable.name, arguments.secret
            )),
            Some(_) | None => others.push(name),
        }
    }
    warnings.extend(warning_about(
        "some programs that read .env files expand the `$` in",
        &others,
        ", but secrets-exec doesn't",
    ));
    warnings
}

/// Returns a warning that lists variables. Returns `None` if there aren't any.
fn warning_about(before: &str, names: &[String], after: &str) -> Option<String> {
    (!names.is_empty()).then(|| format!("{before} {}{after}", names.join(", ")))
}

/// The variables that move to a secret or a declaration, and what to report about the others.
#[derive(Default)]
struct Selection {
    /// The variables in the order of the file.
    variables: Vec<EnvVariable>,
    /// Warnings about variables that are left out, and about patterns that match nothing.
    warnings: Vec<String>,
    /// An error for each line that is malformed.
    errors: Vec<Problem>,
    /// The variables that must not come from a secret, with their positions.
    left_out: Vec<String>,
}

/// Selects the variables that move: those that `--only` and `--except` allow, except those that
/// must not come from a secret. If several lines set a variable, the last one wins.
fn select_variables(
    file: &str,
    statements: Vec<Statement>,
    arguments: &MigrateArguments,
    declared: &BTreeSet<EnvName>,
) -> Selection {
    let mut selection = Selection {
        warnings: unmatched_patterns(file, &statements, arguments),
        ..Selection::default()
    };
    for statement in statements {
        let position = format!("{file}:{}", statement.line);
        selection.add(statement, position, arguments, declared);
    }
    selection.warnings.extend(warning_about(
        "migrate leaves out",
        &selection.left_out,
        ", because a launch needs AWS_*, PATH and SECRETS_EXEC_* before it reads the secret",
    ));
    selection
}

impl Selection {
    /// Adds the variable that a statement sets, instead of an earlier one with this name. If the
    /// variable doesn't move, notes why, unless `--only` or `--except` is the reason.
    fn add(
        &mut self,
        statement: Statement,
        position: String,
        arguments: &MigrateArguments,
        declared: &BTreeSet<EnvName>,
    ) {
        let (written_name, value) = match statement.binding {
            None => return self.errors.push(malformed_line(&position)),
            Some((name, _)) if !is_selected(&name, arguments) => return,
            Some((name, None)) => {
                // python-dotenv also forgets an earlier value.
                self.remove(&name);
                return self.warnings.push(format!(
                    "{position}: this line has a name but no value, so migrate leaves it out"
                ));
            }
            Some((name, Some(value))) => (name, value),
        };
        let Some(name) = EnvName::parse(&written_name) else {
            return self.errors.push(illegal_name(&position));
        };
        if is_left_out(&name) {
            return self.left_out.push(format!("{name} ({position})"));
        }

        if statement.continues_elsewhere {
            self.warnings.push(format!(
                "{position}: this line ends with a backslash, so systemd and shells append the next line to the value; secrets-exec doesn't"
            ));
        }
        self.remove(name.as_str());
        self.variables.push(EnvVariable {
            is_literal: matches_any(&arguments.literal, name.as_str()) || declared.contains(&name),
            name,
            value,
            position,
            differs_in_node: statement.differs_in_node,
        });
    }

    /// Removes the variable with this name, because a later line sets it again, or unsets it.
    fn remove(&mut self, name: &str) {
        self.variables
            .retain(|variable| variable.name.as_str() != name);
    }
}

/// Returns a warning for each pattern of `--only`, `--except` and `--literal` that matches no name
/// in the file.
fn unmatched_patterns(
    file: &str,
    statements: &[Statement],
    arguments: &MigrateArguments,
) -> Vec<String> {
    let named = arguments.only.iter().chain(&arguments.except);
    let mut warnings = Vec::new();
    for pattern in named.chain(&arguments.literal) {
        let mut bindings = statements
            .iter()
            .filter_map(|statement| statement.binding.as_ref());
        if !bindings.any(|(name, _)| pattern.matches(name)) {
            warnings.push(format!("no name in {file} matches {pattern}"));
        }
    }
    warnings
}

/// True if `--only` and `--except` select the variable.
fn is_selected(name: &str, MigrateArguments { only, except, .. }: &MigrateArguments) -> bool {
    (only.is_empty() || matches_any(only, name)) && !matches_any(except, name)
}

/// Returns the error for a line that python-dotenv can't parse.
fn malformed_line(position: &str) -> Problem {
    let what = "this line is not NAME=VALUE, or its quotes don't match";
    let help = "write NAME=VALUE, or # before a comment; if a value contains quotes or line breaks, put the whole value in quotes, and write nothing after the closing quote";
    error(position, what).help(help)
}

/// Returns the error for a name that isn't an [`EnvName`].
fn illegal_name(position: &str) -> Problem {
    let what = "a name can only have letters, digits and \"_\", and can't begin with a digit";
    let help = "correct the name, or leave it out with --except";
    error(position, what).help(help)
}

/// Returns a template with the variables of the secret that a value refers to as `${NAME}`, in the
/// order of the value. Returns `None` if there aren't any. A variable that is a literal or refers
/// to itself isn't in the template.
///
/// Everything else in the value may be secret, so the template has `…` instead.
fn template(variable: &EnvVariable, variables: &[EnvVariable]) -> Option<String> {
    let value = String::from_utf8_lossy(variable.value.expose());
    let mut parts: Vec<(usize, String)> = Vec::new();
    for other in variables {
        let reference = value.find(&format!("${{{}}}", other.name));
        if let Some(at) = reference
            && !other.is_literal
            && other.name != variable.name
        {
            parts.push((at, format!("…{{{{ app.{} }}}}…", other.name)));
        }
    }
    parts.sort();
    let template: String = parts.into_iter().map(|(_, part)| part).collect();
    (!template.is_empty()).then(|| template.replace("……", "…"))
}

/// Returns true for a variable that must not come from a secret: a launch needs `AWS_*` to read the
/// secret, looks the command up in PATH before that, and reads its own options from
/// `SECRETS_EXEC_*`.
fn is_left_out(name: &EnvName) -> bool {
    let name = name.as_str();
    name == "PATH" || name.starts_with("AWS_") || name.starts_with(OWN_PREFIX)
}

/// Returns the JSON object of the variables that become a secret, in the order of the file.
fn secret_json(variables: &[EnvVariable]) -> SecretValue {
    let in_secret = variables.iter().filter(|variable| !variable.is_literal);
    let members = in_secret.map(|variable| {
        (
            variable.name.as_str(),
            String::from_utf8_lossy(variable.value.expose()),
        )
    });
    let mut text = Vec::new();
    // Writing to memory doesn't fail.
    let _ = serde_json::Serializer::new(&mut text).collect_map(members);
    SecretValue::new(text)
}
