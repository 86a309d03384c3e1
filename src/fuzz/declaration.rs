//! Declarations: each error has a line.

use std::path::Path;

use super::support::{
    CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, message, plan, reasons,
    resolve_all,
};
use crate::input::declaration;

/// `data` is a declaration, which is read, and resolved with the same value for each secret.
pub fn declaration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (declaration, errors) = declaration::parse_declaration(Path::new("a.yaml"), text, true);
    // A carriage return ends a line in YAML.
    let lines = text.split(['\n', '\r']).count();
    for error in errors {
        let place = error
            .text
            .strip_prefix("a.yaml:")
            .and_then(|rest| rest.split_once(':'));
        let line = place.and_then(|(line, _)| line.parse().ok());
        assert!(
            line.is_some_and(|line| (1..=lines + 1).contains(&line)),
            "line {line:?} of {lines}: {error:?}"
        );
        assert!(!message(&error).is_empty());
    }
    if text.contains(CANARY) {
        return;
    }
    match plan(declaration.layer) {
        Err(errors) => errors
            .into_iter()
            .for_each(|error| assert_quotes_no_value(&error)),
        Ok(plan) => {
            assert_hold_no_value(reasons(&resolve_all(&plan, SECRET.as_bytes())));
        }
    }
}
