//! Fuzzes the parser of declarations. Each error must have a line of the file, and no message may
//! show a value.

use std::path::Path;

use super::support::{
    CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, message, plan, reasons,
    resolve_all,
};
use crate::input::declaration::{Sections, parse_declaration};

/// Parses `data` as a declaration, and resolves it with the same value for each secret.
pub fn declaration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (declaration, errors) = parse_declaration(Path::new("a.yaml"), text, Sections::All);
    // In YAML, a carriage return also ends a line.
    let lines = text.split(['\n', '\r']).count();
    for error in errors {
        let position = error
            .text
            .strip_prefix("a.yaml:")
            .and_then(|rest| rest.split_once(':'));
        let line = position.and_then(|(line, _)| line.parse().ok());
        assert!(
            line.is_some_and(|line| (1..=lines + 1).contains(&line)),
            "line {line:?} of {lines}: {error:?}"
        );
        assert!(!message(&error).is_empty());
    }

    // A canary in the input may be the name of a key, which an error may show.
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
