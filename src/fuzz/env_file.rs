//! .env files: the object of JSON has every variable that is moved, and no message quotes a value.

use std::collections::BTreeMap;

use glob::Pattern;

use super::support::{CANARY, assert_hold_no_value};
use crate::input::env_file::{Chosen, parse};

/// `data` is a .env file, whose values get the canary at their beginning.
pub fn env_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains(CANARY) {
        return;
    }
    let all: [Pattern; 0] = [];
    let chosen = Chosen { only: &all, except: &all, literal: &all };
    match parse("a.env", &text.replace('=', &format!("={CANARY}")), &chosen) {
        Err(errors) => assert_hold_no_value(errors),
        Ok(file) => {
            assert!(file.notices.iter().all(|notice| !notice.contains(CANARY)), "{:?}", file.notices);
            let object: Result<BTreeMap<String, String>, _> = serde_json::from_slice(file.object.expose());
            let moved = file.settings.iter().map(|setting| {
                (setting.name.as_str().to_owned(), String::from_utf8_lossy(setting.value.expose()).into_owned())
            });
            assert_eq!(object.ok(), Some(moved.collect()));
        }
    }
}
