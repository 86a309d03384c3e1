//! The filters: ours, and MiniJinja's, which are limited before they build anything.
//!
//! A template's author may waste his own memory. The values come from others: two secrets of 64 KiB make gigabytes of
//! `{{ a.x | replace('', b.y) }}`.

use std::sync::Arc;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, tests};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::encoding;
use super::super::json::Json;
use super::MAX_LENGTH;
use super::printing::{self, refuse, too_long};
use super::secret_object::{Access, SecretObject};
use crate::binding::{Encoding, Transform};
use crate::secret::SecretValue;

/// All but the unreserved characters of RFC 3986, so that it fits into any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Names with the functions of `minijinja::filters`.
macro_rules! builtins {
    ($($filter:ident)*) => { [$((stringify!($filter), Value::from_function(filters::$filter))),*] };
}

/// Defines every filter, and the tests that are not MiniJinja's own.
pub(super) fn install(environment: &mut Environment<'_>, access: &Arc<Access>) {
    install_provisions(environment, access);
    let objects = access.clone();
    let ours = [
        ("urlencode", Value::from_function(url_encode)),
        ("b64encode", Value::from_function(encode)),
        ("b64decode", Value::from_function(decode)),
        ("fromjson", Value::from_function(move |value: &Value| from_json(value, &objects))),
        ("tojson", Value::from_function(|value: &Value| printing::json(value).map(|json| json.to_string()))),
        ("count", Value::from_function(filters::length)),
        ("e", Value::from_function(filters::escape)),
    ];
    let builtins = builtins![
        abs attr batch bool capitalize chain dictsort escape first float format groupby indent int items join last length
        lines list lower map max min pprint reject rejectattr replace reverse round safe select selectattr slice sort
        split string sum title trim unique upper zip
    ];
    for (name, filter) in ours.into_iter().chain(builtins) {
        let access = access.clone();
        environment.add_filter(name, move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
            let given = given.into_values();
            if given.first().is_some_and(|first| is_absent(first, state)) {
                return Err(ErrorKind::UndefinedError.into());
            }
            check_inputs(&given)?;
            let length = built_length(name, &given)?;
            if length > MAX_LENGTH {
                return Err(refuse(too_long(&format!("the result of `{name}`"))));
            }
            let result = access.within_filter(|| filter.call(state, &given))?;
            access.spend(result.as_str().map_or(0, str::len))?;
            Ok(result)
        });
    }
    // MiniJinja's own panics for 0, and for the least number and -1.
    environment.add_test("divisibleby", |value: &Value, divisor: &Value| match i128::try_from(divisor.clone()) {
        Ok(0) => Err(refuse("divisibleby(0)")),
        Ok(-1) if value.is_integer() => Ok(true),
        Ok(_) | Err(_) => Ok(tests::is_divisibleby(value, divisor)),
    });
}

/// `default` and `is defined`, by which a template provides for a key that is missing.
fn install_provisions(environment: &mut Environment<'_>, access: &Arc<Access>) {
    let forgive = |access: &Access, value: &Value| {
        if value.is_undefined() {
            access.forgive();
        }
    };
    for name in ["default", "d"] {
        let access = access.clone();
        environment.add_filter(name, move |state: &State<'_, '_>, value: &Value, args: Rest<Value>| {
            forgive(&access, value);
            filters::default(state, value, args)
        });
    }
    for (name, is_wanted) in [("defined", true), ("undefined", false)] {
        let access = access.clone();
        environment.add_test(name, move |value: &Value| {
            forgive(&access, value);
            value.is_undefined() != is_wanted
        });
    }
}

/// True for an undefined value that strict mode does not print: not for the missing `else` of `x if y`.
fn is_absent(value: &Value, state: &mut State<'_, '_>) -> bool {
    value.is_undefined() && state.format(value.clone()).is_err()
}

/// Refuses what `*` made of a value and a number, before a filter turns it into a list.
fn check_inputs(given: &[Value]) -> Result<(), Error> {
    let length = |value: &Value| match value.kind() {
        ValueKind::String => value.as_str().map_or(0, str::len),
        ValueKind::Seq => value.len().unwrap_or_default(),
        ValueKind::Iterable => match value.len() {
            Some(length) => length,
            None => value.try_iter().map_or(0, |items| items.take(MAX_LENGTH + 1).count()),
        },
        _ => 0,
    };
    if given.iter().any(|value| length(value) > MAX_LENGTH) {
        return Err(refuse("a filter of more than 1 MiB of text or a million items"));
    }
    Ok(())
}

/// The number of bytes that a filter builds at most; 0 for those whose result is about as long as their input.
fn built_length(name: &str, given: &[Value]) -> Result<usize, Error> {
    let text = |at: usize| given.get(at).map(Value::to_string).unwrap_or_default();
    let number = |at: usize, name: &str| {
        let keyword = given.last().filter(|last| last.is_kwargs()).and_then(|last| last.get_attr(name).ok());
        given.get(at).filter(|value| !value.is_kwargs()).cloned().or(keyword).and_then(|value| value.as_usize())
    };
    Ok(match name {
        "replace" => {
            let text_length = text(0).len();
            let matches = text(0).matches(&text(1)).count();
            matches.saturating_mul(text(2).len()).saturating_add(text_length)
        }
        "join" => joined_length(given, &text(1))?,
        "indent" => {
            let width = number(1, "width").unwrap_or(4);
            text(0).split('\n').count().saturating_mul(width).saturating_add(text(0).len())
        }
        "format" => formatted_length(&text(0), &given[1..]),
        "batch" | "slice" => number(1, "count").unwrap_or(0).saturating_mul(size_of::<Value>()),
        _ => 0,
    })
}

fn joined_length(given: &[Value], joiner: &str) -> Result<usize, Error> {
    let mut length = 0_usize;
    let items = given.first().map(Value::try_iter).transpose()?;
    for item in items.into_iter().flatten() {
        if item.is_undefined() || item.is_none() {
            return Err(ErrorKind::UndefinedError.into());
        }
        length = length.saturating_add(joiner.len() + item.as_str().map_or_else(|| item.to_string().len(), str::len));
        if length > MAX_LENGTH {
            break;
        }
    }
    Ok(length)
}

/// Each `%` gives at most the longest argument, or as many characters as the largest width.
fn formatted_length(format: &str, arguments: &[Value]) -> usize {
    let longest = arguments.iter().map(|argument| argument.to_string().len()).max().unwrap_or_default();
    let widths = format.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let written = widths.map(|digits| digits.parse().unwrap_or(usize::MAX)).max().unwrap_or_default();
    let given = arguments.iter().filter(|_| format.contains('*')).filter_map(Value::as_usize).max().unwrap_or_default();
    let each = longest.saturating_add(written).saturating_add(given);
    format.matches('%').count().saturating_mul(each).saturating_add(format.len())
}

fn url_encode(value: &Value) -> Result<String, Error> {
    Ok(utf8_percent_encode(&printing::text(value)?, RESERVED).to_string())
}

fn encode(value: &Value) -> Result<Value, Error> {
    transform(Transform { decode: None, encode: Some(Encoding::Base64) }, value)
}

fn decode(value: &Value) -> Result<Value, Error> {
    transform(Transform { decode: Some(Encoding::Base64), encode: None }, value)
}

fn transform(transform: Transform, value: &Value) -> Result<Value, Error> {
    let bytes = encoding::apply(transform, SecretValue::new(printing::text(value)?.as_bytes()))
        .map_err(|_| refuse("b64decode of something else"))?;
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| refuse("b64decode gives bytes, not text"))?;
    Ok(Value::from(text))
}

fn from_json(value: &Value, access: &Arc<Access>) -> Result<Value, Error> {
    let text = printing::text(value)?;
    let json = Json::parse(text.as_bytes()).map_err(|_| refuse("fromjson of something else"))?;
    Ok(SecretObject::root(None, Arc::new(json), access))
}
