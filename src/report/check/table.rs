//! The tables for people, with aligned columns. A long cell is neither wrapped nor cut.

use super::findings::{CheckedCaller, CheckedCommand, Findings, Row, RowKind, SourceRow};
use crate::model::quoting::escaped;
use crate::report::record::age;

/// Characters of a version id in the table; 8 tell the versions of a secret apart.
const ID_LENGTH: usize = 8;

/// The blanks between two columns.
const GAP: usize = 2;

/// Returns the tables and the sentences below them, separated by blank lines; an empty text if there is nothing to show.
pub fn text(findings: &Findings) -> String {
    let Findings {
        values,
        command,
        secrets,
        caller,
        has_cache,
        lists_literals,
        ..
    } = findings;
    let is_listed = |row: &&Row| *lists_literals || !row.is_plain_literal();
    let listed: Vec<&Row> = values.iter().filter(is_listed).collect();
    let mut headings = vec!["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE"];
    headings.extend(has_cache.then_some("CACHED"));
    headings.push("STATUS");
    let tables: [(_, Vec<_>); 3] = [
        (
            headings,
            listed
                .iter()
                .flat_map(|row| value_rows(row, *has_cache))
                .collect(),
        ),
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
    ];
    let filled = tables.into_iter().filter(|(_, rows)| !rows.is_empty());
    let mut parts: Vec<String> = filled
        .map(|(headings, rows)| layout(&headings, rows))
        .collect();

    let mut sentences = literals_sentence(values.len() - listed.len());
    sentences += &status_sentences(&listed);
    sentences.extend(caller.iter().map(caller_sentence));
    parts.extend((!sentences.is_empty()).then_some(sentences));
    parts.join("\n")
}

/// Returns the line about the literals that the table leaves out; an empty text without any.
fn literals_sentence(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "1 literal is not listed (-v lists it).\n".to_owned(),
        _ => format!("{count} literals are not listed (-v lists them).\n"),
    }
}

/// The meaning of each status other than `ok` and the codes of errors.
const MEANINGS: [(&str, &str); 9] = [
    (
        "default",
        "the secret or key does not exist, so the entry's default is used.",
    ),
    (
        "unset",
        "the secret or key does not exist, and the entry is optional.",
    ),
    ("empty", "the object has no keys, so it sets no variable."),
    (
        "overridden",
        "another entry sets this variable (-v shows which one).",
    ),
    (
        "kept",
        "the variable was already set, so --keep-existing left it alone.",
    ),
    (
        "unread",
        "the value was not requested, because of an error.",
    ),
    (
        "not-read",
        "the secret exists. Its keys, JSON and templates were not checked, because --metadata reads no values.",
    ),
    (
        "not-checked",
        "--metadata can't tell whether this version, label or parameter exists.",
    ),
    (
        "valid",
        "the reference is well-formed. Nothing was requested, because of --offline.",
    ),
];

/// Returns a line for each status other than `ok` that occurs in the rows, and one for all codes of errors.
fn status_sentences(rows: &[&Row]) -> String {
    let mut lines = String::new();
    for (status, meaning) in MEANINGS {
        if rows
            .iter()
            .any(|row| row.error.is_none() && row.status == status)
        {
            lines += &format!("{status}: {meaning}\n");
        }
    }
    if rows.iter().any(|row| row.error.is_some()) {
        lines += "The errors below explain the other statuses.\n";
    }
    lines
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

/// Returns the row of an entry and, indented below it for a template or an entry of several secrets, a row for each secret.
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
    let cells = |label: &str, reference: String, source: Option<&SourceRow>, state: &str| {
        let mut cells = vec![label.to_owned(), reference];
        cells.extend(version_cells(source));
        cells.extend(has_cache.then(|| cached_cell(source)));
        cells.push(state.to_owned());
        cells
    };
    let state = row.error.unwrap_or(row.status);
    let whole = cells(
        &row.label,
        reference,
        only,
        &row.note
            .as_ref()
            .map_or(state.to_owned(), |note| format!("{state}, {note}")),
    );
    let parts = row.sources.iter().filter(|_| only.is_none());
    let parts = parts.map(|source| {
        cells(
            " ",
            format!("  {}", source.reference()),
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

fn caller_sentence(
    CheckedCaller {
        account,
        arn,
        credentials,
    }: &CheckedCaller,
) -> String {
    let name = arn.as_ref().and_then(|arn| arn.splitn(6, ':').nth(5));
    let sentence = match (name, account) {
        (Some(name), Some(account)) => format!(
            "The caller is {name} in account {account}, with the credentials of the {credentials}."
        ),
        (Some(_) | None, _) => format!(
            "The caller is unknown, because STS did not answer. The credentials are those of the {credentials}."
        ),
    };
    escaped(&sentence) + "\n"
}
