//! Reads the file of `migrate`: a .env file, as `python_dotenv` reads it, becomes the JSON object of a secret.

mod python_dotenv;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;

use serde::Serializer;
use zeroize::Zeroizing;

use crate::input::cli::MigrateArguments;
use crate::input::yaml::{self, TASK_DEFINITION_HELP};
use crate::model::env_name::{EnvName, OWN_PREFIX, is_name, matches_any};
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error::unreadable;
use python_dotenv::{Statement, statements};

/// The most bytes that AWS keeps in a secret; a file has no more either.
const MOST_BYTES: usize = 65_536;

/// The variables of a file that are to be moved.
#[derive(Debug)]
pub struct EnvFile {
    /// In the order of the file.
    pub settings: Vec<Setting>,
    /// The JSON object of those that become a secret.
    pub object: SecretValue,
    /// For a new declaration: the templates that can replace values with `${NAME}`. They have only names from these values.
    pub templates: BTreeMap<EnvName, String>,
    /// Warnings, which quote no value.
    pub notices: Vec<String>,
}

/// A variable, which becomes a key of the secret or a literal of the declaration.
#[derive(Debug)]
pub struct Setting {
    pub name: EnvName,
    pub value: SecretValue,
    pub is_literal: bool,
    /// `FILE:LINE`
    place: String,
    differs_in_node: bool,
}

impl Setting {
    /// `NAME (FILE:LINE)`
    pub fn name_and_place(&self) -> String {
        format!("{} ({})", self.name, self.place)
    }

    /// The value as a string of JSON, which is one of YAML as well.
    pub fn json(&self) -> SecretValue {
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut text, &String::from_utf8_lossy(self.value.expose()));
        SecretValue::new(text)
    }
}

/// An error at a place, `FILE` or `FILE:LINE`. It quotes no value, and no name that may be a part of one.
fn error(place: &str, what: impl Display) -> Problem {
    Problem::configuration(format!("{place}: {what}"))
}

/// True if the first line that is no comment is an assignment, with which no file of YAML begins.
pub fn is_env_file(text: &str) -> bool {
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    let assigned = first.and_then(|line| line.split_once('='));
    assigned.is_some_and(|(name, _)| is_name(name.trim_start_matches("export ").trim()))
}

/// Reads the variables of the file that `arguments` choose. Those in `declared` are literals, as if `--literal` named them.
///
/// # Errors
/// An error for the file, or for each line that cannot be read.
pub fn read_env_file(
    arguments: &MigrateArguments,
    declared: &BTreeSet<EnvName>,
) -> Result<EnvFile, Vec<Problem>> {
    let path = &arguments.file;
    let mut bytes = Zeroizing::new(Vec::new());
    let read =
        File::open(path).and_then(|file| file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| vec![unreadable(path.display(), &error)])?;
    let file = path.display().to_string();
    if bytes.len() > MOST_BYTES {
        return Err(vec![too_large(&file)]);
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(&file, text, arguments, declared),
        Err(utf8) => {
            let line = 1 + bytes[..utf8.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            Err(vec![error(&format!("{file}:{line}"), "is not UTF-8")])
        }
    }
}

fn too_large(file: &str) -> Problem {
    error(
        file,
        format!("more than {MOST_BYTES} bytes, the most that a secret has"),
    )
    .help("split the file")
}

pub fn parse(
    file: &str,
    text: &str,
    arguments: &MigrateArguments,
    declared: &BTreeSet<EnvName>,
) -> Result<EnvFile, Vec<Problem>> {
    // A .env file, which does not begin so, is not parsed as YAML: the tree would leave copies of values in memory.
    if text.trim_start().starts_with('{')
        && yaml::parse(text)
            .0
            .is_some_and(|node| node.is_task_definition())
    {
        return Err(vec![
            error(file, "is a task definition of ECS, not a .env file").help(TASK_DEFINITION_HELP),
        ]);
    }
    // Python's universal newlines.
    let lines = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    let statements = statements(&lines);
    let names: BTreeSet<String> = statements
        .iter()
        .filter_map(|statement| Some(statement.binding.as_ref()?.0.clone()))
        .filter(|name| is_name(name))
        .collect();
    let (settings, mut notices, mut errors) = select(file, statements, arguments, declared);
    let object = object(&settings);
    if settings.is_empty() && errors.is_empty() {
        let help =
            "AWS_*, SECRETS_EXEC_*, PATH, and what --only and --except leave out are not moved";
        errors.push(error(file, "there is no variable to move").help(help));
    }
    if object.len() > MOST_BYTES {
        errors.push(too_large(file));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let differing = settings.iter().filter(|setting| setting.differs_in_node);
    notices.extend(notice_about(
        "Node's --env-file or npm's dotenv reads",
        &Vec::from_iter(differing.map(Setting::name_and_place)),
        " otherwise: they know no escape but `\\n`, take backticks for quotes, and end a value without quotes at `#`",
    ));
    let mut templates = BTreeMap::new();
    if !arguments.values && !arguments.for_local {
        let found = settings.iter().filter_map(|setting| {
            Some((setting.name.clone(), template(setting, &names, &settings)?))
        });
        templates.extend(found);
    }
    let expanded = settings.iter().filter(|setting| {
        setting.value.expose().contains(&b'$') && !templates.contains_key(&setting.name)
    });
    notices.extend(notice_about(
        "other programs that read .env files expand the `$` in",
        &Vec::from_iter(expanded.map(Setting::name_and_place)),
        "; secrets-exec doesn't expand it",
    ));
    Ok(EnvFile {
        settings,
        object,
        templates,
        notices,
    })
}

/// Returns a warning about variables; `None` for an empty list.
fn notice_about(before: &str, names: &[String], after: &str) -> Option<String> {
    (!names.is_empty()).then(|| format!("{before} {}{after}", names.join(", ")))
}

/// Returns the variables that are to be moved, the warnings about the others, and an error for each line that cannot be read.
fn select(
    file: &str,
    statements: Vec<Statement>,
    arguments: &MigrateArguments,
    declared: &BTreeSet<EnvName>,
) -> (Vec<Setting>, Vec<String>, Vec<Problem>) {
    let MigrateArguments {
        only,
        except,
        literal,
        ..
    } = arguments;
    let (mut settings, mut notices, mut errors) = (Vec::<Setting>::new(), Vec::new(), Vec::new());
    // The variables that no declaration may take from a secret, with their places.
    let mut left_out = Vec::new();
    for pattern in only.iter().chain(except).chain(literal) {
        let mut bindings = statements
            .iter()
            .filter_map(|statement| statement.binding.as_ref());
        if !bindings.any(|(name, _)| pattern.matches(name)) {
            notices.push(format!("no name in {file} matches {pattern}"));
        }
    }
    for Statement {
        line,
        binding,
        differs_in_node,
    } in statements
    {
        let place = format!("{file}:{line}");
        match binding {
            None => {
                let help = "correct it: expected NAME=VALUE, where nothing but a comment follows a closing quote";
                errors.push(error(&place, "python-dotenv cannot read this").help(help));
            }
            Some((name, _))
                if !only.is_empty() && !matches_any(only, &name) || matches_any(except, &name) => {}
            Some((name, None)) => {
                // In Python, too, an earlier value is lost.
                settings.retain(|setting| setting.name.as_str() != name);
                notices.push(format!("{place}: a name without a value is left out"));
            }
            Some((_, Some(value))) if is_first_of_pem(&value) => {
                let what = "only the first line of this PEM is the value, and the others are taken for names";
                errors.push(error(&place, what).help("put the whole of it in quotes"));
            }
            Some((name, Some(value))) => match EnvName::parse(&name) {
                None => {
                    let what = "expected a name of letters, digits and underscores, which does not begin with a digit";
                    let help = "correct the name, or leave it out with --except";
                    errors.push(error(&place, what).help(help));
                }
                Some(name) if is_left_out(&name) => left_out.push(format!("{name} ({place})")),
                Some(name) => {
                    settings.retain(|setting| setting.name != name);
                    let is_literal =
                        matches_any(literal, name.as_str()) || declared.contains(&name);
                    settings.push(Setting {
                        name,
                        value,
                        is_literal,
                        place,
                        differs_in_node,
                    });
                }
            },
        }
    }
    notices.extend(notice_about(
        "left out:",
        &left_out,
        "; a launch reads the secret with the AWS_* variables that it inherits, and takes PATH and SECRETS_EXEC_* from no secret",
    ));
    (settings, notices, errors)
}

/// Returns the template that replaces a value with `${NAME}`; `None` if the value has no such name.
///
/// Any other text of the value may be secret, so `…` stands for it: the template has only `names`, those of the file. A variable that moves to
/// the secret is a key of the alias `app`, and one that isn't moved is inherited. A template can't read a literal of the declaration, so
/// `…` stands for that, too.
fn template(setting: &Setting, names: &BTreeSet<String>, settings: &[Setting]) -> Option<String> {
    let value = String::from_utf8_lossy(setting.value.expose());
    let (start, parts) = value.split_once("${")?;
    let mut template = String::new();
    add_text(&mut template, start);
    for part in parts.split("${") {
        let reference = part.split_once('}');
        let Some((name, rest)) = reference.filter(|(name, _)| names.contains(*name)) else {
            add_text(&mut template, part);
            continue;
        };
        let is_moved = |other: &&Setting| other.name.as_str() == name && other.name != setting.name;
        match settings.iter().find(is_moved) {
            Some(moved) if moved.is_literal => add_text(&mut template, name),
            Some(_) => template += &format!("{{{{ app.{name} }}}}"),
            None => template += &format!("{{{{ env.{name} }}}}"),
        }
        add_text(&mut template, rest);
    }
    template.contains("{{").then_some(template)
}

/// Adds `…`, which stands for a text of the value.
fn add_text(template: &mut String, text: &str) {
    if !text.is_empty() && !template.ends_with('…') {
        template.push('…');
    }
}

/// True for the variables with which a launch reads the secret, for its options, and for PATH, in which it looks up the command before
/// it reads the secret.
fn is_left_out(name: &EnvName) -> bool {
    let name = name.as_str();
    name == "PATH" || name.starts_with("AWS_") || name.starts_with(OWN_PREFIX)
}

/// True for the first line of PEM (RFC 7468) without the others.
fn is_first_of_pem(value: &SecretValue) -> bool {
    value.expose().starts_with(b"-----BEGIN ")
        && !String::from_utf8_lossy(value.expose()).contains("-----END ")
}

/// Returns the JSON object of the variables that become a secret, in their order.
fn object(settings: &[Setting]) -> SecretValue {
    let settings = settings.iter().filter(|setting| !setting.is_literal);
    let members = settings.map(|setting| {
        (
            setting.name.as_str(),
            String::from_utf8_lossy(setting.value.expose()),
        )
    });
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = serde_json::Serializer::new(&mut text).collect_map(members);
    SecretValue::new(text)
}
