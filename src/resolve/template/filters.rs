//! The filters: ours, and MiniJinja's with operands that print as they would in a variable.

use std::fmt::Write;
use std::sync::Arc;

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, tests};
use zeroize::Zeroizing;

use super::super::encoding;
use super::super::json::Json;
use super::node::{self, Literal, Misses, Source};
use super::print::{self, refuse};
use crate::binding::Transform;
use crate::secret::SecretValue;

/// What becomes of a filter's operands before it sees them. The first one must be defined.
#[derive(Clone, Copy)]
enum Operands {
    /// Nothing.
    Kept,
    /// The first ones become the text that they would print as.
    Texts(usize),
    /// The first becomes one of MiniJinja's own numbers, if it is a number.
    Number,
    /// The first is text, the others become text where MiniJinja's text for them differs.
    Format,
    /// The items of the first become text where MiniJinja's text for them differs.
    Items,
    /// The items of the first become numbers to calculate with.
    Summands,
}

/// Defines every filter, and the tests that are not MiniJinja's own.
pub(super) fn install(environment: &mut Environment<'_>, misses: &Arc<Misses>) {
    use Operands::{Format, Items, Kept, Number, Summands, Texts};

    for name in ["default", "d"] {
        let misses = misses.clone();
        environment.add_filter(name, move |state: &State, value: &Value, args: Rest<Value>| {
            excuse(value, &misses);
            filters::default(state, value, args)
        });
    }
    for (name, is_wanted) in [("defined", true), ("undefined", false)] {
        let misses = misses.clone();
        environment.add_test(name, move |value: &Value| {
            excuse(value, &misses);
            value.is_undefined() != is_wanted
        });
    }
    let misses = misses.clone();
    let from_json = move |text: &str| from_json(text, &misses);
    for (name, operands, filter) in [
        ("urlencode", Texts(1), Value::from_function(url_encode)),
        ("b64encode", Texts(1), Value::from_function(encode)),
        ("b64decode", Texts(1), Value::from_function(decode)),
        ("fromjson", Texts(1), Value::from_function(from_json)),
        ("tojson", Kept, Value::from_function(to_json)),
        ("capitalize", Texts(1), Value::from_function(filters::capitalize)),
        ("e", Texts(1), Value::from_function(filters::escape)),
        ("escape", Texts(1), Value::from_function(filters::escape)),
        ("indent", Texts(1), Value::from_function(filters::indent)),
        ("lines", Texts(1), Value::from_function(filters::lines)),
        ("lower", Texts(1), Value::from_function(filters::lower)),
        ("replace", Texts(3), Value::from_function(filters::replace)),
        ("safe", Texts(1), Value::from_function(filters::safe)),
        ("split", Texts(1), Value::from_function(filters::split)),
        ("string", Texts(1), Value::from_function(filters::string)),
        ("title", Texts(1), Value::from_function(filters::title)),
        ("trim", Texts(1), Value::from_function(filters::trim)),
        ("upper", Texts(1), Value::from_function(filters::upper)),
        ("format", Format, Value::from_function(filters::format)),
        ("join", Items, Value::from_function(filters::join)),
        ("abs", Number, Value::from_function(filters::abs)),
        ("float", Number, Value::from_function(filters::float)),
        ("int", Number, Value::from_function(filters::int)),
        ("round", Number, Value::from_function(filters::round)),
        ("attr", Kept, Value::from_function(filters::attr)),
        ("batch", Kept, Value::from_function(filters::batch)),
        ("bool", Kept, Value::from_function(filters::bool)),
        ("chain", Kept, Value::from_function(filters::chain)),
        ("count", Kept, Value::from_function(filters::length)),
        ("dictsort", Kept, Value::from_function(filters::dictsort)),
        ("first", Kept, Value::from_function(filters::first)),
        ("groupby", Kept, Value::from_function(filters::groupby)),
        ("items", Kept, Value::from_function(filters::items)),
        ("last", Kept, Value::from_function(filters::last)),
        ("length", Kept, Value::from_function(filters::length)),
        ("list", Kept, Value::from_function(filters::list)),
        ("map", Kept, Value::from_function(filters::map)),
        ("max", Kept, Value::from_function(filters::max)),
        ("min", Kept, Value::from_function(filters::min)),
        ("pprint", Kept, Value::from_function(filters::pprint)),
        ("reject", Kept, Value::from_function(filters::reject)),
        ("rejectattr", Kept, Value::from_function(filters::rejectattr)),
        ("reverse", Kept, Value::from_function(filters::reverse)),
        ("select", Kept, Value::from_function(filters::select)),
        ("selectattr", Kept, Value::from_function(filters::selectattr)),
        ("slice", Kept, Value::from_function(filters::slice)),
        ("sort", Kept, Value::from_function(filters::sort)),
        ("sum", Summands, Value::from_function(filters::sum)),
        ("unique", Kept, Value::from_function(filters::unique)),
        ("zip", Kept, Value::from_function(filters::zip)),
    ] {
        environment.add_filter(name, move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
            let given = operands.prepare(state, given.into_values())?;
            if is_boundless(name, &given) {
                return Err(refuse("a width or count above 10000"));
            }
            filter.call(state, &given)
        });
    }
    let literal = |value: &Value| value.downcast_object::<Literal>();
    environment.add_test("number", move |value: &Value| value.is_number() || literal(value).is_some());
    let is_integer =
        move |value: &Value| literal(value).map_or_else(|| value.is_integer(), |literal| literal.is_integer());
    environment.add_test("int", is_integer);
    environment.add_test("integer", is_integer);
    // MiniJinja's own divides by zero, and the least number by -1, with a panic.
    environment.add_test("divisibleby", |value: &Value, divisor: &Value| match i128::try_from(divisor.clone()) {
        Ok(0) => Err(Error::from(ErrorKind::InvalidOperation)),
        Ok(-1) if value.is_integer() => Ok(true),
        Ok(_) | Err(_) => Ok(tests::is_divisibleby(value, divisor)),
    });
    environment.add_test("float", move |value: &Value| {
        literal(value).map_or_else(|| value.is_number() && !value.is_integer(), |literal| !literal.is_integer())
    });
}

/// Whether a filter is asked for more than anybody means: it would take the memory before any limit on the output counts.
fn is_boundless(name: &str, given: &[Value]) -> bool {
    match name {
        "indent" | "batch" | "slice" => given
            .iter()
            .skip(1)
            .any(|value| value.is_integer() && value.as_i64().is_none_or(|n| !(0..=10_000).contains(&n))),
        "format" => {
            let format = given.first().and_then(Value::as_str).unwrap_or_default();
            format.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 4)
        }
        _ => false,
    }
}

impl Operands {
    fn prepare(self, state: &mut State<'_, '_>, mut given: Vec<Value>) -> Result<Vec<Value>, Error> {
        // The missing `else` of `x if y` is undefined too, but the only one that may be printed.
        let absent =
            |value: &Value, state: &mut State<'_, '_>| value.is_undefined() && state.format(value.clone()).is_err();
        if given.first().is_some_and(|first| absent(first, state)) {
            return Err(ErrorKind::UndefinedError.into());
        }
        match self {
            Self::Kept => {}
            Self::Texts(count) => given.iter_mut().take(count).try_for_each(|value| make_text(value, state))?,
            Self::Number => given.iter_mut().take(1).for_each(make_number),
            Self::Format => {
                given.iter_mut().take(1).try_for_each(|value| make_text(value, state))?;
                given.iter_mut().skip(1).try_for_each(make_printable)?;
            }
            Self::Summands => {
                if let Some(first) = given.first_mut() {
                    let mut items = first.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
                    items.iter_mut().for_each(make_number);
                    *first = Value::from(items);
                }
            }
            Self::Items => {
                if let Some(first) = given.first_mut().filter(|first| first.kind() != ValueKind::String) {
                    let mut items = first.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
                    items.iter_mut().try_for_each(make_printable)?;
                    *first = Value::from(items);
                }
            }
        }
        Ok(given)
    }
}

fn make_text(value: &mut Value, state: &mut State<'_, '_>) -> Result<(), Error> {
    if value.kind() != ValueKind::String && !value.is_kwargs() {
        // An undefined value that may be printed is printed as nothing.
        *value = match value.is_undefined() {
            true => Value::from(state.format(value.clone())?),
            false => Value::from(print::text(value)?.as_str()),
        };
    }
    Ok(())
}

/// Maps are left, as `join(attribute=…)` looks into them; they print themselves.
fn make_printable(value: &mut Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => return Err(ErrorKind::UndefinedError.into()),
        ValueKind::Bool | ValueKind::Seq | ValueKind::Iterable => *value = Value::from(print::text(value)?.as_str()),
        _ => {}
    }
    Ok(())
}

fn make_number(value: &mut Value) {
    if let Some(literal) = value.downcast_object_ref::<Literal>() {
        *value = Value::from(literal.to_f64());
    }
}

/// All but `A-Za-z0-9-._~`, so that it fits into any part of a URL.
fn url_encode(text: &str) -> Result<Value, Error> {
    let mut encoded = Zeroizing::new(String::with_capacity(text.len() * 3));
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}")?,
        }
    }
    Ok(Value::from(encoded.as_str()))
}

fn encode(text: &str) -> Result<Value, Error> {
    transform(Transform { decode: false, encode: true }, text)
}

fn decode(text: &str) -> Result<Value, Error> {
    transform(Transform { decode: true, encode: false }, text)
}

fn transform(transform: Transform, text: &str) -> Result<Value, Error> {
    let bytes =
        encoding::apply(transform, SecretValue::new(text)).map_err(|_| refuse("b64decode of something else"))?;
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| refuse("b64decode gives bytes, not text"))?;
    Ok(Value::from(text))
}

/// A key that is not there and need not be is not what a later undefined value is about.
fn excuse(value: &Value, misses: &Misses) {
    if value.is_undefined() {
        misses.note(None);
    }
}

fn from_json(text: &str, misses: &Arc<Misses>) -> Result<Value, Error> {
    let json = Json::parse(text.as_bytes()).map_err(|_| refuse("fromjson of something else"))?;
    let value = node::root(Source { alias: None, json: Arc::new(json), misses: misses.clone() });
    excuse(&value, misses);
    Ok(value)
}

fn to_json(value: &Value) -> Result<Value, Error> {
    let text: Zeroizing<String> = print::json(value)?;
    Ok(Value::from(text.as_str()))
}
