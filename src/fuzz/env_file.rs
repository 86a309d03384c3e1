//! .env files: the object of JSON has every variable that is moved, and no message quotes a value.

use std::collections::BTreeMap;

use clap::{Args, Command, FromArgMatches};

use super::support::{CANARY, assert_hold_no_value};
use crate::input::cli::MigrateArguments;
use crate::input::env_file::parse;

/// `data` is a .env file, whose values get the canary at their beginning.
pub fn env_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains(CANARY) {
        return;
    }
    let command = MigrateArguments::augment_args(Command::new("migrate"));
    let matches = command.try_get_matches_from(["migrate", "a.env", "--secret", "id"]);
    let Ok(arguments) = matches.and_then(|matches| MigrateArguments::from_arg_matches(&matches)) else { return };
    match parse("a.env", &text.replace('=', &format!("={CANARY}")), &arguments) {
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
