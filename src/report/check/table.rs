//! The tables for people, with aligned columns. A long cell is neither wrapped nor cut.

use super::findings::{CheckedCaller, CheckedCommand, Findings, Row, RowKind, SourceRow};
use crate::model::quoting::escaped;
use crate::report::record::age;

/// Characters of a version id in the table; 8 tell the versions of a secret apart.
const ID_LENGTH: usize = 8;

/// The blanks between two columns.
const GAP: usize = 2;

/// Returns the tables, separated by blank lines; an empty text without any row.
pub fn text(findings: &Findings) -> String {
    let Findings {
        values,
        command,
        secrets,
        caller,
        has_cache,
        ..
    } = findings;
    let mut headings = vec!["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE"];
    headings.extend(has_cache.then_some("CACHED"));
    headings.push("STATUS");
    let values: Vec<_> = values
        .iter()
        .flat_map(|row| value_rows(row, *has_cache))
        .collect();
    let tables = [
        (headings, values),
        (
            vec!["COMMAND", "FILE", "STATUS"],
            command.iter().map(command_row).collect(),
        ),
        (
            vec![
                "SECRET", "REGION", "ROTATION", "LAST", "KMS KEY", "REPLICAS",
            ],
            secrets.iter().map(|secret| secret.cells.clone()).collect(),
        ),
        (
            vec!["ACCOUNT", "CALLER", "CREDENTIALS"],
            caller.iter().map(caller_row).collect(),
        ),
    ];
    let filled = tables.into_iter().filter(|(_, rows)| !rows.is_empty());
    filled
        .map(|(headings, rows)| layout(&headings, rows))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the lines of a table, each with a line feed. Each row has a cell for each heading; an empty one is `-`.
fn layout(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut lines: Vec<Vec<String>> = vec![
        headings
            .iter()
            .map(|heading| (*heading).to_owned())
            .collect(),
    ];
    for row in rows {
        lines.push(
            row.iter()
                .map(|cell| {
                    if cell.is_empty() {
                        "-".to_owned()
                    } else {
                        escaped(cell)
                    }
                })
                .collect(),
        );
    }
    let mut widths = vec![0; headings.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in lines {
        let mut cells = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            cells += cell;
            // A width of `format!` has 16 bits.
            cells += &" ".repeat(width + GAP - cell.chars().count());
        }
        text += cells.trim_end();
        text += "\n";
    }
    text
}

/// Returns the row of an entry and, for a template or an entry of several secrets, a row for each secret.
fn value_rows(row: &Row, has_cache: bool) -> Vec<Vec<String>> {
    let only = match row.sources.as_slice() {
        [only] if row.kind != RowKind::Template => Some(only),
        _ => None,
    };
    let reference = match (&row.reference, only, row.kind) {
        (Some(reference), ..) => reference.clone(),
        (None, Some(only), _) => only.reference(),
        (None, None, RowKind::Reference) => "reference".to_owned(),
        (None, None, RowKind::Template) => "template".to_owned(),
        (None, None, RowKind::Literal) => "literal".to_owned(),
        (None, None, RowKind::EnvFrom) => "env-from".to_owned(),
        (None, None, RowKind::Inherited) => format!("{} references", row.sources.len()),
    };
    let cells = |reference: String, source: Option<&SourceRow>, state: &str| {
        // Each line is complete without the line above it, so that grep finds it.
        let mut cells = vec![row.label.clone(), reference];
        cells.extend(version_cells(source));
        cells.extend(has_cache.then(|| cached_cell(source)));
        cells.push(state.to_owned());
        cells
    };
    let state = row.error.unwrap_or(row.status);
    let whole = cells(
        reference,
        only,
        &row.note
            .map_or(state.to_owned(), |note| format!("{state}, {note}")),
    );
    let parts = row.sources.iter().filter(|_| only.is_none());
    let parts = parts.map(|source| {
        cells(
            source.reference(),
            Some(source),
            source.error.unwrap_or(source.status),
        )
    });
    std::iter::once(whole).chain(parts).collect()
}

/// The version, its stages and its age.
fn version_cells(source: Option<&SourceRow>) -> [String; 3] {
    let Some(SourceRow {
        version,
        stages,
        age_seconds,
        ..
    }) = source
    else {
        return Default::default();
    };
    let version = version
        .iter()
        .flat_map(|version| version.chars())
        .take(ID_LENGTH)
        .collect();
    [
        version,
        stages.join(","),
        age_seconds.map(age).unwrap_or_default(),
    ]
}

/// The age of the answer in the cache, with `, used` if the value is that answer's; empty if there is none.
fn cached_cell(source: Option<&SourceRow>) -> String {
    let cached = source.and_then(|source| source.cached.as_ref());
    cached.map_or_else(String::new, |cached| {
        age(cached.age_seconds) + if cached.used { ", used" } else { "" }
    })
}

fn command_row(CheckedCommand { name, file, status }: &CheckedCommand) -> Vec<String> {
    vec![
        name.clone(),
        file.clone().unwrap_or_default(),
        (*status).to_owned(),
    ]
}

fn caller_row(
    CheckedCaller {
        account,
        arn,
        credentials,
    }: &CheckedCaller,
) -> Vec<String> {
    let or_unknown = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
    let name = arn.as_ref().and_then(|arn| arn.splitn(6, ':').nth(5));
    vec![
        or_unknown(account.as_deref()),
        or_unknown(name),
        (*credentials).to_owned(),
    ]
}
