//! All that `check` has found: the document that `--json` prints as it is.

use serde::Serialize;
use serde_json::{Map, Value};

use super::secret_row::SecretRow;
use crate::exec::Program;
use crate::model::answer::Caller;
use crate::model::environment::CommandLine;
use crate::model::problem::{Problem, Status};

/// All that `check` has found. A change of a name or of a meaning needs another number of the format.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    format: u32,
    pub ok: bool,
    pub exit_status: u8,
    /// False with `--metadata`, `--offline` or wrong inputs.
    pub values_read: bool,
    /// The backend that was asked; `None` with `--offline` or wrong inputs.
    pub source: Option<&'static str>,
    /// The identity that AWS answered; `None` if it was not asked.
    pub caller: Option<CheckedCaller>,
    /// With `-- COMMAND`.
    pub command: Option<CheckedCommand>,
    pub values: Vec<Row>,
    pub overridden: Vec<Value>,
    /// With `--describe` or `--metadata`.
    pub secrets: Vec<SecretRow>,
    /// The lines on standard error, as `--log-format json` prints them.
    pub messages: Vec<Map<String, Value>>,
    /// With `--cache`.
    #[serde(skip)]
    pub has_cache: bool,
    /// True if the table has a row for each literal, as with `--verbose`.
    #[serde(skip)]
    pub lists_literals: bool,
}

/// The identity of the credentials, and the provider that has them.
#[derive(Debug, Serialize)]
pub struct CheckedCaller {
    pub account: Option<String>,
    pub arn: Option<String>,
    pub credentials: &'static str,
}

/// The command, and the file that would be executed.
#[derive(Debug, Serialize)]
pub struct CheckedCommand {
    /// As written.
    pub name: String,
    /// The file; `None` unless it can be executed.
    pub file: Option<String>,
    pub status: &'static str,
}

impl Findings {
    /// Returns the findings of wrong inputs: none.
    pub fn new() -> Self {
        Self {
            format: 1,
            ..Self::default()
        }
    }

    /// Returns the document with a line feed at its end.
    pub fn json(&self) -> String {
        // A document of these types can be written.
        let document = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        // Only strings have such characters, in which JSON allows them as they are: C1 controls and those that change the direction.
        let is_harmful = |c: &char| matches!(c, '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        document
            .chars()
            .map(|c| {
                if is_harmful(&c) {
                    format!("\\u{:04x}", u32::from(c))
                } else {
                    c.to_string()
                }
            })
            .collect()
    }
}

impl CheckedCaller {
    pub fn new(Caller { arn, provider }: Caller) -> Self {
        let account = arn
            .as_ref()
            .and_then(|arn| arn.split(':').nth(4))
            .map(str::to_owned);
        Self {
            account,
            arn,
            credentials: provider,
        }
    }
}

impl CheckedCommand {
    pub fn new(command: &CommandLine, found: &Result<Program, Problem>) -> Self {
        let (file, status) = match found {
            Ok(program) => (Some(program.as_path().display().to_string()), "ok"),
            Err(problem) if problem.status == Status::NotFound => (None, "not-found"),
            Err(_) => (None, "not-executable"),
        };
        Self {
            name: command.shown_program(),
            file,
            status,
        }
    }
}

/// A variable, a file or a credential.
#[derive(Debug, Default, Serialize)]
pub struct Row {
    /// The variable, the file's path, or the unit and the credential; of an object whose keys are unknown, a pattern for its variables.
    pub label: String,
    /// `None` for a file without a variable, and for keys that are unknown or not printed.
    pub variable: Option<String>,
    /// `None` for a variable that holds the value itself, and for a credential.
    pub file: Option<Value>,
    pub credential: Option<Value>,
    pub origin: String,
    pub kind: RowKind,
    /// The reference as written; `None` for a template, a literal and a name that may be a value.
    pub reference: Option<String>,
    pub status: &'static str,
    pub error: Option<&'static str>,
    /// A remark on a value that was read.
    pub note: Option<String>,
    pub messages: Vec<String>,
    pub sources: Vec<SourceRow>,
    /// The line in its file, by which the rows of a layer are sorted.
    #[serde(skip)]
    pub line: usize,
}

/// The form of an entry, or of a variable of `env-from`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    #[default]
    Reference,
    Template,
    Literal,
    EnvFrom,
    /// A variable of this process that holds references.
    Inherited,
}

/// A secret or parameter that a value is made of.
#[derive(Debug, Serialize)]
pub struct SourceRow {
    pub id: String,
    pub store: &'static str,
    /// `None` for the whole value, and in a template.
    pub key: Option<String>,
    /// The region that answered, or else the one that is named.
    pub region: Option<String>,
    pub role: Option<String>,
    pub version: Option<String>,
    pub stages: Vec<String>,
    pub created: Option<String>,
    pub age_seconds: Option<u64>,
    pub regions_passed_over: Vec<String>,
    /// `None` if the answer is not in the cache.
    pub cached: Option<CacheState>,
    pub status: &'static str,
    pub error: Option<&'static str>,
}

/// An entry of the cache.
#[derive(Debug, Serialize)]
pub struct CacheState {
    pub age_seconds: u64,
    /// True if the value is from it, and not from AWS.
    pub used: bool,
}

impl Row {
    /// True for a literal without a remark.
    pub fn is_plain_literal(&self) -> bool {
        self.kind == RowKind::Literal && self.status == "ok" && self.note.is_none()
    }
}

impl SourceRow {
    /// `SECRET:KEY`
    pub fn reference(&self) -> String {
        self.key
            .iter()
            .fold(self.id.clone(), |id, key| format!("{id}:{key}"))
    }
}
