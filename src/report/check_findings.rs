//! The output of `check`: the findings, which `--json` prints as one object, and which [`tables`]
//! turns into tables for people.
//!
//! docs/check.md describes the statuses and codes, and docs/reference.md the fields. The output
//! never contains a value.

use serde::Serialize;
use serde_json::{Value, json};

use super::terminal::{TableScreen, counted, escaped_value, red};
use crate::exec::Program;
use crate::model::answer::Caller;
use crate::model::environment::CommandLine;
use crate::model::problem::{Problem, Status};
use crate::model::shown::{escaped, shown_program};

/// The results of `check`. If a field gets a new name or meaning, increase `format`.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    pub format: u32,
    pub ok: bool,
    pub exit_status: u8,
    /// False with `--metadata` and `--offline`, and if the inputs are invalid.
    pub values_read: bool,
    /// The backend that has the secrets: `aws`, `agent` or `local`. `None` with `--offline`, or if
    /// the inputs are invalid.
    pub source: Option<&'static str>,
    /// The identity to which the credentials belong. `None` if AWS was not asked, or if no
    /// credentials were found.
    pub caller: Option<Caller>,
    /// `None` without `-- COMMAND`.
    pub command: Option<TableRow>,
    pub values: Vec<Row>,
    pub overridden: Vec<Value>,
    /// The descriptions of secrets. Empty unless `--describe` or `--metadata` is given.
    pub secrets: Vec<TableRow>,
    /// The records of the report, as `--log-format json` prints them.
    pub messages: Vec<Value>,
    /// True if the table has a column for the cache.
    #[serde(skip)]
    pub has_cache: bool,
    /// True if the table has a row for each literal, as with `--verbose`.
    #[serde(skip)]
    pub lists_literals: bool,
}

#[derive(Debug, Serialize)]
pub struct TableRow {
    /// The members of the row's JSON object. A row about a value doesn't have any, because its
    /// object is made from a [`Row`].
    #[serde(flatten)]
    pub fields: Value,
    #[serde(skip)]
    pub(super) cells: Vec<String>,
    /// True if the last cell is the status of a failure.
    #[serde(skip)]
    pub(super) is_failed: bool,
}

impl Findings {
    pub fn new() -> Self {
        Self {
            format: 1,
            ..Self::default()
        }
    }

    /// The findings as indented JSON that ends with a line feed. Characters that change what a
    /// terminal shows are escaped.
    pub fn json(&self) -> String {
        // These types can always be serialized, so the default is never used.
        let object = serde_json::to_value(self).unwrap_or_default();
        format!("{:#}\n", escaped_value(object))
    }
}

pub fn command_row(command: &CommandLine, found: &Result<Program, Problem>) -> TableRow {
    let (file, status) = match found {
        Ok(program) => (Some(program.as_path().display().to_string()), "ok"),
        Err(problem) if problem.status == Status::NotFound => (None, "not-found"),
        Err(_) => (None, "not-executable"),
    };
    let name = shown_program(&command.program().to_string_lossy());
    TableRow {
        fields: json!({ "name": name, "file": file, "status": status }),
        cells: vec![name, file.unwrap_or_default(), status.to_owned()],
        is_failed: found.is_err(),
    }
}

/// The row of a variable, a file or a systemd credential. Its cells are made later, by
/// [`value_rows`], because they depend on whether the table has a column for the cache.
#[derive(Debug, Default, Serialize)]
pub struct Row {
    /// The target of the entry, such as `NAME=/path`. For a key of `env-from` that isn't shown, its
    /// number.
    pub label: String,
    /// The variable that the entry sets. `None` for a systemd credential, a file without a
    /// variable, an `env-from` object as a whole, and a key that isn't shown.
    pub variable: Option<String>,
    /// The file that the entry writes. Its path is null for a file in memory or a pipe.
    pub file: Option<Value>,
    pub credential: Option<Value>,
    pub origin: String,
    pub kind: RowKind,
    /// The reference as messages show it or, for a parameter below a path, the one to this
    /// parameter. `None` if the value isn't written as a single reference.
    pub reference: Option<String>,
    pub status: &'static str,
    pub error: Option<&'static str>,
    /// A note in the table after the status of an existing value, such as `ends with a newline`.
    pub note: Option<String>,
    pub messages: Vec<String>,
    /// The secrets and parameters that the value is made from, with a cell for every column from
    /// REFERENCE to STATUS, including CACHED, which the table may not have.
    pub sources: Vec<TableRow>,
    /// The line in the declaration, by which the rows of a layer are sorted. 0 if the entry isn't
    /// in a declaration.
    #[serde(skip)]
    pub line: usize,
}

impl Row {
    /// True for a literal without an error or a remark, whose row wouldn't say anything new.
    fn is_plain_literal(&self) -> bool {
        self.kind == RowKind::Literal && self.status == "ok" && self.note.is_none()
    }
}

/// The form in which the entry was written.
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

/// The number of cells of each of [`Row::sources`].
const CELLS_OF_SOURCE: usize = 6;

/// The position of the cell for CACHED in each of [`Row::sources`].
const CACHED: usize = 4;

/// The number of spaces between two columns.
const GAP: usize = 2;

/// The columns that a narrow terminal doesn't show, in the order in which they are left out.
const LEAST_IMPORTANT: [&str; 3] = ["STAGES", "AGE", "VERSION"];

/// The tables of the values, the command and the secrets, and the sentences below them, separated
/// by blank lines. `screen` is `None` if standard output isn't a terminal.
pub fn tables(findings: &Findings, screen: Option<TableScreen>) -> String {
    let listed: Vec<&Row> = findings
        .values
        .iter()
        .filter(|row| findings.lists_literals || !row.is_plain_literal())
        .collect();

    let mut headings = vec!["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE"];
    if findings.has_cache {
        headings.push("CACHED");
    }
    headings.push("STATUS");
    let values: Vec<TableRow> = listed
        .iter()
        .flat_map(|row| value_rows(row, findings.has_cache))
        .collect();
    let secret_headings = [
        "SECRET", "REGION", "ROTATION", "LAST", "KMS KEY", "REPLICAS",
    ];

    let mut sentences = String::new();
    let unlisted = findings.values.len() - listed.len();
    if unlisted > 0 {
        let one = "literal isn't listed (-v lists it)";
        let several = "literals aren't listed (-v lists them)";
        sentences = counted(unlisted, one, several) + ".\n";
    }
    sentences += &status_lines(&listed);
    sentences.extend(findings.caller.iter().map(caller_sentence));

    let mut parts = vec![
        aligned_table(&headings, &values, screen),
        aligned_table(&["COMMAND", "FILE", "STATUS"], &findings.command, screen),
        aligned_table(&secret_headings, &findings.secrets, screen),
        sentences,
    ];
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// A sentence about each status of a value, except `ok` and `failed`. It begins with the status.
const STATUS_SENTENCES: [&str; 8] = [
    "default: the secret or key doesn't exist, or the variable that names it is empty, so the default is used.",
    "unset: the entry is optional and its secret or key doesn't exist, or the variable that names it is empty.",
    "overridden: another entry sets this variable (-v shows which one).",
    "kept: the variable was already set, so --keep-existing left it alone.",
    "unread: the value wasn't requested, because of an error.",
    "not-read: the secret exists. Its keys, JSON and templates weren't checked, because --metadata reads no values.",
    "not-checked: --metadata can't tell whether this version, label or parameter exists.",
    "valid: the reference is well-formed. Nothing was requested, because of --offline.",
];

/// The sentence about each status in the rows and, if a row has an error, a line that says where
/// the errors are explained.
fn status_lines(rows: &[&Row]) -> String {
    let mut lines = String::new();
    for sentence in STATUS_SENTENCES {
        let status = sentence.split(':').next();
        // A row with an error shows the error's code instead of the status.
        if rows
            .iter()
            .any(|row| row.error.is_none() && Some(row.status) == status)
        {
            lines += &format!("{sentence}\n");
        }
    }
    if rows.iter().any(|row| row.error.is_some()) {
        lines += "The errors are explained below.\n";
    }
    lines
}

/// Lays out a table in lines. The result is empty if there are no rows. On a terminal, the status
/// of a failure may be red, and the columns in [`LEAST_IMPORTANT`] are left out one by one until
/// the table fits.
fn aligned_table<'r>(
    headings: &[&str],
    rows: impl IntoIterator<Item = &'r TableRow>,
    screen: Option<TableScreen>,
) -> String {
    let heading_cells = headings
        .iter()
        .map(|heading| (*heading).to_owned())
        .collect();
    // The cells of each line, and true for a failure.
    let mut lines: Vec<(Vec<String>, bool)> = vec![(heading_cells, false)];
    for row in rows {
        let cells = row.cells.iter().map(|cell| shown_cell(cell)).collect();
        lines.push((cells, row.is_failed));
    }
    if lines.len() == 1 {
        return String::new();
    }

    let mut widths = vec![0; headings.len()];
    for (cells, _) in &lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }

    for heading in LEAST_IMPORTANT {
        let width: usize = widths.iter().map(|width| width + GAP).sum();
        // The last column doesn't need a gap.
        let is_too_wide = screen.is_some_and(|screen| width > screen.columns + GAP);
        let (remaining_headings, _) = &lines[0];
        let column = remaining_headings.iter().position(|cell| cell == heading);
        if is_too_wide && let Some(column) = column {
            widths.remove(column);
            for (cells, _) in &mut lines {
                cells.remove(column);
            }
        }
    }

    let has_colours = screen.is_some_and(|screen| screen.has_colours);
    let mut text = String::new();
    for (cells, is_failed) in lines {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            // `format!` can't pad beyond 65,535 columns.
            let padding = " ".repeat(width + GAP - cell.chars().count());
            let is_red = has_colours && is_failed && column + 1 == cells.len();
            line += &if is_red { red(cell) } else { cell.clone() };
            line += &padding;
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

/// A cell as the table shows it: escaped, or `-` if it is empty.
fn shown_cell(cell: &str) -> String {
    if cell.is_empty() {
        return "-".to_owned();
    }
    escaped(cell)
}

/// The row of an entry. If the entry is a template or has several secrets, an indented row for each
/// secret follows.
fn value_rows(row: &Row, has_cache: bool) -> Vec<TableRow> {
    let only_source = match row.sources.as_slice() {
        [only] if row.kind != RowKind::Template => Some(only),
        _ => None,
    };
    let reference = match (&row.reference, only_source, row.kind) {
        (Some(reference), ..) => reference.clone(),
        (None, Some(only_source), _) => only_source.cells[0].clone(),
        (None, None, RowKind::Reference | RowKind::Template) => "template".to_owned(),
        (None, None, RowKind::Literal) => "literal".to_owned(),
        (None, None, RowKind::EnvFrom) => "env-from".to_owned(),
        (None, None, RowKind::Inherited) => format!("{} references", row.sources.len()),
    };
    let status_text = match (row.error.unwrap_or(row.status), &row.note) {
        (status, Some(note)) => format!("{status}, {note}"),
        (status, None) => status.to_owned(),
    };

    // The first cell of a source is the reference, and the last one is the status.
    let mut cells = match only_source {
        Some(source) => source.cells.clone(),
        None => vec![String::new(); CELLS_OF_SOURCE],
    };
    cells[0] = reference;
    cells[CELLS_OF_SOURCE - 1] = status_text;

    let table_row = |label: &str, mut cells: Vec<String>, is_failed| {
        if !has_cache {
            cells.remove(CACHED);
        }
        cells.insert(0, label.to_owned());
        TableRow {
            fields: Value::Null,
            cells,
            is_failed,
        }
    };

    let mut rows = vec![table_row(&row.label, cells, row.error.is_some())];
    if only_source.is_none() {
        for source in &row.sources {
            let mut cells = source.cells.clone();
            cells[0].insert_str(0, "  ");
            // A space, because an empty cell would be shown as `-`.
            rows.push(table_row(" ", cells, source.is_failed));
        }
    }
    rows
}

fn caller_sentence(caller: &Caller) -> String {
    let provider = caller.credentials;
    // The last of an ARN's six fields is the name, such as `assumed-role/app/session`.
    let name = caller
        .arn
        .as_ref()
        .and_then(|arn| arn.splitn(6, ':').nth(5));
    let sentence = match name.zip(caller.account.as_ref()) {
        Some((name, account)) => format!(
            "The caller is {name} in account {account}, using credentials from the {provider}."
        ),
        None => format!(
            "The caller is unknown, because STS didn't answer. The credentials come from the {provider}."
        ),
    };
    escaped(&sentence) + "\n"
}
