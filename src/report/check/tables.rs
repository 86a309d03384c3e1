//! The tables for people: the values, the command, and the description of each secret.

use std::time::SystemTime;

use super::age::{age, duration};
use super::findings::{CheckedCommand, CheckedSource, Findings};
use super::grid::{Cell, Tone, layout};
use super::problem::Problem;
use super::row::{CacheState, EntryKind, ReadSource, Row, RowStatus, SourceStatus};
use crate::exec::ProgramError;
use crate::model::answer::{DescribedSecret, Description, Replica, Rotation};
use crate::model::reference::Store;

/// Characters of a version id in the table; 8 tell the versions of a secret apart.
const ID_LENGTH: usize = 8;

/// Returns the tables, separated by blank lines; an empty text without any row.
pub fn text(findings: &Findings, is_coloured: bool) -> String {
    let Findings { rows, command, secrets, now, source, has_cache, .. } = findings;
    let unread = match source {
        CheckedSource::Nothing => Cell::toned("valid", Tone::Good),
        CheckedSource::Aws | CheckedSource::Agent | CheckedSource::Local => Cell::toned("not read", Tone::Notable),
    };
    let values: Vec<_> = rows.iter().flat_map(|row| value_rows(row, *now, *has_cache, &unread)).collect();
    let command: Vec<_> = command.iter().map(command_row).collect();
    let secrets: Vec<_> = secrets.iter().map(|secret| secret_row(secret, *now)).collect();
    let tables = [
        (value_headings(*has_cache), values),
        (&["COMMAND", "FILE", "STATUS"][..], command),
        (&["SECRET", "REGION", "ROTATION", "LAST", "KMS KEY", "REPLICAS"][..], secrets),
    ];
    let filled = tables.into_iter().filter(|(_, rows)| !rows.is_empty());
    filled.map(|(headings, rows)| layout(headings, rows, is_coloured)).collect::<Vec<_>>().join("\n")
}

/// The columns of the values, of which CACHED stands there only with `--cache`.
fn value_headings(has_cache: bool) -> &'static [&'static str] {
    match has_cache {
        false => &["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE", "STATUS"],
        true => &["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE", "CACHED", "STATUS"],
    }
}

/// Returns the row of an entry and, for one that is made of several secrets, a row for each.
fn value_rows(row: &Row, now: SystemTime, has_cache: bool, unread: &Cell) -> Vec<Vec<Cell>> {
    let only = match (row.kind, row.sources.as_slice()) {
        (EntryKind::Reference | EntryKind::Literal | EntryKind::EnvFrom | EntryKind::Inherited, [only]) => Some(only),
        (EntryKind::Template, _) | (_, []) | (_, [_, _, ..]) => None,
    };
    let reference = match (&row.reference, row.kind, only) {
        (Some(reference), ..) => reference.clone(),
        (None, EntryKind::Literal, _) => "literal".to_owned(),
        (None, EntryKind::Template, _) => "template".to_owned(),
        (None, EntryKind::Reference | EntryKind::EnvFrom | EntryKind::Inherited, Some(only)) => only.reference(),
        (None, EntryKind::Reference | EntryKind::EnvFrom | EntryKind::Inherited, None) => {
            format!("{} references", row.sources.len())
        }
    };
    let mut first = vec![Cell::plain(&row.label), Cell::plain(reference)];
    first.extend(version_cells(only, now));
    first.extend(cached_cell(only, has_cache));
    first.push(status_cell(&row.status, unread));
    let mut rows = vec![first];
    for source in row.sources.iter().filter(|_| only.is_none()) {
        // Each line is complete without the line above it, so that grep finds it.
        let mut cells = vec![Cell::plain(&row.label), Cell::plain(source.reference())];
        cells.extend(version_cells(Some(source), now));
        cells.extend(cached_cell(Some(source), has_cache));
        cells.push(source_status(source, unread));
        rows.push(cells);
    }
    rows
}

/// The version, its stages and its age.
fn version_cells(source: Option<&ReadSource>, now: SystemTime) -> [Cell; 3] {
    let version = source.and_then(|source| Some((source.locator.store, source.version.as_ref()?)));
    let Some((store, version)) = version else { return [Cell::plain(""), Cell::plain(""), Cell::plain("")] };
    let id = version.id.as_deref().unwrap_or_default();
    let id: String = match store {
        Store::SecretsManager => id.chars().take(ID_LENGTH).collect(),
        Store::ParameterStore => id.to_owned(),
    };
    let age = version.created.map(|created| age(created, now)).unwrap_or_default();
    [Cell::plain(id), Cell::plain(version.stages.join(",")), Cell::plain(age)]
}

/// The age of the entry in the cache; `None` without a cache.
fn cached_cell(source: Option<&ReadSource>, has_cache: bool) -> Option<Cell> {
    let text = match source.and_then(|source| source.cached) {
        None => String::new(),
        Some(CacheState { age, is_used: false }) => duration(age),
        Some(CacheState { age, is_used: true }) => format!("{}, used", duration(age)),
    };
    has_cache.then(|| Cell::plain(text))
}

fn status_cell(status: &RowStatus, unread: &Cell) -> Cell {
    match status {
        RowStatus::Ok => Cell::toned("ok", Tone::Good),
        RowStatus::Default => Cell::toned("default", Tone::Notable),
        RowStatus::Unset => Cell::toned("not set", Tone::Notable),
        RowStatus::Kept => Cell::toned("kept", Tone::Notable),
        RowStatus::Unread => unread.clone(),
        RowStatus::Overridden => Cell::toned("overridden", Tone::Notable),
        RowStatus::Empty => Cell::toned("no variable", Tone::Notable),
        RowStatus::Failed(Problem { text, .. }, _) => Cell::toned(text, Tone::Bad),
    }
}

fn source_status(source: &ReadSource, unread: &Cell) -> Cell {
    match source.status {
        SourceStatus::Ok => Cell::toned("ok", Tone::Good),
        SourceStatus::Unread => unread.clone(),
        SourceStatus::Failed(Problem { text, .. }) => Cell::toned(text, Tone::Bad),
    }
}

fn command_row(CheckedCommand { name, found }: &CheckedCommand) -> Vec<Cell> {
    let (file, status) = match found {
        Ok(path) => (path.display().to_string(), Cell::toned("ok", Tone::Good)),
        Err(ProgramError::NotFound { .. }) => (String::new(), Cell::toned("not found", Tone::Bad)),
        Err(ProgramError::NotExecutable { file, .. }) => {
            (file.display().to_string(), Cell::toned("not executable", Tone::Bad))
        }
    };
    vec![Cell::plain(name), Cell::plain(file), status]
}

fn secret_row(secret: &DescribedSecret, now: SystemTime) -> Vec<Cell> {
    let mut cells = vec![Cell::plain(secret.id.to_string()), Cell::plain(secret.region.to_string())];
    match &secret.description {
        Ok(description) => cells.extend(description_cells(description, now)),
        Err(error) => {
            let (text, tone) = match secret.is_denied() {
                true => ("not permitted", Tone::Notable),
                false => (Problem::of_fetch(error, Some(Store::SecretsManager)).text, Tone::Bad),
            };
            cells.push(Cell::toned(text, tone));
            cells.extend(std::iter::repeat_n(Cell::plain(""), 3));
        }
    }
    cells
}

fn description_cells(description: &Description, now: SystemTime) -> [Cell; 4] {
    let Description { rotation, kms_key, replicas, primary_region, deleted } = description;
    let last = match (rotation.last, rotation.is_enabled) {
        (Some(last), _) => age(last, now),
        (None, true) => "never".to_owned(),
        (None, false) => String::new(),
    };
    let replica = |Replica { region, status, .. }: &Replica| match status.as_deref() {
        Some("InSync") | None => region.clone(),
        Some(status) => format!("{region} ({status})"),
    };
    let of = primary_region.iter().map(|primary| format!("of {primary}"));
    let replicas: Vec<_> = of.chain(replicas.iter().map(replica)).collect();
    let rotation = match deleted {
        Some(_) => Cell::toned("marked for deletion", Tone::Bad),
        None => rotation_cell(rotation, now),
    };
    [
        rotation,
        Cell::plain(last),
        Cell::plain(kms_key.as_deref().unwrap_or("aws/secretsmanager")),
        Cell::plain(replicas.join(", ")),
    ]
}

fn rotation_cell(rotation: &Rotation, now: SystemTime) -> Cell {
    if !rotation.is_enabled {
        return Cell::toned("off", Tone::Notable);
    }
    let every = match (rotation.every_days(), &rotation.schedule) {
        (Some(1), _) => "every day".to_owned(),
        (Some(days), _) => format!("every {days} days"),
        (None, Some(schedule)) => schedule.clone(),
        (None, None) => "on".to_owned(),
    };
    if rotation.is_overdue(now) {
        Cell::toned(format!("overdue, {every}"), Tone::Bad)
    } else {
        Cell::toned(every, Tone::Good)
    }
}
