//! Reads the file of `migrate`: a .env file, as `python_dotenv` reads it, becomes the JSON object of a secret.

mod python_dotenv;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use glob::Pattern;
use serde::Serializer;
use zeroize::Zeroizing;

use crate::model::env_name::{EnvName, OWN_PREFIX, matches_any};
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
    pub notices: Vec<EnvFileNotice>,
}

/// A warning about the file. It contains no value.
#[derive(Debug)]
pub enum EnvFileNotice {
    /// A name without a value on this line.
    NoValue(usize),
    /// Variables that no declaration may take from a secret.
    LeftOut(Vec<Variable>),
    /// Variables that Docker's `--env-file` reads otherwise.
    Docker(Vec<Variable>),
    /// Variables with a `$` in their value.
    Dollar(Vec<Variable>),
}

/// The name of a variable and its line, counted from 1.
pub type Variable = (EnvName, usize);

/// An error of the file. It contains no value, and no name that may be a part of one.
#[derive(Debug)]
pub struct EnvFileError {
    /// The file as named.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: Option<usize>,
    pub problem: EnvFileProblem,
}

#[derive(Debug)]
pub enum EnvFileProblem {
    Unreadable(ReadFailure),
    NotUtf8,
    /// A statement that python-dotenv passes over.
    Syntax,
    /// A name that no variable in a declaration has.
    IllegalName,
    /// PEM that is not in quotes, so that its other lines are taken for names.
    Pem,
    /// More than this number of bytes in the file, or in the object.
    TooLarge(usize),
    /// No variable is left.
    Empty,
}

/// A line, if it is known, and the problem there.
type Found = (Option<usize>, EnvFileProblem);

/// Opens the file, which [`read`] reads once the process is not dumpable.
///
/// # Errors
/// [`EnvFileProblem::Unreadable`].
pub fn open(path: &Path) -> Result<File, EnvFileError> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

/// Reads the variables with names that match `only`; all if it is empty.
///
/// # Errors
/// One for the file, or for each line that cannot be read.
pub fn read(path: &Path, mut file: File, only: &[Pattern]) -> Result<EnvFile, Vec<EnvFileError>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = (&mut file).take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| vec![unreadable(path, &error)])?;
    let error = |(line, problem)| EnvFileError { path: path.to_owned(), line, problem };
    let found = text(&bytes).map_err(|found| vec![found]).and_then(|text| parse(text, only));
    found.map_err(|errors| errors.into_iter().map(error).collect())
}

fn unreadable(path: &Path, error: &io::Error) -> EnvFileError {
    EnvFileError { path: path.to_owned(), line: None, problem: EnvFileProblem::Unreadable(error.into()) }
}

fn text(bytes: &[u8]) -> Result<&str, Found> {
    if bytes.len() > MOST_BYTES {
        return Err((None, EnvFileProblem::TooLarge(MOST_BYTES)));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        (Some(1 + before.iter().filter(|byte| **byte == b'\n').count()), EnvFileProblem::NotUtf8)
    })
}

fn parse(text: &str, only: &[Pattern]) -> Result<EnvFile, Vec<Found>> {
    // Python's universal newlines.
    let lines = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    let Selection { settings, mut notices, left_out, mut errors } = select(statements(&lines), only);
    let object = object(&settings);
    if settings.is_empty() && errors.is_empty() {
        errors.push((None, EnvFileProblem::Empty));
    }
    if object.len() > MOST_BYTES {
        errors.push((None, EnvFileProblem::TooLarge(MOST_BYTES)));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let docker = docker_values(text);
    let differs = |setting: &Setting| {
        docker.get(setting.name.as_str()).map(|value| value.as_bytes()) != Some(setting.value.expose())
    };
    let has_dollar = |setting: &Setting| setting.value.expose().contains(&b'$');
    let mut warn = |names: Vec<Variable>, notice: fn(Vec<Variable>) -> EnvFileNotice| {
        if !names.is_empty() {
            notices.push(notice(names));
        }
    };
    warn(left_out, EnvFileNotice::LeftOut);
    warn(variables(&settings, differs), EnvFileNotice::Docker);
    warn(variables(&settings, has_dollar), EnvFileNotice::Dollar);
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
    notices: Vec<EnvFileNotice>,
    left_out: Vec<Variable>,
    errors: Vec<Found>,
}

fn select(statements: Vec<Statement>, only: &[Pattern]) -> Selection {
    let mut selection = Selection::default();
    let Selection { settings, notices, left_out, errors } = &mut selection;
    for Statement { line, binding } in statements {
        match binding {
            None => errors.push((Some(line), EnvFileProblem::Syntax)),
            Some((name, _)) if !only.is_empty() && !matches_any(only, &name) => {}
            Some((name, None)) => {
                // In Python, too, an earlier value is lost.
                settings.retain(|setting| setting.name.as_str() != name);
                notices.push(EnvFileNotice::NoValue(line));
            }
            Some((_, Some(value))) if is_first_of_pem(&value) => errors.push((Some(line), EnvFileProblem::Pem)),
            Some((name, Some(value))) => match EnvName::parse(&name) {
                Err(_) => errors.push((Some(line), EnvFileProblem::IllegalName)),
                Ok(name) if is_left_out(&name) => left_out.push((name, line)),
                Ok(name) => {
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

fn variables(settings: &[Setting], is_meant: impl Fn(&Setting) -> bool) -> Vec<Variable> {
    let meant = settings.iter().filter(|setting| is_meant(setting));
    meant.map(|setting| (setting.name.clone(), setting.line)).collect()
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
