//! .env files: the object of JSON has every variable that is moved, and no message quotes a value.

use std::collections::{BTreeMap, BTreeSet};

use super::support::{CANARY, assert_hold_no_value};
use crate::input::cli::MigrateArguments;
use crate::input::env_file::parse;
use crate::model::reference::SecretId;

/// `data` is a .env file, whose values get the canary at their beginning.
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
    match parse(
        "a.env",
        &text.replace('=', &format!("={CANARY}")),
        &arguments,
        &BTreeSet::new(),
    ) {
        Err(errors) => assert_hold_no_value(errors),
        Ok(file) => {
            assert!(
                file.notices.iter().all(|notice| !notice.contains(CANARY)),
                "{:?}",
                file.notices
            );
            let templates = file.templates.values();
            assert!(
                templates.clone().all(|template| !template.contains(CANARY)),
                "{templates:?}"
            );
            let object: Result<BTreeMap<String, String>, _> =
                serde_json::from_slice(file.object.expose());
            let moved = file.settings.iter().map(|setting| {
                (
                    setting.name.as_str().to_owned(),
                    String::from_utf8_lossy(setting.value.expose()).into_owned(),
                )
            });
            assert_eq!(object.ok(), Some(moved.collect()));
        }
    }
}
