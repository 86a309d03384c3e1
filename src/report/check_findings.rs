//! The output of `check`. `--json` prints the findings as one object, and [`tables`] turns them
//! into tables for people.
//!
//! docs/check.md describes the statuses and codes, and docs/output.md the fields. The output
//! never contains a value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Value, json};

use super::account::{Row, RowKind, RowStatus, SourceRow, seconds_since, time_text};
use super::layout::{age, coloured, counted, escaped_value};
use super::terminal::TableScreen;
use crate::model::answer::{Caller, DescribedSecret, Description, Replica};
use crate::model::environment::CommandLine;
use crate::model::message::{Label, Problem, Record, Status};
use crate::model::shown::{
    MAX_SHOWN_LENGTH, escaped, shortened, shown, shown_program, shown_version, without_tokens,
};

/// The results of `check`. If you change the name or the meaning of a field, increase `format`.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    pub format: u32,
    pub ok: bool,
    pub exit_status: u8,
    /// True if `check` read the values. False with `--metadata` or `--offline`, or if the inputs
    /// are invalid.
    pub values_read: bool,
    /// The backend that the secrets come from: `aws`, `agent` or `local`. `None` with `--offline`,
    /// or if the inputs are invalid.
    pub source: Option<&'static str>,
    /// The AWS identity that the credentials belong to. `None` if AWS wasn't asked, or if there are
    /// no credentials.
    pub caller: Option<Caller>,
    /// The row about the command's program. `None` if there's no `-- COMMAND`.
    pub command: Option<TableRow>,
    pub values: Vec<Row>,
    /// The inherited variables that the command won't get, grouped by the place that removes them,
    /// such as `--unset`.
    pub removed: BTreeMap<String, Vec<String>>,
    /// The rows about rotation, KMS keys and replicas, one for each secret. Empty without
    /// `--metadata`.
    pub secrets: Vec<TableRow>,
    /// The errors, as `--log-format json` prints them.
    pub messages: Vec<Value>,
    /// True with `--verbose`. The table then also has a column for the region, and rows for
    /// literals and overridden entries.
    #[serde(skip)]
    pub is_verbose: bool,
}

/// A row about the command's program, or about a secret that AWS was asked to describe. A variable
/// or file has a [`Row`] instead.
#[derive(Debug, Serialize)]
pub struct TableRow {
    /// The row's members in the output of `--json`.
    #[serde(flatten)]
    pub(super) fields: Value,
    #[serde(skip)]
    pub(super) line: TableLine,
}

/// A table line before its columns are aligned.
#[derive(Debug)]
pub(super) struct TableLine {
    pub cells: Vec<String>,
    /// Determines the colour of the last cell: `Error` for a failure, `Warning` for `ok` with a
    /// note, and otherwise `Row`, which has no colour.
    pub label: Label,
}

impl Findings {
    pub fn new() -> Self {
        Self {
            format: 1,
            ..Self::default()
        }
    }

    /// Formats the findings as indented JSON with a trailing line feed. Escapes characters that
    /// would change what a terminal shows.
    pub fn json(&self) -> String {
        // These types can always be serialized, so the default is never used.
        let object = serde_json::to_value(self).unwrap_or_default();
        format!("{:#}\n", escaped_value(object))
    }
}

/// Builds the row about the command, with the file that would be executed and the status: `ok`,
/// `not-found` or `not-executable`.
pub fn command_row(command: &CommandLine, found: Result<&Path, &Problem>) -> TableRow {
    let (file, status, label) = match found {
        Ok(file) => (Some(file.display().to_string()), "ok", Label::Row),
        Err(problem) if problem.status() == Some(Status::NotFound) => {
            (None, "not-found", Label::Error)
        }
        Err(_) => (None, "not-executable", Label::Error),
    };
    let name = shown_program(&command.program().to_string_lossy());
    TableRow {
        fields: json!({ "name": name, "file": file, "status": status }),
        line: TableLine {
            cells: vec![name, file.unwrap_or_default(), status.to_owned()],
            label,
        },
    }
}

/// Builds the row for a secret that AWS was asked to describe. If the request failed, the row shows
/// the reason instead of a description.
pub fn secret_row(secret: &DescribedSecret, now: SystemTime) -> TableRow {
    let (status, error) = match &secret.description {
        Ok(_) => ("ok", None),
        Err(error) if error.cause().is_not_permitted() => ("not-permitted", None),
        Err(error) => ("unknown", Some(error.code())),
    };

    let locator = &secret.locator;
    let region = locator.region.to_string();
    let mut fields = json!({
        "id": locator.shown_id(),
        "region": region,
        "role": locator.role.as_ref().map(|role| role.arn.to_string()),
        "status": status,
        "error": error,
    });
    let mut cells = vec![shown(&locator.id.to_string()), region];
    match &secret.description {
        Ok(description) => {
            add_description(&mut fields, description, now);
            cells.extend(description_cells(description, now));
        }
        // This table has no STATUS column, so the ROTATION column shows the status.
        Err(_) => cells.extend([error.unwrap_or(status), "", "", ""].map(str::to_owned)),
    }
    // The last cell isn't a status in this table, so it has no colour.
    let label = Label::Row;
    TableRow {
        fields,
        line: TableLine { cells, label },
    }
}

/// Adds AWS's description of a secret to `fields`, the secret's JSON object.
fn add_description(fields: &mut Value, description: &Description, now: SystemTime) {
    let rotation = &description.rotation;
    fields["rotation"] = json!({
        "enabled": rotation.is_enabled,
        "every_days": rotation.every_days(),
        "schedule": rotation.schedule,
        "last": rotation.last.map(time_text),
        "next": rotation.next.map(time_text),
        "overdue": rotation.is_overdue(now),
    });
    fields["kms_key"] = json!(description.kms_key);
    fields["replicas"] = json!(description.replicas);
    fields["primary_region"] = json!(description.primary_region);
    fields["deleted"] = json!(description.deleted.map(time_text));
}

/// The cells of the columns ROTATION, LAST, KMS KEY and REPLICAS.
fn description_cells(description: &Description, now: SystemTime) -> [String; 4] {
    let rotation = &description.rotation;
    let is_overdue = rotation.is_overdue(now);
    let overdue = if is_overdue { "overdue, " } else { "" };
    let rotation_text = match (rotation.every_days(), &rotation.schedule) {
        _ if description.deleted.is_some() => "marked-for-deletion".to_owned(),
        _ if !rotation.is_enabled => "off".to_owned(),
        (Some(1), _) => format!("{overdue}every day"),
        (Some(days), _) => format!("{overdue}every {days} days"),
        (None, Some(schedule)) => format!("{overdue}{schedule}"),
        (None, None) => format!("{overdue}on"),
    };
    let last = match (rotation.last, rotation.is_enabled) {
        (Some(last), _) => age(seconds_since(last, now)),
        (None, true) => "never".to_owned(),
        (None, false) => String::new(),
    };

    // AWS omits the default key from a description.
    let kms_key = description
        .kms_key
        .as_deref()
        .unwrap_or("aws/secretsmanager");

    let mut copies = Vec::new();
    // A replica names its primary region: `of us-east-1`.
    if let Some(region) = &description.primary_region {
        copies.push(format!("of {region}"));
    }
    for Replica { region, status, .. } in &description.replicas {
        copies.push(match status.as_deref() {
            Some("InSync") | None => region.clone(),
            Some(status) => format!("{region} ({status})"),
        });
    }

    [rotation_text, last, kms_key.to_owned(), copies.join(", ")]
}

impl SourceRow {
    /// The reference to this secret, such as `prod/db:password`. Leaves out the version.
    fn reference(&self) -> String {
        match &self.key {
            Some(key) => format!("{}:{key}", self.id),
            None => self.id.clone(),
        }
    }

    /// The cells of the columns between REFERENCE and STATUS.
    fn detail_cells(&self) -> Vec<String> {
        let version = self.version.as_deref().unwrap_or_default();
        vec![
            self.region.clone().unwrap_or_default(),
            shown_version(version),
            version.to_owned(),
            self.stages.join(","),
            self.age_seconds.map(age).unwrap_or_default(),
            self.cached_age_seconds.map(age).unwrap_or_default(),
        ]
    }
}

/// The number of spaces between two columns.
const GAP: usize = 2;

/// A narrow terminal never shortens references to less than this.
const SHORTEST_REFERENCE: usize = 20;

/// The columns to leave out on a narrow terminal, in this order.
const LEAST_IMPORTANT: [&str; 4] = ["STAGES", "AGE", "REGION", "VERSION"];

/// Lays out the table of the values, without the columns in `omitted`. The CACHED column appears
/// only if a value came from the cache.
fn values_table(rows: &[&Row], omitted: &[&str], screen: Option<TableScreen>) -> String {
    let mut omitted = omitted.to_vec();
    let has_cached = rows
        .iter()
        .flat_map(|row| &row.sources)
        .any(|source| source.cached_age_seconds.is_some());
    if !has_cached {
        omitted.push("CACHED");
    }
    let headings = [
        "VARIABLE",
        "REFERENCE",
        "REGION",
        "VERSION",
        "VERSION ID",
        "STAGES",
        "AGE",
        "CACHED",
        "STATUS",
    ];
    let lines: Vec<TableLine> = rows.iter().flat_map(|row| value_lines(row)).collect();
    aligned_table(&headings, &omitted, &lines, screen)
}

/// Turns the table of the values into records for `--verbose`, one per line.
///
/// Version ids are shown in full, because these lines don't have to fit a terminal. The first
/// record of each row also has the row as a JSON object.
pub fn row_records(rows: &[Row]) -> Vec<Record> {
    let table = values_table(&Vec::from_iter(rows), &["VERSION", "STAGES", "AGE"], None);
    // The first line has the headings, and no JSON object.
    let mut objects = vec![None];
    for row in rows {
        objects.push(Some(json!(row)));
        objects.resize(objects.len() + value_lines(row).len() - 1, None);
    }
    table
        .lines()
        .zip(objects)
        .map(|(line, object)| Record::new(Label::Row, line).with_some("row", object))
        .collect()
}

/// Lays out `check`'s output for people: a table each for the values, the command and the secrets,
/// and the sentences below them. `screen` is `None` if standard output isn't a terminal.
pub fn tables(findings: &Findings, screen: Option<TableScreen>) -> String {
    let listed: Vec<&Row> = findings
        .values
        .iter()
        .filter(|row| {
            let is_expected =
                row.is_plain_literal() || (row.status == RowStatus::Overridden && !row.is_taken);
            findings.is_verbose || !is_expected
        })
        .collect();

    let command = findings.command.iter().map(|row| &row.line);
    let secrets = findings.secrets.iter().map(|row| &row.line);
    let secret_headings = [
        "SECRET", "REGION", "ROTATION", "LAST", "KMS KEY", "REPLICAS",
    ];

    let mut sentences = String::new();
    let unlisted = findings
        .values
        .iter()
        .filter(|row| row.is_plain_literal())
        .count();
    if unlisted > 0 && !findings.is_verbose {
        let one = "literal isn't listed (-v lists it)";
        let several = "literals aren't listed (-v lists them)";
        sentences = counted(unlisted, one, several) + ".\n";
    }
    sentences += &status_lines(&listed);
    sentences.extend(findings.caller.iter().map(caller_sentence));

    let mut omitted = vec!["VERSION ID"];
    if !findings.is_verbose {
        omitted.push("REGION");
    }
    let mut parts = vec![
        values_table(&listed, &omitted, screen),
        aligned_table(&["COMMAND", "FILE", "STATUS"], &[], command, screen),
        aligned_table(&secret_headings, &[], secrets, screen),
        sentences,
    ];
    parts.retain(|part| !part.is_empty());
    let mut text = parts.join("\n");
    // On a terminal, the errors follow the tables, after a blank line.
    if screen.is_some() && !findings.ok {
        text.push('\n');
    }
    text
}

/// The sentences that explain the statuses in the rows. If a row has an error, the last
/// sentence says that the errors are explained below.
fn status_lines(rows: &[&Row]) -> String {
    let statuses: BTreeSet<RowStatus> = rows
        .iter()
        .filter(|row| row.error.is_none())
        .map(|row| row.status)
        .collect();
    let mut lines = String::new();
    for status in statuses {
        let (text, meaning) = status.text_and_meaning();
        if !meaning.is_empty() {
            lines += &format!("{text}: {meaning}\n");
        }
    }
    if rows.iter().any(|row| row.error.is_some()) {
        lines += "The errors are explained below.\n";
    }
    lines
}

/// Lays out a table, without the columns in `omitted`. Empty if there are no rows.
///
/// To fit a narrow terminal, drops the columns in [`LEAST_IMPORTANT`] one by one, and then shortens
/// long references. If the terminal has colours, the last cell of a line gets the colour of its
/// label.
fn aligned_table<'r>(
    headings: &[&str],
    omitted: &[&str],
    rows: impl IntoIterator<Item = &'r TableLine>,
    screen: Option<TableScreen>,
) -> String {
    let mut lines = vec![TableLine {
        cells: headings.iter().map(ToString::to_string).collect(),
        label: Label::Row,
    }];
    for TableLine { cells, label } in rows {
        lines.push(TableLine {
            cells: cells.iter().map(|cell| shown_cell(cell)).collect(),
            label: *label,
        });
    }
    if lines.len() == 1 {
        return String::new();
    }

    let mut widths = vec![0; headings.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(&line.cells) {
            *width = cell.chars().count().max(*width);
        }
    }

    for heading in omitted.iter().chain(&LEAST_IMPORTANT) {
        let width = table_width(&widths);
        let is_left_out =
            omitted.contains(heading) || screen.is_some_and(|screen| width > screen.columns);
        let column = lines[0].cells.iter().position(|cell| cell == heading);
        if is_left_out && let Some(column) = column {
            widths.remove(column);
            for line in &mut lines {
                line.cells.remove(column);
            }
        }
    }

    let references = lines[0].cells.iter().position(|cell| cell == "REFERENCE");
    if let (Some(screen), Some(column)) = (screen, references) {
        let excess = table_width(&widths).saturating_sub(screen.columns);
        let width = widths[column].saturating_sub(excess);
        // Shorten references only if the table fits then, and if enough of them remains.
        if width >= SHORTEST_REFERENCE {
            widths[column] = width;
        }
    }

    let has_colours = screen.is_some_and(|screen| screen.has_colours);
    let mut text = String::new();
    for TableLine { cells, label } in lines {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let cell = end_of(cell, *width);
            // `format!` can't pad beyond 65,535 columns.
            let padding = " ".repeat(width + GAP - cell.chars().count());
            let is_coloured = has_colours && label != Label::Row && column + 1 == cells.len();
            line += &if is_coloured {
                coloured(&cell, label)
            } else {
                cell
            };
            line += &padding;
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

/// The number of terminal columns that a table takes up.
fn table_width(widths: &[usize]) -> usize {
    // The last column doesn't need a gap.
    widths
        .iter()
        .map(|width| width + GAP)
        .sum::<usize>()
        .saturating_sub(GAP)
}

/// Shortens a cell that is longer than `width`. Keeps the end, where a reference has the secret's
/// name and the key.
fn end_of(cell: &str, width: usize) -> String {
    let left_out = cell.chars().count().saturating_sub(width);
    if left_out == 0 {
        return cell.to_owned();
    }
    "…".chars().chain(cell.chars().skip(left_out + 1)).collect()
}

/// Escapes a cell's text, and cuts it off if it is long. An empty cell is shown as `-`.
fn shown_cell(cell: &str) -> String {
    if cell.is_empty() {
        return "-".to_owned();
    }
    shortened(escaped(cell), MAX_SHOWN_LENGTH)
}

/// Builds the lines for a row: a single line, followed by an indented line for each secret if the
/// value is a template or comes from several secrets.
fn value_lines(row: &Row) -> Vec<TableLine> {
    let only_source = match row.sources.as_slice() {
        [only] if row.kind != RowKind::Template => Some(only),
        _ => None,
    };
    let reference = match (&row.reference, only_source, row.kind) {
        (Some(reference), ..) => reference.clone(),
        (None, Some(only_source), _) => only_source.reference(),
        (None, None, RowKind::Reference | RowKind::Template) => "template".to_owned(),
        (None, None, RowKind::Literal) => "literal".to_owned(),
        (None, None, RowKind::EnvFrom) => "env-from".to_owned(),
        (None, None, RowKind::Inherited) => format!("{} references", row.sources.len()),
    };
    let no_source = SourceRow::default();
    let source = only_source.unwrap_or(&no_source);
    let details = source.detail_cells();
    let cells = [vec![without_tokens(&row.label), reference], details].concat();
    let notes = [&row.note, &source.note];
    let mut lines = vec![status_line(cells, row.error, row.status, &notes)];
    if only_source.is_none() {
        for source in &row.sources {
            // The first cell is a space, because an empty cell would be shown as `-`.
            let first_cells = vec![" ".to_owned(), format!("  {}", source.reference())];
            let details = source.detail_cells();
            let cells = [first_cells, details].concat();
            let notes = [&source.note];
            lines.push(status_line(cells, source.error, source.status, &notes));
        }
    }
    lines
}

/// Builds a table line from `cells` and the last cell: the status or the error's code, followed by
/// any notes, as in `ok, a line feed at its end`.
fn status_line(
    mut cells: Vec<String>,
    error: Option<&str>,
    status: RowStatus,
    notes: &[&Option<String>],
) -> TableLine {
    let mut cell = error.unwrap_or(status.text()).to_owned();
    let mut label = Label::Row;
    for note in notes.iter().copied().flatten() {
        cell += &format!(", {note}");
        if status == RowStatus::Ok {
            label = Label::Warning;
        }
    }
    if error.is_some() {
        label = Label::Error;
    }
    cells.push(cell);
    TableLine { cells, label }
}

/// The sentence below the tables that says who the caller is, and where the credentials come from.
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
