//! The filters that MiniJinja doesn't have, or has only with features that aren't enabled, and
//! stricter versions of its filters and tests: those that would hide an undefined value, report it
//! with a misleading error, or panic.

use std::sync::Arc;

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value, filters};
use regex_lite::Regex;

use super::values::{self, Misses, SecretObject, own_error};
use crate::model::secret_value::{SecretValue, percent_encode};
use crate::resolve::extract::Json;

/// Adds our filters and tests to an environment. `fromjson` notes failed look-ups in `misses`.
pub fn add(environment: &mut Environment<'_>, misses: &Arc<Misses>) {
    add_strict_filters(environment);
    environment.add_test("divisibleby", is_divisible_by);
    environment.add_filter("urlencode", |value: &Value| {
        Ok(percent_encode(&values::printed_text(value)?))
    });
    environment.add_filter("b64encode", |value: &Value| {
        text_value(&bytes_of(value)?.base64_encoded())
    });
    environment.add_filter("b64decode", |value: &Value| {
        let decoded = bytes_of(value)?.base64_decoded();
        text_value(&decoded.ok_or_else(|| own_error("the value for \"b64decode\" isn't base64"))?)
    });
    environment.add_filter("tojson", values::compact_json);
    let noted = misses.clone();
    environment.add_filter("fromjson", move |value: &Value| {
        let json = Json::parse(values::printed_text(value)?.as_bytes())
            .map_err(|_| own_error("the value for \"fromjson\" isn't JSON"))?;
        Ok(SecretObject::root(None, Arc::new(json), &noted))
    });
    // This one is only for `super::MARK`.
    let marked = misses.clone();
    environment.add_filter("secrets_exec_marks_misses", move |undefined: Value| {
        marked.mark.get_or_init(|| undefined);
        ""
    });
}

/// Makes pairs of the name of a filter and its function in `minijinja::filters`.
macro_rules! builtins {
    ($($filter:ident)*) => { [$((stringify!($filter), Value::from_function(filters::$filter))),*] };
}

/// Replaces those filters of MiniJinja that treat an undefined input as an empty value, or fail
/// with a misleading error if they get one. In a strict template, an undefined input is an error
/// that says so. `format` also gets an error instead of a panic.
fn add_strict_filters(environment: &mut Environment<'_>) {
    let builtins = builtins![
        abs batch chain dictsort escape first format groupby indent items join last lines list max min pprint reverse
        round slice sort split zip
    ];
    for (name, filter) in builtins
        .into_iter()
        .chain([("e", Value::from_function(filters::escape))])
    {
        environment.add_filter(
            name,
            move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
                let given = given.into_values();
                if let Some(input) = given.first() {
                    if input.is_undefined() {
                        // This fails for a missing key, but not for the missing `else` of `x if y`.
                        state.format(input.clone())?;
                    } else if name == "join"
                        && let Some(item) = input.try_iter()?.find(Value::is_undefined)
                    {
                        return Err(values::undefined_error(&item));
                    } else if name == "format" && input.as_str().is_some_and(has_non_ascii_name) {
                        return Err(own_error("a name in %(name)s isn't ASCII"));
                    } else if given
                        .get(1)
                        .is_some_and(|count| is_too_large(name, input, count))
                    {
                        return Err(own_error(format!("a number for {name:?} is too large")));
                    }
                }
                filter.call(state, &given)
            },
        );
    }
}

/// True if a filter would make a text or a list with more than 9,999 parts out of nothing: with the
/// width or precision in a format such as `%9d`, or with the number that is the first argument of
/// the filter.
fn is_too_large(filter: &str, input: &Value, argument: &Value) -> bool {
    let (large, text) = match filter {
        "format" => ("[%)][ #+.0-9-]*[1-9][0-9]{4}", input.to_string()),
        "batch" | "indent" | "slice" => ("[1-9][0-9]{4}", argument.to_string()),
        _ => return false,
    };
    Regex::new(large).is_ok_and(|number| number.is_match(&text))
}

/// True if a name in `%(name)s` isn't ASCII. MiniJinja's `format` would panic.
fn has_non_ascii_name(format: &str) -> bool {
    format
        .replace("%%", "")
        .split("%(")
        .skip(1)
        .any(|name| !name.split(')').next().is_some_and(str::is_ascii))
}

/// Runs MiniJinja's test `divisibleby`, unless the divisor is zero, because the test would panic.
///
/// # Errors
/// If the divisor is zero.
fn is_divisible_by(number: &Value, divisor: &Value) -> Result<bool, Error> {
    match i128::try_from(divisor.clone()) {
        Ok(0) => Err(own_error("\"divisibleby\" has a divisor of zero")),
        Ok(_) | Err(_) => Ok(minijinja::tests::is_divisibleby(number, divisor)),
    }
}

/// Returns the text of a value, as a template prints it, as bytes.
///
/// # Errors
/// The errors of [`values::printed_text`].
fn bytes_of(value: &Value) -> Result<SecretValue, Error> {
    Ok(SecretValue::new(values::printed_text(value)?.as_bytes()))
}

/// Returns encoded or decoded bytes as text.
///
/// # Errors
/// If the bytes aren't UTF-8. Only decoded bytes can be something else.
fn text_value(coded: &SecretValue) -> Result<Value, Error> {
    let text = std::str::from_utf8(coded.expose())
        .map_err(|_| own_error("the result of \"b64decode\" isn't UTF-8"))?;
    Ok(Value::from(text))
}
