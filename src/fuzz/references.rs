//! The fuzz targets for references, their keys and paths, and templates.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::support::{
    CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, layer, message, plan, reasons,
    resolve_all, resolve_one,
};
use crate::model::entry::template::parse_template;
use crate::model::entry::{Operand, Part, Source};
use crate::model::environment::Inherited;
use crate::model::message::records;
use crate::model::outcome::Outcomes;
use crate::model::plan::Plan;
use crate::model::reference::{Alias, Aliases, Reference, Selector, Version, validate_alias_name};

/// Parses `data` as a reference, looks it up ([`check_lookup`]), and makes a plan with it. Asserts
/// that the reference stays the same if it is printed and parsed again, and that every error of the
/// plan has a message.
pub fn reference(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(reference) = Reference::parse(text) else {
        return;
    };
    let printed = reference.to_string();
    assert_eq!(
        Reference::parse(&printed),
        Ok(reference.clone()),
        "{printed:?} is read as something else"
    );

    check_lookup(&reference);

    if let Some(layer) = layer(Source::Reference(reference))
        && let Err(errors) = plan(layer)
    {
        for error in errors {
            assert!(!message(&error).is_empty());
        }
    }
}

/// Looks up the reference with a few variables and one alias. If that succeeds, asserts that the id
/// has no placeholder left, and that the request has a region if and only if the id is an ARN.
/// Nothing else names a region here.
fn check_lookup(reference: &Reference) {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
    let variables = [("A", "a"), ("ARN", arn), ("R", "us-east-1"), ("EMPTY", "")];
    let inherited = Inherited::new(
        variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into())),
    );

    let mut aliases = Aliases::default();
    let version = Version::new(Some("AWSPREVIOUS".to_owned()), None);
    aliases.insert(
        "db".to_owned(),
        Alias {
            id: "${ARN}".to_owned(),
            version,
            region: None,
            role: None,
            place: String::new(),
        },
    );

    if let Ok(found) = reference.locate(aliases.get(&reference.secret), &inherited) {
        let id = found.locator.id.to_string();
        assert!(!id.contains("${"), "{id:?} wasn't expanded");
        assert_eq!(
            id.starts_with("arn:"),
            found.locator.region.is_some(),
            "the region of {id:?}"
        );
    }
}

/// Resolves the reference `secret:KEY`. The first line of `data` is KEY with the fields after it,
/// and the rest is the secret. Asserts that a whole secret and the value of a key are unchanged,
/// that hints lead to values, and that no error contains a value.
pub fn extraction(data: &[u8]) {
    let mut halves = data.splitn(2, |byte| *byte == b'\n');
    let first_line = halves.next().unwrap_or_default();
    let body = halves.next().unwrap_or_default();
    let Ok(key) = str::from_utf8(first_line) else {
        return;
    };
    let Some((plan, selector)) = plan_of_key(key) else {
        return;
    };

    let found = resolve_one(&plan, body);
    match (&selector, &found) {
        (Selector::Whole, found) => assert_eq!(found.as_deref(), Some(body), "not byte for byte"),
        (Selector::Key(key), found) => assert_is_written(body, key, found.as_deref()),
        (Selector::Path(_), _) => {}
    }
    assert_hints_lead_to_values(&resolve_all(&plan, body), body);

    // If the input has a canary, it may be the name of a key, which an error may show. The name may
    // be escaped in `data`, so look into the reprinted JSON, too.
    let has_canary = [data, &reprinted(body)]
        .iter()
        .any(|text| String::from_utf8_lossy(text).contains(CANARY));
    if has_canary {
        return;
    }
    for with_canary in with_canaries(body) {
        assert_hold_no_value(reasons(&resolve_all(&plan, &with_canary)));
    }
}

/// Makes a plan that reads `secret:KEY`, and returns it with the selector of KEY.
fn plan_of_key(key: &str) -> Option<(Plan, Selector)> {
    let reference = Reference::parse(&format!("secret:{key}")).ok()?;
    let selector = reference.locate(None, &Default::default()).ok()?.selector;
    Some((plan(layer(Source::Reference(reference))?).ok()?, selector))
}

/// Asserts that `found` is the value of the key in `body`, with all the digits of a number. If
/// `body` doesn't have the key, asserts that nothing was found.
fn assert_is_written(body: &[u8], key: &str, found: Option<&[u8]>) {
    let values: BTreeMap<String, &RawValue> = serde_json::from_slice(body).unwrap_or_default();
    let Some(bytes) = found else {
        return;
    };
    // JSON is never empty, so an empty text means that the key is missing.
    let written = values.get(key).map_or("", |raw| raw.get());
    assert!(
        !written.is_empty(),
        "a value for {key:?}, which isn't there"
    );

    // serde_json prints the exponent of `1e5` as `e+5`.
    let without_plus = |text: &str| text.to_lowercase().replace('+', "");
    let text = String::from_utf8_lossy(bytes);
    match written.as_bytes().first() {
        Some(b'"') => assert_eq!(
            serde_json::from_str::<String>(written).ok().as_deref(),
            Some(&*text)
        ),
        // serde_json parses an object with the key `$serde_json::private::Number` as a number. The
        // key may be escaped.
        Some(b'{' | b'[') if written.contains("serde_json") || written.contains("\\u") => {}
        Some(b'{' | b'[') => {
            let value: Option<Value> = serde_json::from_str(written).ok();
            assert_eq!(
                value.map(|value| without_plus(&value.to_string())),
                Some(without_plus(&text))
            );
        }
        _ => assert_eq!(without_plus(&text), without_plus(written)),
    }
}

/// Asserts that the reference in each hint leads to exactly one JSON value.
fn assert_hints_lead_to_values(outcomes: &Outcomes, body: &[u8]) {
    for record in records(&reasons(outcomes)) {
        let help = record.into_parts().help.unwrap_or_default();
        let Some(quoted) = help.strip_prefix("write --env ") else {
            continue;
        };
        let argument = unquoted(quoted);
        let planned = argument.strip_prefix("A=secret:").and_then(plan_of_key);
        let leads = planned.is_some_and(|(plan, _)| leads_to_one_node(&resolve_all(&plan, body)));
        assert!(leads, "{argument:?} is a hint, but matches nothing");
    }
}

/// Removes the quotes that [`Subject::rewritten`](crate::model::entry::Subject::rewritten) puts
/// around an argument, as a shell would.
fn unquoted(argument: &str) -> String {
    let within = |quote: char| argument.strip_prefix(quote)?.strip_suffix(quote);
    match (within('\''), within('"')) {
        (Some(text), _) => text.to_owned(),
        (None, Some(text)) => text.replace("\\$", "$"),
        (None, None) => argument.to_owned(),
    }
}

/// True if the plan's only reference leads to exactly one JSON value. A null is one value, too,
/// although it is an error with the code `null`. Any other error means that the reference leads to
/// no value or to several.
fn leads_to_one_node(outcomes: &Outcomes) -> bool {
    reasons(outcomes)
        .iter()
        .all(|error| error.check_code() == "null")
}

/// Parses the JSON of a secret and prints it again, which removes escapes such as `\u0063` that
/// could hide a canary.
fn reprinted(body: &[u8]) -> Vec<u8> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    value.to_string().into_bytes()
}

/// Makes variants of a secret that contain the canary: in each string or, if the secret isn't JSON,
/// before or after the text.
fn with_canaries(body: &[u8]) -> Vec<Vec<u8>> {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            plant(&mut value);
            vec![value.to_string().into_bytes()]
        }
        Err(_) => vec![
            [CANARY.as_bytes(), body].concat(),
            [body, CANARY.as_bytes()].concat(),
        ],
    }
}

/// Appends the canary to every string in a value.
fn plant(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(CANARY),
        Value::Array(items) => items.iter_mut().for_each(plant),
        Value::Object(map) => map.values_mut().for_each(plant),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Resolves the template in `data`, in which every name is an alias of the same secret. Asserts
/// that no error shows a value.
pub fn template(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    // Don't check syntax errors, which may show the template itself.
    let Ok(parts) = parse_template(text) else {
        return;
    };
    if text.contains(CANARY) {
        return;
    }

    let mut names = Vec::new();
    for part in &parts {
        if let Part::Lookup(Operand::Secret(reference), _) = part {
            names.push(reference.secret.clone());
        }
    }
    let Some(mut layer) = layer(Source::Composed(parts)) else {
        return;
    };
    for name in names
        .into_iter()
        .filter(|name| validate_alias_name(name).is_ok())
    {
        let alias = Alias {
            id: "secret".to_owned(),
            version: Version::CURRENT,
            region: None,
            role: None,
            place: String::new(),
        };
        layer.aliases.insert(name, alias);
    }

    match plan(layer) {
        Err(errors) => errors.iter().for_each(assert_quotes_no_value),
        Ok(plan) => {
            for body in [SECRET, CANARY] {
                assert_hold_no_value(reasons(&resolve_all(&plan, body.as_bytes())));
            }
        }
    }
}
