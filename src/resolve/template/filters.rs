//! Adds the filters that MiniJinja lacks, and limits how much memory its own filters allocate.
//!
//! Without the limit, two secrets of 64 KiB could make gigabytes: `{{ a.x | replace('', b.y) }}`. The limit protects
//! against values, which others write; a template's own `'x' * 99999999` is not limited here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::{Kwargs, Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value, filters, tests};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::printing;
use super::printing::own_error;
use super::secret_object::{LookupMisses, SecretObject};
use crate::model::entry::Transform;
use crate::model::secret_value::SecretValue;
use crate::resolve::encoding;
use crate::resolve::json::Json;

/// The number of bytes that filters may add to their inputs in one rendering. A secret has at most 64 KiB.
const MAX_BUILT: usize = 16 << 20;

/// All but the unreserved characters of RFC 3986, section 2.3, so that the result fits into any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Pairs of a filter's name and its function in `minijinja::filters`.
macro_rules! builtins {
    ($($filter:ident)*) => { [$((stringify!($filter), Value::from_function(filters::$filter))),*] };
}

/// Registers the filters of this module, and replacements for some of MiniJinja's filters and tests.
pub fn install(environment: &mut Environment<'_>, misses: &Arc<LookupMisses>) {
    environment.add_filter("urlencode", |value: &Value| {
        Ok(utf8_percent_encode(&printing::text(value)?, RESERVED).to_string())
    });
    environment.add_filter("b64encode", |value: &Value| transform(value, Transform { decode: false, encode: true }));
    environment.add_filter("b64decode", |value: &Value| transform(value, Transform { decode: true, encode: false }));
    environment.add_filter("tojson", printing::json);
    let missed = misses.clone();
    environment.add_filter("fromjson", move |value: &Value| {
        let json =
            Json::parse(printing::text(value)?.as_bytes()).map_err(|_| own_error("fromjson: the value is not JSON"))?;
        Ok(SecretObject::root(None, Arc::new(json), &missed))
    });
    install_limited(environment);
    install_fallbacks(environment, misses);
    // MiniJinja's own test panics for a divisor of 0, and for i128::MIN and -1.
    environment.add_test("divisibleby", |value: &Value, divisor: &Value| match i128::try_from(divisor.clone()) {
        Ok(0) => Err(own_error("divisibleby(0) divides by zero")),
        Ok(-1) => Ok(tests::is_divisibleby(value, &Value::from(1))),
        Ok(_) | Err(_) => Ok(tests::is_divisibleby(value, divisor)),
    });
}

/// Wraps MiniJinja's filters: those that return more than their input, and those that accept an undefined input
/// silently.
fn install_limited(environment: &mut Environment<'_>) {
    let builtins = builtins![
        abs batch chain dictsort escape first format groupby indent items join last lines list max min pprint replace
        reverse round slice sort split zip
    ];
    let total = Arc::new(AtomicUsize::new(0));
    for (name, filter) in builtins.into_iter().chain([("e", Value::from_function(filters::escape))]) {
        let total = total.clone();
        environment.add_filter(name, move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
            let given = given.into_values();
            if let Some(first) = given.first().filter(|first| first.is_undefined()) {
                // Formatting fails for a missing key, and succeeds for the missing `else` of `x if y`.
                state.format(first.clone())?;
            }
            let built = built_length(name, &given)?;
            if total.fetch_add(built, Ordering::Relaxed).saturating_add(built) > MAX_BUILT {
                return Err(own_error(format!("`{name}` exceeds the 16 MiB that filters may build")));
            }
            filter.call(state, &given)
        });
    }
}

/// Wraps `default` and `is defined`, so that a missing key that they handle is not reported.
fn install_fallbacks(environment: &mut Environment<'_>, misses: &Arc<LookupMisses>) {
    for name in ["default", "d"] {
        let misses = misses.clone();
        environment.add_filter(name, move |state: &State<'_, '_>, value: &Value, args: Rest<Value>| {
            misses.forget(value);
            filters::default(state, value, args)
        });
    }
    for (name, is_wanted) in [("defined", true), ("undefined", false)] {
        let misses = misses.clone();
        environment.add_test(name, move |value: &Value| {
            misses.forget(value);
            value.is_undefined() != is_wanted
        });
    }
}

/// Returns an upper bound of the bytes that a filter adds to its input; 0 for filters that return at most a small
/// multiple of it.
fn built_length(name: &str, given: &[Value]) -> Result<usize, Error> {
    let Some((value, arguments)) = given.split_first() else { return Ok(0) };
    let text = |at: usize| arguments.get(at).map(Value::to_string).unwrap_or_default();
    let width = |value: &Value| value.as_usize().or_else(|| Kwargs::try_from(value.clone()).ok()?.get("width").ok());
    let number = || arguments.iter().filter_map(width).max().unwrap_or(4);
    let (copies, each) = match name {
        "replace" => (value.to_string().matches(&text(0)).count(), text(1).len()),
        "indent" => (value.to_string().split('\n').count(), number()),
        "batch" | "slice" => (number(), size_of::<Value>()),
        "format" => formatted_length(&value.to_string(), arguments),
        "join" => (1, joined_length(value, text(0).len())?),
        _ => (0, 0),
    };
    Ok(copies.saturating_mul(each))
}

/// Returns the length of the joined items.
///
/// # Errors
/// An undefined value or a null among the items, which MiniJinja would join as text.
fn joined_length(items: &Value, joiner: usize) -> Result<usize, Error> {
    let mut length = 0_usize;
    for item in items.try_iter()? {
        length = length.saturating_add(joiner).saturating_add(printing::text(&item)?.len());
        if length > MAX_BUILT {
            break;
        }
    }
    Ok(length)
}

/// Returns the number of `%`, and an upper bound of the bytes that each gives: the arguments' text, padded to the
/// largest width.
fn formatted_length(format: &str, arguments: &[Value]) -> (usize, usize) {
    let given: usize = arguments.iter().map(|argument| argument.to_string().len()).sum();
    let specifications: Vec<_> = format.split('%').skip(1).map(specification).collect();
    let digits = specifications.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_digit()));
    let written = digits.filter(|digits| !digits.is_empty()).map(|digits| digits.parse().unwrap_or(usize::MAX));
    let is_starred = specifications.iter().any(|text| text.contains('*'));
    let starred = arguments.iter().filter(|_| is_starred).filter_map(Value::as_usize);
    let width = written.chain(starred).max().unwrap_or_default();
    (format.matches('%').count(), given.saturating_add(width))
}

/// Returns the flags, width and precision of a conversion specification (printf(3)): the text after `%` and an optional
/// `(name)`.
fn specification(after: &str) -> &str {
    let rest = after.strip_prefix('(').and_then(|named| named.split_once(')')).map_or(after, |(_, rest)| rest);
    let end = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | ' ' | '#' | '*' | '.'));
    &rest[..end.unwrap_or(rest.len())]
}

fn transform(value: &Value, transform: Transform) -> Result<Value, Error> {
    let bytes = encoding::apply(transform, SecretValue::new(printing::text(value)?.as_bytes()))
        .map_err(|_| own_error("b64decode: the value is not base64"))?;
    let text =
        std::str::from_utf8(bytes.expose()).map_err(|_| own_error("b64decode: the decoded value is not UTF-8"))?;
    Ok(Value::from(text))
}
