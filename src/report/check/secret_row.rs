//! The rows of the secrets that `--describe` or `--metadata` asked about.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::findings::TableRow;
use crate::model::answer::{DescribedSecret, Description, Replica};
use crate::report::record::age;

/// Returns the row of a secret that AWS was asked to describe, also if it could not be described.
pub fn secret_row(secret: &DescribedSecret, now: SystemTime) -> TableRow {
    let (status, error) = match &secret.description {
        Ok(_) => ("ok", None),
        Err(_) if secret.is_denied() => ("not-permitted", None),
        Err(error) => ("unknown", Some(error.problem.code)),
    };

    let role = secret.role.as_ref().map(|role| role.arn.to_string());
    let (id, region) = (secret.id.to_string(), secret.region.to_string());
    let mut fields =
        json!({ "id": id, "region": region, "role": role, "status": status, "error": error });
    let mut cells = vec![id, region];
    match &secret.description {
        Ok(description) => {
            add_description(&mut fields, description, now);
            cells.extend(description_cells(description, now));
        }
        Err(_) => cells.extend([error.unwrap_or(status), "", "", ""].map(str::to_owned)),
    }
    TableRow { fields, cells }
}

/// Adds the members for a description to the JSON object.
fn add_description(fields: &mut Value, description: &Description, now: SystemTime) {
    let rotation = &description.rotation;
    fields["rotation"] = json!({
        "enabled": rotation.is_enabled,
        "every_days": rotation.every_days(),
        "schedule": rotation.schedule,
        "last": rotation.last.map(date),
        "next": rotation.next.map(date),
        "overdue": rotation.is_overdue(now),
    });
    fields["kms_key"] = json!(description.kms_key);
    fields["replicas"] = json!(description.replicas);
    fields["primary_region"] = json!(description.primary_region);
    fields["deleted"] = json!(description.deleted.map(date));
}

/// Returns the cells of the columns ROTATION, LAST, KMS KEY and REPLICAS.
fn description_cells(description: &Description, now: SystemTime) -> [String; 4] {
    let rotation = &description.rotation;
    let last = match (rotation.last, rotation.is_enabled) {
        (Some(last), _) => age(seconds_since(last, now)),
        (None, true) => "never".to_owned(),
        (None, false) => String::new(),
    };

    let primary = description.primary_region.iter();
    let mut copies: Vec<String> = primary.map(|region| format!("of {region}")).collect();
    for Replica { region, status, .. } in &description.replicas {
        copies.push(match status.as_deref() {
            Some("InSync") | None => region.clone(),
            Some(status) => format!("{region} ({status})"),
        });
    }

    let overdue = if rotation.is_overdue(now) {
        "overdue, "
    } else {
        ""
    };
    let rotation_text = match (rotation.every_days(), &rotation.schedule) {
        _ if description.deleted.is_some() => "marked-for-deletion".to_owned(),
        _ if !rotation.is_enabled => "off".to_owned(),
        (Some(1), _) => format!("{overdue}every day"),
        (Some(days), _) => format!("{overdue}every {days} days"),
        (None, Some(schedule)) => format!("{overdue}{schedule}"),
        (None, None) => format!("{overdue}on"),
    };

    let kms_key = description.kms_key.as_deref();
    [
        rotation_text,
        last,
        kms_key.unwrap_or("aws/secretsmanager").to_owned(),
        copies.join(", "),
    ]
}

/// Returns the whole seconds since `then`, or 0 if that is in the future.
pub fn seconds_since(then: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(then)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// Returns a time as in `2018-04-11T20:05:45Z`.
pub fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
