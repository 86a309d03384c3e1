//! The output of `check`, as a JSON object or as [`tables`]. It never contains a value.
//! docs/check.md describes the statuses, and docs/programs.md the codes and fields.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::account::{Row, RowKind, RowStatus, SourceRow, seconds_since};
use super::layout::{age, coloured, counted, escaped_value, objects};
use super::terminal::TableScreen;
use crate::model::answer::{Caller, DescribedSecret, Description, Replica};
use crate::model::environment::CommandLine;
use crate::model::message::{Label, Problem, Record, Status};
use crate::model::shown::{
    MAX_SHOWN_LENGTH, escaped, shortened, shown_program, shown_version, without_tokens,
};

/// The results of `check`.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// False with `--metadata` or `--offline`, or if the inputs are invalid.
    pub values_read: bool,
    /// `aws`, `agent` or `local`. `None` with `--offline`, or if the inputs are invalid.
    pub source: Option<&'static str>,
    /// The URL that a declaration chose, if the user should know (`declared_host`).
    pub endpoint: Option<String>,
    /// The AWS identity of the credentials. `None` if AWS wasn't asked, or without credentials.
    pub caller: Option<Caller>,
    /// `None` without `-- COMMAND`.
    pub command: Option<CommandRow>,
    pub values: Vec<Row>,
    /// The inherited variables that the command won't get, grouped by what removes them, such as
    /// `--unset`.
    pub removed: BTreeMap<String, Vec<String>>,
    /// A row for each secret, with its rotation, KMS key and replicas. Empty without `--metadata`.
    pub secrets: Vec<SecretRow>,
    /// With `--verbose`, the table also has a column for the region, and rows for literals and
    /// overridden entries.
    #[serde(skip)]
    pub is_verbose: bool,
}

/// The object that `check --json` prints. If you change the name or the meaning of a field,
/// increase `format`.
#[derive(Serialize)]
struct Output<'a> {
    format: u32,
    ok: bool,
    exit_status: u8,
    #[serde(flatten)]
    findings: &'a Findings,
    /// The errors, as `--log-format json` prints them.
    messages: Vec<Value>,
}

impl Findings {
    /// Indented JSON, with the errors and their exit status. Escapes characters that would change
    /// what a terminal shows.
    pub fn json(&self, errors: Vec<Record>, exit_status: u8) -> String {
        let ok = errors.is_empty();
        let object = json!(Output {
            format: 1,
            ok,
            exit_status: if ok { 0 } else { exit_status },
            findings: self,
            messages: objects(errors),
        });
        format!("{:#}\n", escaped_value(object))
    }
}

/// The command's program, and the file that would be executed.
#[derive(Debug, Serialize)]
pub struct CommandRow {
    name: String,
    file: Option<String>,
    /// `ok`, `not-found` or `not-executable`.
    status: &'static str,
}

impl CommandRow {
    pub fn new(command: &CommandLine, found: Result<&Path, &Problem>) -> Self {
        Self {
            name: shown_program(&command.program().to_string_lossy()),
            file: found.ok().map(|file| file.display().to_string()),
            status: match found {
                Ok(_) => "ok",
                Err(problem) if problem.status() == Some(Status::NotFound) => "not-found",
                Err(_) => "not-executable",
            },
        }
    }
}

/// A secret that AWS was asked to describe.
#[derive(Debug, Serialize)]
pub struct SecretRow {
    id: String,
    region: String,
    role: Option<String>,
    status: &'static str,
    error: Option<&'static str>,
    #[serde(flatten)]
    description: Option<Description>,
}

impl From<&DescribedSecret> for SecretRow {
    fn from(secret: &DescribedSecret) -> Self {
        let (status, error) = match &secret.description {
            Ok(_) => ("ok", None),
            Err(error) if error.cause().is_not_permitted() => ("not-permitted", None),
            Err(error) => ("unknown", Some(error.code())),
        };
        let locator = &secret.locator;
        Self {
            id: locator.shown_id(),
            region: locator.region.to_string(),
            role: locator.role.as_ref().map(|role| role.arn.to_string()),
            status,
            error,
            description: secret.description.clone().ok(),
        }
    }
}

fn rotation_text(description: &Description) -> String {
    let rotation = &description.rotation;
    if description.deleted.is_some() {
        return "marked-for-deletion".to_owned();
    }
    if !rotation.is_enabled {
        return "off".to_owned();
    }
    let overdue = if rotation.is_overdue { "overdue, " } else { "" };
    match (rotation.every_days, &rotation.schedule) {
        (Some(1), _) => format!("{overdue}every day"),
        (Some(days), _) => format!("{overdue}every {days} days"),
        (None, Some(schedule)) => format!("{overdue}{schedule}"),
        (None, None) => format!("{overdue}on"),
    }
}

/// The secret's primary region, as in `of us-east-1`, and its replicas.
fn copies_text(description: &Description) -> String {
    let mut copies = Vec::new();
    if let Some(region) = &description.primary_region {
        copies.push(format!("of {region}"));
    }
    for Replica { region, status, .. } in &description.replicas {
        copies.push(match status.as_deref() {
            Some("InSync") | None => region.clone(),
            Some(status) => format!("{region} ({status})"),
        });
    }
    copies.join(", ")
}

const COMMAND: [Column<CommandRow>; 3] = [
    Column::new("COMMAND", Kept, |row| Some(row.name.clone())),
    Column::new("FILE", Kept, |row| row.file.clone()),
    Column::new("STATUS", Kept, |row| Some(row.status.to_owned())),
];

const SECRETS: [Column<SecretRow>; 6] = [
    Column::new("SECRET", Kept, |row| Some(row.id.clone())),
    Column::new("REGION", Dropped(3), |row| Some(row.region.clone())),
    // This table has no STATUS column, so ROTATION shows an error.
    Column::new("ROTATION", Kept, |row| match &row.description {
        Some(description) => Some(rotation_text(description)),
        None => Some(row.error.unwrap_or(row.status).to_owned()),
    }),
    Column::new("LAST", Kept, |row| {
        let rotation = &row.description.as_ref()?.rotation;
        match rotation.last {
            Some(last) => Some(age(seconds_since(last))),
            None if rotation.is_enabled => Some("never".to_owned()),
            None => None,
        }
    }),
    Column::new("KMS KEY", Kept, |row| {
        let key = row.description.as_ref()?.kms_key.clone();
        // AWS omits the default key from a description.
        key.or_else(|| Some("aws/secretsmanager".to_owned()))
    }),
    Column::new("REPLICAS", Kept, |row| {
        row.description.as_ref().map(copies_text)
    }),
];

impl SourceRow {
    /// Such as `prod/db:password`, without the version.
    fn reference(&self) -> String {
        match &self.key {
            Some(key) => format!("{}:{key}", self.id),
            None => self.id.clone(),
        }
    }
}

/// A line of the table: for a row or, below that, for one of the row's secrets.
struct ValueLine<'r> {
    /// `None` for a secret below a row.
    row: Option<&'r Row>,
    variable: String,
    reference: String,
    /// `None` for a row whose secrets have lines of their own.
    source: Option<&'r SourceRow>,
    status: String,
    label: Label,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Check,
    VerboseCheck,
    /// The records of a launch with `--verbose`. They don't have to fit a terminal, so they show
    /// version ids in full.
    Records,
}

fn values_table(lines: &[ValueLine<'_>], form: Form, screen: Option<TableScreen>) -> String {
    let mut columns = vec![
        Column::new("VARIABLE", Kept, |line: &ValueLine<'_>| {
            Some(line.variable.clone())
        }),
        Column::new("REFERENCE", Shortened, |line| Some(line.reference.clone())),
    ];
    if form != Form::Check {
        columns.push(Column::new("REGION", Dropped(3), |line| {
            line.source?.region.clone()
        }));
    }
    if form == Form::Records {
        columns.push(Column::new("VERSION ID", Kept, |line| {
            line.source?.version.clone()
        }));
    } else {
        columns.extend([
            Column::new("VERSION", Dropped(4), |line: &ValueLine<'_>| {
                Some(shown_version(line.source?.version.as_deref()?))
            }),
            Column::new("STAGES", Dropped(1), |line| {
                Some(line.source?.stages.join(","))
            }),
            Column::new("AGE", Dropped(2), |line| line.source?.age_seconds.map(age)),
        ]);
    }
    let cached = |line: &ValueLine<'_>| line.source?.cached_age_seconds.map(age);
    if lines.iter().any(|line| cached(line).is_some()) {
        columns.push(Column::new("CACHED", Kept, cached));
    }
    columns.push(Column::new("STATUS", Kept, |line| {
        Some(line.status.clone())
    }));
    table(&columns, lines, |line| line.label, screen)
}

/// The table of the values as records for `--verbose`, one per line. The first record of each row
/// also has the row as a JSON object.
pub fn row_records(rows: &[Row]) -> Vec<Record> {
    let lines: Vec<ValueLine<'_>> = rows.iter().flat_map(value_lines).collect();
    let table = values_table(&lines, Form::Records, None);
    let mut texts = table.lines();
    let mut records = Vec::new();
    // The first line has the headings.
    records.extend(texts.next().map(|text| Record::new(Label::Row, text)));
    for (text, line) in texts.zip(&lines) {
        let object = line.row.map(|row| json!(row));
        records.push(Record::new(Label::Row, text).with_some("row", object));
    }
    records
}

/// `check`'s output for people: the tables, and sentences below them. `screen` is `None` if
/// standard output isn't a terminal.
pub fn tables(findings: &Findings, screen: Option<TableScreen>) -> String {
    let mut listed: Vec<&Row> = findings.values.iter().collect();
    let mut form = Form::VerboseCheck;
    if !findings.is_verbose {
        listed.retain(|row| !row.needs_verbose());
        form = Form::Check;
    }
    let lines: Vec<ValueLine<'_>> = listed.iter().copied().flat_map(value_lines).collect();
    let mut parts = vec![
        values_table(&lines, form, screen),
        table(&COMMAND, findings.command.as_slice(), command_label, screen),
        table(&SECRETS, &findings.secrets, |_| Label::Row, screen),
        sentences(findings, &listed),
    ];
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// The sentences below the tables, each on a line of its own.
fn sentences(findings: &Findings, listed: &[&Row]) -> String {
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
    sentences += &status_lines(listed);
    if let Some(url) = &findings.endpoint {
        sentences += &format!("The secrets are requested from {url}, which a declaration chose.\n");
    }
    sentences.extend(findings.caller.iter().map(caller_sentence));
    sentences
}

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

/// Spaces between two columns.
const GAP: usize = 2;

/// A narrow terminal never shortens references to less than this.
const SHORTEST_REFERENCE: usize = 20;

use Narrow::{Dropped, Kept, Shortened};

/// A column of a table. Each line of the table shows one `L`.
struct Column<L> {
    heading: &'static str,
    narrow: Narrow,
    cell: fn(&L) -> Option<String>,
}

/// What becomes of a column if the terminal is too narrow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Narrow {
    /// The column is left out. The one with the lowest number is left out first.
    Dropped(u8),
    /// Long cells are shortened if leaving out columns isn't enough.
    Shortened,
    Kept,
}

impl<L> Column<L> {
    const fn new(heading: &'static str, narrow: Narrow, cell: fn(&L) -> Option<String>) -> Self {
        Self {
            heading,
            narrow,
            cell,
        }
    }
}

/// A column's cells, beginning with the heading.
struct Laid {
    cells: Vec<String>,
    width: usize,
    narrow: Narrow,
}

fn command_label(row: &CommandRow) -> Label {
    match row.file {
        Some(_) => Label::Row,
        None => Label::Error,
    }
}

/// With colours, the last cell of a line gets the colour of the line's label.
fn table<L>(
    columns: &[Column<L>],
    lines: &[L],
    label: fn(&L) -> Label,
    screen: Option<TableScreen>,
) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut shown = Vec::new();
    for column in columns {
        let mut cells = vec![column.heading.to_owned()];
        for line in lines {
            let text = (column.cell)(line).unwrap_or_default();
            cells.push(shown_cell(&text));
        }
        shown.push(Laid {
            width: cells
                .iter()
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0),
            cells,
            narrow: column.narrow,
        });
    }
    if let Some(screen) = screen {
        fit(&mut shown, screen.columns);
    }

    let has_colours = screen.is_some_and(|screen| screen.has_colours);
    let labels = iter::once(Label::Row).chain(lines.iter().map(label));
    let mut text = String::new();
    for (at, label) in labels.enumerate() {
        let mut line = String::new();
        for (column, Laid { cells, width, .. }) in shown.iter().enumerate() {
            let cell = end_of(&cells[at], *width);
            // `format!` can't pad beyond 65,535 columns.
            let padding = " ".repeat(width + GAP - cell.chars().count());
            let is_coloured = has_colours && label != Label::Row && column + 1 == shown.len();
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

fn fit(columns: &mut Vec<Laid>, screen_width: usize) {
    // The last column doesn't need a gap.
    let excess = |columns: &[Laid]| {
        let width: usize = columns.iter().map(|column| column.width + GAP).sum();
        width.saturating_sub(GAP + screen_width)
    };
    while excess(columns) > 0
        && let Some((at, least)) = columns
            .iter()
            .enumerate()
            .min_by_key(|(_, column)| column.narrow)
        && matches!(least.narrow, Dropped(_))
    {
        columns.remove(at);
    }
    let excess = excess(columns);
    for column in columns {
        let width = column.width.saturating_sub(excess);
        // Shorten references only if the table fits then, and if enough of them remains.
        if column.narrow == Shortened && width >= SHORTEST_REFERENCE {
            column.width = width;
        }
    }
}

/// Keeps the end of a long cell, where a reference has the secret's name and the key.
fn end_of(cell: &str, width: usize) -> String {
    let left_out = cell.chars().count().saturating_sub(width);
    if left_out == 0 {
        return cell.to_owned();
    }
    "…".chars().chain(cell.chars().skip(left_out + 1)).collect()
}

fn shown_cell(cell: &str) -> String {
    if cell.is_empty() {
        return "-".to_owned();
    }
    shortened(escaped(cell), MAX_SHOWN_LENGTH)
}

/// A line for the row and, if the value is a template or comes from several secrets, an indented
/// line for each secret.
fn value_lines(row: &Row) -> Vec<ValueLine<'_>> {
    let only_source = match row.sources.as_slice() {
        [only] if row.kind != RowKind::Template => Some(only),
        _ => None,
    };
    let reference = if let Some(reference) = &row.reference {
        reference.clone()
    } else if let Some(source) = only_source {
        source.reference()
    } else {
        match row.kind {
            RowKind::Reference | RowKind::Template => "template".to_owned(),
            RowKind::Literal => "literal".to_owned(),
            RowKind::EnvFrom => "env-from".to_owned(),
            RowKind::Inherited => format!("{} references", row.sources.len()),
        }
    };
    let source_note = only_source.and_then(|source| source.note.as_ref());
    let (status, label) = status_cell(row.error, row.status, row.note.iter().chain(source_note));
    let mut lines = vec![ValueLine {
        row: Some(row),
        variable: without_tokens(&row.label),
        reference,
        source: only_source,
        status,
        label,
    }];
    if only_source.is_none() {
        for source in &row.sources {
            let (status, label) = status_cell(source.error, source.status, &source.note);
            lines.push(ValueLine {
                row: None,
                // A space, because an empty cell would be shown as `-`.
                variable: " ".to_owned(),
                reference: format!("  {}", source.reference()),
                source: Some(source),
                status,
                label,
            });
        }
    }
    lines
}

/// The last cell of a line, as in `ok, a line feed at its end`, and the label that colours it.
fn status_cell<'n>(
    error: Option<&str>,
    status: RowStatus,
    notes: impl IntoIterator<Item = &'n String>,
) -> (String, Label) {
    let mut cell = error.unwrap_or(status.text()).to_owned();
    let mut label = Label::Row;
    for note in notes {
        cell += &format!(", {note}");
        if status == RowStatus::Ok {
            label = Label::Warning;
        }
    }
    if error.is_some() {
        label = Label::Error;
    }
    (cell, label)
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
