//! The fuzz targets that read the files that people write, and references in inherited variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use glob::Pattern;

use super::support::{
    CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, message, plan, reasons,
    resolve_all, resolve_one,
};
use crate::backend::aws::{IniSection, parse_ini};
use crate::input::cli::MigrateArguments;
use crate::input::declaration::{Sections, parse_declaration};
use crate::input::env_file::{parse_env_file, secret_json};
use crate::input::inherited::inherited_layer;
use crate::model::environment::Inherited;
use crate::model::message::Problem;
use crate::model::plan::Layer;
use crate::model::reference::SecretId;

/// Parses `data` as a declaration, and resolves it with the same value for each secret. Asserts
/// that each error begins with a valid line number, and that no message shows a value.
pub fn declaration(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (_, layer, errors) = parse_declaration(Path::new("a.yaml"), text, Sections::All);
    // In YAML, a carriage return also ends a line.
    let lines = text.split(['\n', '\r']).count();
    for error in errors {
        let line = error
            .text()
            .strip_prefix("a.yaml:")
            .and_then(|rest| rest.split_once(':'))
            .and_then(|(line, _)| line.parse().ok());
        assert!(
            line.is_some_and(|line| (1..=lines).contains(&line)),
            "line {line:?} of {lines}: {error:?}"
        );
        assert!(!message(&error).is_empty());
    }

    // A canary in the input may be the name of a key, which an error may show.
    if text.contains(CANARY) {
        return;
    }
    match plan(layer) {
        Err(errors) => errors.iter().for_each(assert_quotes_no_value),
        Ok(plan) => {
            assert_hold_no_value(reasons(&resolve_all(&plan, SECRET.as_bytes())));
        }
    }
}

/// Parses `data` as a configuration file of AWS, such as `~/.aws/config`. Asserts that its sections
/// stay the same if they are printed and parsed again, and that an error has the number of an
/// existing line.
pub fn config_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse_ini(text) {
        Err(refused) => {
            let line = refused.line;
            assert!((1..=text.lines().count()).contains(&line), "line {line}");
        }
        Ok(sections) => {
            let mut printed = String::new();
            for section in &sections {
                let _ = writeln!(printed, "[{}]", section.header);
                for (key, value) in &section.settings {
                    // The lines of a value after its first one must be indented.
                    let _ = writeln!(printed, "{key} = {}", value.replace('\n', "\n "));
                }
            }

            let without_line =
                |section: IniSection<'_>| (section.header.to_owned(), section.settings);
            let parsed_again = parse_ini(&printed).unwrap_or_default();
            assert!(
                parsed_again
                    .into_iter()
                    .map(without_line)
                    .eq(sections.into_iter().map(without_line)),
                "{printed}"
            );
        }
    }
}

/// Parses `data` as a .env file, after putting the canary at the start of each value. Asserts that
/// the JSON for the secret has every variable that moves there, and that no message shows a value.
pub fn env_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // The canary must only be where this function puts it.
    if text.contains(CANARY) {
        return;
    }

    let arguments = MigrateArguments {
        file: "a.env".into(),
        secret: SecretId::Name("id".into()),
        only: Vec::new(),
        except: Vec::new(),
        literal: Vec::new(),
        values: false,
        for_local: false,
        output: None,
        reveal: false,
        quiet: 0,
    };

    let with_canaries = text.replace('=', &format!("={CANARY}"));
    match parse_env_file("a.env", &with_canaries, &arguments) {
        Err(errors) => assert_hold_no_value(errors),
        Ok(file) => {
            let warnings = format!("{:?}", file.warnings);
            assert!(!warnings.contains(CANARY), "{warnings}");
            let object: Result<BTreeMap<String, String>, _> =
                serde_json::from_slice(secret_json(&file.variables).expose());
            let mut moved = BTreeMap::new();
            for variable in &file.variables {
                if !variable.is_literal {
                    let value = String::from_utf8_lossy(variable.value.expose()).into_owned();
                    moved.insert(variable.name.as_str().to_owned(), value);
                }
            }
            assert_eq!(object.ok(), Some(moved));
        }
    }
}

/// Parses `data` as the value of an inherited variable, and again with the canary before and after
/// it. Asserts that the text around the references stays as it is, and that no error shows the
/// canary.
pub fn inherited(data: &[u8]) {
    // A variable can't contain a NUL, and the canary must only be where this function puts it.
    if data.contains(&0) || String::from_utf8_lossy(data).contains(CANARY) {
        return;
    }
    for value in [
        data.to_vec(),
        [CANARY.as_bytes(), data].concat(),
        [data, CANARY.as_bytes()].concat(),
    ] {
        match layer_of(&value) {
            Err(errors) => errors.iter().for_each(assert_quotes_no_value),
            Ok(layer) if layer.entries.is_empty() => {}
            Ok(layer) => assert_keeps_text(&value, layer),
        }
    }
}

/// Makes the layer for an inherited variable A with this value. The layer is empty if the value
/// contains no reference.
fn layer_of(value: &[u8]) -> Result<Layer, Vec<Problem>> {
    let variables = [(OsString::from("A"), OsString::from_vec(value.to_vec()))];
    inherited_layer(
        &Inherited::new(variables.into_iter()),
        &[Pattern::new("*").unwrap_or_default()],
    )
}

/// Resolves a variable with an empty value for each secret. Asserts that only the text around the
/// references is left.
fn assert_keeps_text(value: &[u8], layer: Layer) {
    let Ok(plan) = plan(layer) else { return };
    let Some(made) = resolve_one(&plan, b"") else {
        return;
    };

    let text = String::from_utf8_lossy(value);
    let mut expected = String::new();
    // If the value has no dynamic reference, the whole value is an ARN.
    if let Some((before, references)) = text.split_once("{{resolve:") {
        expected += before;
        for piece in references.split("{{resolve:") {
            if let Some((_, after)) = piece.split_once("}}") {
                expected += after;
            }
        }
    }
    assert_eq!(String::from_utf8_lossy(&made), expected, "of {text:?}");
}
