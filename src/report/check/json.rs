//! The result for machines. `docs/check.md` describes it; a change of a name or of a meaning needs another [`FORMAT`].

use std::time::SystemTime;

use serde_json::{Value, json};

use super::age::{date, seconds_since};
use super::findings::{CheckedCommand, CheckedSource, Findings};
use super::overrides::{By, Override};
use super::problem::Problem;
use super::row::{CacheState, EntryKind, ReadSource, Row, RowStatus, SourceStatus};
use crate::exec::ProgramError;
use crate::model::answer::{DescribedSecret, Description, Replica};
use crate::model::entry::{Place, Subject};
use crate::model::reference::{Region, Role, Store};
use crate::report::line::Line;

/// The number of the format. Fields may be added to it.
const FORMAT: u32 = 1;

/// Returns the document, with a line feed at its end. `lines` and `exit_status` are those of the report.
pub fn json(findings: &Findings, lines: &[Line], exit_status: u8) -> String {
    let Findings { source, rows, overrides, command, secrets, has_cache: _, now } = findings;
    let source = match source {
        CheckedSource::Aws => Some("aws"),
        CheckedSource::Agent => Some("agent"),
        CheckedSource::Local => Some("local"),
        CheckedSource::Nothing => None,
    };
    let document = json!({
        "format": FORMAT,
        "ok": exit_status == 0,
        "exit_status": exit_status,
        "source": source,
        "command": command.as_ref().map(command_object),
        "values": rows.iter().map(|row| value(row, *now)).collect::<Vec<_>>(),
        "overridden": overrides.iter().map(override_object).collect::<Vec<_>>(),
        "secrets": secrets.iter().map(|secret| secret_object(secret, *now)).collect::<Vec<_>>(),
        "messages": lines.iter().map(|line| json!({ "label": line.label.name(), "text": line.text })).collect::<Vec<_>>(),
    });
    // A document of these types can be written.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn command_object(CheckedCommand { name, found }: &CheckedCommand) -> Value {
    let (status, file) = match found {
        Ok(path) => ("ok", Some(path)),
        Err(ProgramError::NotFound { .. }) => ("not-found", None),
        Err(ProgramError::NotExecutable { file, .. }) => ("not-executable", Some(file)),
    };
    json!({ "name": name, "file": file.map(|path| path.display().to_string()), "status": status })
}

fn value(row: &Row, now: SystemTime) -> Value {
    let kind = match row.kind {
        EntryKind::Reference => "reference",
        EntryKind::Literal => "literal",
        EntryKind::Template => "template",
        EntryKind::EnvFrom => "env-from",
        EntryKind::Inherited => "inherited",
    };
    let file = row.file.as_ref().map(|place| match place {
        Place::Path(path) => json!({ "path": path.display().to_string() }),
        Place::Memory => json!({ "path": null }),
    });
    let (status, error, messages) = match &row.status {
        RowStatus::Ok => ("ok", None, Vec::new()),
        RowStatus::Default => ("default", None, Vec::new()),
        RowStatus::Unset => ("unset", None, Vec::new()),
        RowStatus::Kept => ("kept", None, Vec::new()),
        RowStatus::Unread => ("unread", None, Vec::new()),
        RowStatus::Overridden => ("overridden", None, Vec::new()),
        RowStatus::Empty => ("empty", None, Vec::new()),
        RowStatus::Failed(Problem { code, .. }, messages) => ("failed", Some(code), messages.clone()),
    };
    json!({
        "label": row.label,
        "variable": row.variable,
        "file": file,
        "credential": row.credential.as_ref().map(|credential| json!({ "unit": credential.unit, "name": credential.name })),
        "origin": row.origin.to_string(),
        "kind": kind,
        "reference": row.reference,
        "status": status,
        "error": error,
        "messages": messages,
        "sources": row.sources.iter().map(|source| source_object(source, now)).collect::<Vec<_>>(),
    })
}

fn source_object(source: &ReadSource, now: SystemTime) -> Value {
    let (status, error) = match source.status {
        SourceStatus::Ok => ("ok", None),
        SourceStatus::Unread => ("unread", None),
        SourceStatus::Failed(Problem { code, .. }) => ("failed", Some(code)),
    };
    let version = source.version.as_ref();
    let created = version.and_then(|version| version.created);
    let passed_over = version.map(|version| version.passed_over.as_slice()).unwrap_or_default();
    json!({
        "id": source.id(),
        "store": match source.locator.store {
            Store::SecretsManager => "secretsmanager",
            Store::ParameterStore => "ssm",
        },
        "key": source.key,
        "region": source.region.as_ref().map(Region::as_str),
        "role": source.locator.role.as_ref().map(role),
        "version": version.and_then(|version| version.id.as_deref()),
        "stages": version.map(|version| version.stages.as_slice()).unwrap_or_default(),
        "created": created.map(date),
        "age_seconds": created.map(|created| seconds_since(created, now)),
        "regions_passed_over": passed_over.iter().map(Region::as_str).collect::<Vec<_>>(),
        "cached": source.cached.map(|CacheState { age, is_used }| json!({ "age_seconds": age.as_secs(), "used": is_used })),
        "status": status,
        "error": error,
    })
}

fn role(role: &Role) -> String {
    role.arn.to_string()
}

fn override_object(Override { subject, by, .. }: &Override) -> Value {
    let (reason, by) = match by {
        By::Entry(other) => ("entry", Some(entry(other))),
        By::Kept(_) => ("kept", None),
        By::Others => ("entries", None),
    };
    let mut object = entry(subject);
    object["reason"] = json!(reason);
    object["by"] = json!(by);
    object
}

fn entry(subject: &Subject) -> Value {
    json!({ "label": subject.label, "origin": subject.origin.to_string(), "reference": subject.reference() })
}

fn secret_object(secret: &DescribedSecret, now: SystemTime) -> Value {
    let DescribedSecret { id, region, role: assumed, description } = secret;
    let (status, error) = match description {
        Ok(_) => ("ok", None),
        Err(_) if secret.is_denied() => ("not-permitted", None),
        Err(error) => ("unknown", Some(Problem::of_fetch(error, Some(Store::SecretsManager)).code)),
    };
    let mut object = json!({
        "id": id.to_string(),
        "region": region.as_str(),
        "role": assumed.as_ref().map(role),
        "status": status,
        "error": error,
    });
    let Ok(Description { rotation, kms_key, replicas, primary_region, deleted }) = description else { return object };
    object["rotation"] = json!({
        "enabled": rotation.is_enabled,
        "every_days": rotation.every_days(),
        "schedule": rotation.schedule,
        "last": rotation.last.map(date),
        "next": rotation.next.map(date),
        "overdue": rotation.is_overdue(now),
    });
    object["kms_key"] = json!(kms_key);
    let replica = |Replica { region, status, kms_key }: &Replica| json!({ "region": region, "status": status, "kms_key": kms_key });
    object["replicas"] = json!(replicas.iter().map(replica).collect::<Vec<_>>());
    object["primary_region"] = json!(primary_region);
    object["deleted"] = json!(deleted.map(date));
    object
}
