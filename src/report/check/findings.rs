//! The findings of `check`: the document that `--json` prints as it is.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::exec::Program;
use crate::model::answer::Caller;
use crate::model::environment::CommandLine;
use crate::model::problem::{Problem, Status};
use crate::report::layout::escaped_value;

/// Everything that `check` has found. If a field gets another name or meaning, increase `format`.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    format: u32,
    /// True if the command would be started.
    pub ok: bool,
    pub exit_status: u8,
    /// False with `--metadata` and `--offline`, and if the inputs are invalid.
    pub values_read: bool,
    /// The backend that was asked, or `None` with `--offline` or invalid inputs.
    pub source: Option<&'static str>,
    /// The identity that AWS returned, or `None` if AWS was not asked.
    pub caller: Option<Caller>,
    /// The command to look for. It is `None` without `-- COMMAND`.
    pub command: Option<TableRow>,
    pub values: Vec<Row>,
    pub overridden: Vec<Value>,
    /// The descriptions of secrets. They are empty without `--describe` and `--metadata`.
    pub secrets: Vec<TableRow>,
    /// The messages on standard error, in the form in which `--log-format json` prints them.
    pub messages: Vec<Map<String, Value>>,
    /// True if the table has a column for the cache.
    #[serde(skip)]
    pub has_cache: bool,
    /// True if the table has a row for each literal, which `--verbose` asks for.
    #[serde(skip)]
    pub lists_literals: bool,
}

/// A row of a table about the command or about secrets.
#[derive(Debug, Serialize)]
pub struct TableRow {
    /// The members of its JSON object.
    #[serde(flatten)]
    pub fields: Value,
    #[serde(skip)]
    pub cells: Vec<String>,
}

impl Findings {
    /// Returns findings without any content, as for invalid inputs.
    pub fn new() -> Self {
        Self {
            format: 1,
            ..Self::default()
        }
    }

    /// Returns the document as indented JSON, with a line feed at its end. Characters that change
    /// what a terminal shows are escaped.
    pub fn json(&self) -> String {
        // These types can always be serialized.
        let document = serde_json::to_value(self).unwrap_or_default();
        format!("{:#}\n", escaped_value(document))
    }
}

/// Returns the row of the command, with the file that would be executed.
pub fn command_row(command: &CommandLine, found: &Result<Program, Problem>) -> TableRow {
    let (file, status) = match found {
        Ok(program) => (Some(program.as_path().display().to_string()), "ok"),
        Err(problem) if problem.status == Status::NotFound => (None, "not-found"),
        Err(_) => (None, "not-executable"),
    };
    let name = command.shown_program();
    TableRow {
        fields: json!({ "name": name, "file": file, "status": status }),
        cells: vec![name, file.unwrap_or_default(), status.to_owned()],
    }
}

/// A variable, a file or a credential.
#[derive(Debug, Default, Serialize)]
pub struct Row {
    /// The variable, the path of the file, or the unit and the credential. If the keys of an object
    /// are unknown, it is a pattern for its variables.
    pub label: String,
    /// The variable that the entry sets. It is `None` for a credential, for a file without a
    /// variable, and for keys that are unknown or not shown.
    pub variable: Option<String>,
    /// The file that the entry writes. It is `None` for a variable that holds the value itself, and
    /// for a credential.
    pub file: Option<Value>,
    pub credential: Option<Value>,
    pub origin: String,
    pub kind: RowKind,
    /// The reference as written, or `None` for a template, a literal, and a name that may be a
    /// misplaced value.
    pub reference: Option<String>,
    pub status: &'static str,
    pub error: Option<&'static str>,
    /// A remark on a value that was read.
    pub note: Option<String>,
    pub messages: Vec<String>,
    pub sources: Vec<SourceRow>,
    /// The line in the declaration, by which the rows of a layer are sorted.
    #[serde(skip)]
    pub line: usize,
}

/// The form in which an entry, or a variable of `env-from`, was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    #[default]
    Reference,
    Template,
    Literal,
    EnvFrom,
    /// A variable of this process that contains references.
    Inherited,
}

/// A secret or parameter that a value is made from.
#[derive(Debug, Serialize)]
pub struct SourceRow {
    /// The members of its JSON object.
    #[serde(flatten)]
    pub fields: Value,
    /// The secret and the key, `SECRET:KEY`, or only the secret if there isn't a key.
    #[serde(skip)]
    pub reference: String,
    /// The cells of the columns VERSION, STAGES, AGE and CACHED.
    #[serde(skip)]
    pub cells: [String; 4],
    /// The status or, if there is an error, its code.
    #[serde(skip)]
    pub state: &'static str,
}

impl Row {
    /// True for a literal about which there is nothing to say.
    pub fn is_plain_literal(&self) -> bool {
        self.kind == RowKind::Literal && self.status == "ok" && self.note.is_none()
    }
}
