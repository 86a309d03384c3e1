//! Reads the file of `migrate`: a .env file, as `python_dotenv` reads it, becomes the JSON object of a secret.

mod python_dotenv;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use glob::Pattern;
use serde::Serializer;
use zeroize::Zeroizing;

use crate::model::env_name::{EnvName, OWN_PREFIX, matches_any};
use crate::model::problem::Problem;
use crate::model::secret_value::SecretValue;
use crate::system::os_error::ReadFailure;
use python_dotenv::{Statement, statements};

/// The most bytes that AWS keeps in a secret; a file has no more either.
const MOST_BYTES: usize = 65_536;

/// The variables of a file that become a secret.
#[derive(Debug)]
pub struct EnvFile {
    /// In the order of the file.
    pub names: Vec<EnvName>,
    /// The JSON object of these names and their values.
    pub object: SecretValue,
    /// Warnings, which quote no value.
    pub notices: Vec<String>,
}

/// A place in the file, `FILE` or `FILE:LINE`. Lines are counted from 1.
#[derive(Clone, Copy)]
struct EnvFileLine<'a>(&'a Path, Option<usize>);

impl EnvFileLine<'_> {
    fn at(self, line: usize) -> Self {
        Self(self.0, Some(line))
    }

    /// An error, which quotes no value, and no name that may be a part of one.
    fn error(self, what: impl Display) -> Problem {
        Problem::configuration(format!("{self}: {what}"))
    }
}

impl Display for EnvFileLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, line) = self;
        write!(f, "{}", path.display())?;
        line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// Reads the variables with names that match `only`; all if it is empty.
///
/// # Errors
/// One for the file, or for each line that cannot be read.
pub fn read(path: &Path, only: &[Pattern]) -> Result<EnvFile, Vec<Problem>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| vec![ReadFailure::from(&error).problem(path.display())])?;
    let place = EnvFileLine(path, None);
    let text = text(place, &bytes).map_err(|problem| vec![problem])?;
    parse(place, text, only)
}

fn too_large(place: EnvFileLine<'_>) -> Problem {
    place.error(format!("more than {MOST_BYTES} bytes, the most that a secret has")).help("split the file")
}

fn text<'t>(place: EnvFileLine<'_>, bytes: &'t [u8]) -> Result<&'t str, Problem> {
    if bytes.len() > MOST_BYTES {
        return Err(too_large(place));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        place.at(1 + before.iter().filter(|byte| **byte == b'\n').count()).error("is not UTF-8")
    })
}

fn parse(place: EnvFileLine<'_>, text: &str, only: &[Pattern]) -> Result<EnvFile, Vec<Problem>> {
    // Python's universal newlines.
    let lines = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    let Selection { settings, mut notices, left_out, mut errors } = select(place, statements(&lines), only);
    let object = object(&settings);
    if settings.is_empty() && errors.is_empty() {
        let help = "AWS_*, SECRETS_EXEC_*, PATH, and what --only does not match are left out";
        errors.push(place.error("there is no variable to move").help(help));
    }
    if object.len() > MOST_BYTES {
        errors.push(too_large(place));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let docker = docker_values(text);
    let differs = |setting: &&Setting| {
        docker.get(setting.name.as_str()).map(|value| value.as_bytes()) != Some(setting.value.expose())
    };
    let has_dollar = |setting: &&Setting| setting.value.expose().contains(&b'$');
    let named = |setting: &Setting| format!("{} ({})", setting.name, place.at(setting.line));
    let mut warn = |names: Vec<String>, before: &str, after: &str| {
        if !names.is_empty() {
            notices.push(format!("{before} {}{after}", names.join(", ")));
        }
    };
    let why = "; a launch reads the secret with the AWS_* variables that it inherits, and takes PATH and SECRETS_EXEC_* from no secret";
    warn(left_out, "left out:", why);
    let why = " otherwise, since it knows no quotes, escapes, `export` and comments after a value";
    warn(settings.iter().filter(differs).map(named).collect(), "Docker's --env-file reads", why);
    let before = "other readers of .env files expand the `$` in the value of";
    warn(settings.iter().filter(has_dollar).map(named).collect(), before, "; it is kept as it is");
    Ok(EnvFile { names: settings.into_iter().map(|setting| setting.name).collect(), object, notices })
}

/// A variable that becomes a key of the secret.
struct Setting {
    name: EnvName,
    value: SecretValue,
    line: usize,
}

#[derive(Default)]
struct Selection {
    settings: Vec<Setting>,
    notices: Vec<String>,
    /// The variables that no declaration may take from a secret, with their places.
    left_out: Vec<String>,
    errors: Vec<Problem>,
}

fn select(file: EnvFileLine<'_>, statements: Vec<Statement>, only: &[Pattern]) -> Selection {
    let mut selection = Selection::default();
    let Selection { settings, notices, left_out, errors } = &mut selection;
    for Statement { line, binding } in statements {
        let place = file.at(line);
        match binding {
            None => {
                let help = "correct it: expected NAME=VALUE, where nothing but a comment follows a closing quote";
                errors.push(place.error("python-dotenv cannot read this").help(help));
            }
            Some((name, _)) if !only.is_empty() && !matches_any(only, &name) => {}
            Some((name, None)) => {
                // In Python, too, an earlier value is lost.
                settings.retain(|setting| setting.name.as_str() != name);
                notices.push(format!("{place}: a name without a value is left out"));
            }
            Some((_, Some(value))) if is_first_of_pem(&value) => {
                let what = "only the first line of this PEM is the value, and the others are taken for names";
                errors.push(place.error(what).help("put the whole of it in quotes"));
            }
            Some((name, Some(value))) => match EnvName::parse(&name) {
                None => {
                    let what = "expected a name of letters, digits and underscores, which does not begin with a digit";
                    let help = "correct the name, or choose the others with --only";
                    errors.push(place.error(what).help(help));
                }
                Some(name) if is_left_out(&name) => left_out.push(format!("{name} ({place})")),
                Some(name) => {
                    settings.retain(|setting| setting.name != name);
                    settings.push(Setting { name, value, line });
                }
            },
        }
    }
    selection
}

/// True for the variables with which a launch reads the secret, for its options, and for PATH, in which it looks up the command before
/// it reads the secret.
fn is_left_out(name: &EnvName) -> bool {
    let name = name.as_str();
    name == "PATH" || name.starts_with("AWS_") || name.starts_with(OWN_PREFIX)
}

/// True for the first line of PEM (RFC 7468) without the others.
fn is_first_of_pem(value: &SecretValue) -> bool {
    value.expose().starts_with(b"-----BEGIN ") && !String::from_utf8_lossy(value.expose()).contains("-----END ")
}

/// Returns the JSON object of the variables, in their order.
fn object(settings: &[Setting]) -> SecretValue {
    // A buffer that grows would leave copies of values in memory.
    let most = |setting: &Setting| 6 * setting.value.len() + setting.name.as_str().len() + "\"\":\"\",".len();
    let mut text = Vec::with_capacity(settings.iter().map(most).sum::<usize>() + "{}".len());
    let members =
        settings.iter().map(|setting| (setting.name.as_str(), String::from_utf8_lossy(setting.value.expose())));
    // Writing to memory does not fail.
    let _ = serde_json::Serializer::new(&mut text).collect_map(members);
    SecretValue::new(text)
}

/// Returns the values that Docker reads from a file of `--env-file`, the last one of each name. Each line is `NAME=VALUE` as it is, without
/// quotes, escapes and comments at its end (docker/cli, pkg/kvfile).
fn docker_values(text: &str) -> BTreeMap<&str, &str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).trim_start());
    let named = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    named.filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace)).collect()
}
