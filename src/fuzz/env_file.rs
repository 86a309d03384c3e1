//! Fuzzes the parser of .env files. The JSON object must have every variable that moves into the
//! secret, and no message may show a value.

use std::collections::{BTreeMap, BTreeSet};

use super::support::{CANARY, assert_hold_no_value};
use crate::input::cli::MigrateArguments;
use crate::input::env_file::parse_env_file;
use crate::model::reference::SecretId;

/// Parses `data` as a .env file, after putting the canary at the start of each value.
pub fn env_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains(CANARY) {
        return;
    }

    let arguments = MigrateArguments {
        file: "a.env".into(),
        secret: SecretId::Name("id".to_owned()),
        only: Vec::new(),
        except: Vec::new(),
        literal: Vec::new(),
        declarations: Vec::new(),
        values: false,
        for_local: false,
        reveal: false,
        quiet: false,
    };

    match parse_env_file(
        "a.env",
        &text.replace('=', &format!("={CANARY}")),
        &arguments,
        &BTreeSet::new(),
    ) {
        Err(errors) => assert_hold_no_value(errors),
        Ok(file) => {
            assert!(
                file.warnings.iter().all(|notice| !notice.contains(CANARY)),
                "{:?}",
                file.warnings
            );
            let object: Result<BTreeMap<String, String>, _> =
                serde_json::from_slice(file.secret_json.expose());
            let moved = file.variables.iter().map(|variable| {
                (
                    variable.name.as_str().to_owned(),
                    String::from_utf8_lossy(variable.value.expose()).into_owned(),
                )
            });
            assert_eq!(object.ok(), Some(moved.collect()));
        }
    }
}
