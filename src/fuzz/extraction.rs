//! A key or a path of a secret: it gives what the secret's JSON says, or an error that quotes none of it.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::support::{CANARY, hold_no_value, layer, plan, resolve_all, resolve_one};
use crate::model::entry::EntrySource;
use crate::model::plan::Plan;
use crate::model::reference::{JsonPath, Reference, Selector};
use crate::resolve::{Absent, ExtractError, Outcome, ResolveProblem};

/// The first line of `data` is what follows `SECRET:` in a reference, the rest is the secret.
pub fn extraction(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (key, body) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let Ok(key) = std::str::from_utf8(key) else { return };
    let Some((plan, selector)) = planned(key) else { return };
    let found = resolve_one(&plan, body);
    match (&selector, &found) {
        (Selector::Whole, found) => assert_eq!(found.as_deref(), Some(body), "not byte for byte"),
        (Selector::Key(key), found) => {
            is_what_was_written(body, key, found.as_deref());
            let path = planned(&Selector::Path(JsonPath::of_key(key)).to_string());
            if let (Some((path, _)), Some(found)) = (path, found) {
                assert_eq!(resolve_one(&path, body).as_ref(), Some(found), "the path to {key:?} finds something else");
            }
        }
        (Selector::Path(_), _) => {}
    }
    hints_hold(&resolve_all(&plan, body), body);
    // DnsResolver of keys are told.
    let is_a_name = [data, &reprinted(body)].iter().any(|text| String::from_utf8_lossy(text).contains(CANARY));
    for body in planted(body).iter().filter(|_| !is_a_name) {
        hold_no_value(resolve_all(&plan, body).errors);
    }
}

fn planned(key: &str) -> Option<(Plan, Selector)> {
    let reference = Reference::parse(&format!("secret:{key}")).ok()?;
    let selector = reference.locate(&Default::default(), &Default::default()).ok()?.selector;
    Some((plan(layer(EntrySource::Reference(reference))?).ok()?, selector))
}

/// Holds a key's value against the text of the secret, found in another way.
fn is_what_was_written(body: &[u8], key: &str, found: Option<&[u8]>) {
    let written: BTreeMap<String, &RawValue> = serde_json::from_slice(body).unwrap_or_default();
    let (Some(written), Some(found)) = (written.get(key).map(|raw| raw.get()), found) else {
        assert!(found.is_none(), "a value for {key:?}, which is not there");
        return;
    };
    let found = String::from_utf8_lossy(found);
    match written.as_bytes().first() {
        Some(b'"') => assert_eq!(serde_json::from_str::<String>(written).ok().as_deref(), Some(&*found)),
        // An exponent may read `e+5`.
        Some(b'0'..=b'9' | b'-') => {
            assert_eq!(found.to_lowercase().replace('+', ""), written.to_lowercase().replace('+', ""))
        }
        // By this key serde_json takes an object for a number.
        Some(b'{' | b'[') if written.contains("serde_json") || written.contains("\\u") => {}
        Some(b'{' | b'[') => {
            let value = serde_json::from_str::<Value>(written).map(|value| value.to_string());
            assert_eq!(value.ok().as_deref(), Some(&*found));
        }
        _ => assert_eq!(found, written),
    }
}

/// What an error offers instead leads somewhere.
fn hints_hold(outcome: &Outcome, body: &[u8]) {
    for error in &outcome.errors {
        let ResolveProblem::Extract { error, .. } = &error.problem else { continue };
        match error {
            ExtractError::Absent(Absent::Key { as_path: Some(path), .. }) => {
                let leads = planned(path).is_some_and(|(plan, _)| finds_one(&resolve_all(&plan, body)));
                assert!(leads, "{path:?} is offered and finds nothing");
            }
            ExtractError::Several { paths, count } => {
                assert!(*count > 1 && paths.len() <= *count);
                for path in paths {
                    let leads = planned(path).is_some_and(|(plan, _)| finds_one(&resolve_all(&plan, body)));
                    assert!(leads, "{path:?} is listed and finds something else");
                }
            }
            _ => {}
        }
    }
}

/// Whether there is one node, be it a null.
fn finds_one(outcome: &Outcome) -> bool {
    outcome
        .errors
        .iter()
        .all(|error| matches!(error.problem, ResolveProblem::Extract { error: ExtractError::Absent(Absent::Null), .. }))
}

/// The secret without escapes, as far as it is JSON.
fn reprinted(body: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<Value>(body).map(|value| value.to_string().into_bytes()).unwrap_or_default()
}

/// The secret with the canary in every value, as far as it is JSON; else with the canary around it.
fn planted(body: &[u8]) -> Vec<Vec<u8>> {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            plant(&mut value);
            vec![value.to_string().into_bytes()]
        }
        Err(_) => vec![[CANARY.as_bytes(), body].concat(), [body, CANARY.as_bytes()].concat()],
    }
}

fn plant(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(CANARY),
        Value::Array(items) => items.iter_mut().for_each(plant),
        Value::Object(map) => map.values_mut().for_each(plant),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
