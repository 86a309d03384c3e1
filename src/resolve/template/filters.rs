//! The filters and tests that MiniJinja lacks, and those of its own that do not fit a strict template.

use std::sync::Arc;

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::values::{self, LastMiss, SecretObject, own_error};
use crate::model::secret_value::SecretValue;
use crate::resolve::encoding;
use crate::resolve::extract::Json;

/// All but the unreserved characters of RFC 3986, section 2.3, so that the result fits into any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Adds all of them.
pub fn add(environment: &mut Environment<'_>, misses: &Arc<LastMiss>) {
    add_filters(environment, misses);
    add_strict_filters(environment);
    environment.add_test("divisibleby", is_divisible_by);
}

/// Adds the filters that MiniJinja lacks.
fn add_filters(environment: &mut Environment<'_>, misses: &Arc<LastMiss>) {
    environment.add_filter("urlencode", |value: &Value| {
        Ok(utf8_percent_encode(&values::text(value)?, RESERVED).to_string())
    });
    environment.add_filter("b64encode", |value: &Value| {
        printed(&encoding::encode(&secret(value)?))
    });
    environment.add_filter("b64decode", |value: &Value| {
        let decoded = encoding::decode(&secret(value)?);
        printed(
            &decoded.ok_or_else(|| own_error("the value for \"b64decode\" is not base64", None))?,
        )
    });
    environment.add_filter("tojson", values::json);
    let misses = misses.clone();
    environment.add_filter("fromjson", move |value: &Value| {
        let json = Json::parse(values::text(value)?.as_bytes());
        let json = json.map_err(|_| own_error("the value for \"fromjson\" is not JSON", None))?;
        Ok(SecretObject::root(None, Arc::new(json), &misses))
    });
}

/// Pairs of a filter's name and its function in `minijinja::filters`.
macro_rules! builtins {
    ($($filter:ident)*) => { [$((stringify!($filter), Value::from_function(filters::$filter))),*] };
}

/// Makes an undefined input an error in MiniJinja's filters that take it for an empty value, or fail for another reason.
fn add_strict_filters(environment: &mut Environment<'_>) {
    let builtins = builtins![
        abs chain dictsort escape first format groupby items join last lines list max min pprint reverse round sort
        split zip
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
                        // Formatting fails for a missing key, and succeeds for the missing `else` of `x if y`.
                        state.format(input.clone())?;
                    } else if name == "join" && input.try_iter()?.any(|item| item.is_undefined()) {
                        return Err(ErrorKind::UndefinedError.into());
                    } else if name == "format" && input.as_str().is_some_and(has_foreign_name) {
                        return Err(own_error("a name in %(name)s is not ASCII", None));
                    }
                }
                filter.call(state, &given)
            },
        );
    }
}

/// Whether a name in `%(name)s` is not ASCII: MiniJinja's `format` panics over it.
fn has_foreign_name(format: &str) -> bool {
    format
        .replace("%%", "")
        .split("%(")
        .skip(1)
        .any(|name| !name.split(')').next().is_some_and(str::is_ascii))
}

/// The test `divisibleby`. MiniJinja's own panics if the divisor is zero.
fn is_divisible_by(number: &Value, divisor: &Value) -> Result<bool, Error> {
    match i128::try_from(divisor.clone()) {
        Ok(0) => Err(own_error("\"divisibleby\" has a divisor of zero", None)),
        Ok(_) | Err(_) => Ok(minijinja::tests::is_divisibleby(number, divisor)),
    }
}

/// Returns the text of a value as bytes.
fn secret(value: &Value) -> Result<SecretValue, Error> {
    Ok(SecretValue::new(values::text(value)?.as_bytes()))
}

/// Returns coded bytes as text.
fn printed(coded: &SecretValue) -> Result<Value, Error> {
    let text = std::str::from_utf8(coded.expose())
        .map_err(|_| own_error("the result of \"b64decode\" is not UTF-8", None))?;
    Ok(Value::from(text))
}
