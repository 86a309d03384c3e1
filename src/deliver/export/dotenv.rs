//! A `.env` file that python-dotenv, with its default interpolation, and Node's dotenv read as the same values.
//!
//! There is no common syntax, so each value gets the first of three forms that both read as that value:
//!
//! | form | python-dotenv (`parser.py`, from 0.21) | Node's dotenv (`main.js`, from 15) |
//! |---|---|---|
//! | `'…'` | `\\` and `\'` are escapes | literal |
//! | `"…"` | `\` before any of `\'"abfnrtv` is an escape | `\n` and `\r` are escapes |
//! | bare | literal, to the end of the line without blanks | the same, or to the first `#` |
//!
//! Both read a carriage return in the file as a line feed, so one can only be the escape `\r`.

use super::variable::{Variable, unfit};
use crate::model::problem::Problem;

/// A way to write a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    SingleQuoted,
    DoubleQuoted,
    Bare,
}

/// Writes a variable.
///
/// # Errors
/// When no form of the value is read alike.
pub fn write(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let form = form(variable)?;
    text.extend_from_slice(variable.name.as_str().as_bytes());
    text.push(b'=');
    match form {
        Form::SingleQuoted => quoted(b'\'', variable.value, text),
        Form::DoubleQuoted => quoted(b'"', variable.value, text),
        Form::Bare => text.extend_from_slice(variable.value),
    }
    text.push(b'\n');
    Ok(())
}

fn quoted(quote: u8, value: &[u8], text: &mut Vec<u8>) {
    text.push(quote);
    for byte in value {
        match byte {
            b'\r' => text.extend_from_slice(br"\r"),
            byte => text.push(*byte),
        }
    }
    text.push(quote);
}

fn form(variable: Variable<'_>) -> Result<Form, Problem> {
    let value = variable.text("a .env file")?;
    if value.contains("${") {
        Err(unfit("the value has `${`, which python-dotenv expands in any quotes"))
    } else if !value.contains(['\'', '\r']) && !has_escape(value, r"\'") {
        Ok(Form::SingleQuoted)
    } else if !value.contains('"') && !has_escape(value, r#"\'"abfnrtv"#) {
        Ok(Form::DoubleQuoted)
    } else if is_bare(value) {
        Ok(Form::Bare)
    } else {
        Err(unfit("the value has quotes, backslashes or blanks that python-dotenv and Node's dotenv read differently"))
    }
}

/// True if a backslash stands before one of `escaped`, before the closing quote, or before a carriage return, which is written `\r`.
fn has_escape(value: &str, escaped: &str) -> bool {
    let is_escape = |(at, _): (usize, &str)| match value[at + 1..].chars().next() {
        None | Some('\r') => true,
        Some(next) => escaped.contains(next),
    };
    value.match_indices('\\').any(is_escape)
}

/// True for a line without blanks at its ends, quotes at its start, comments, and characters that either reader may take for white
/// space: JavaScript's has U+FEFF, Python's some control characters.
fn is_bare(value: &str) -> bool {
    let is_odd = |c: char| c == '#' || c == '\u{feff}' || c.is_control() || (c != ' ' && c.is_whitespace());
    !value.is_empty() && !value.contains(is_odd) && !value.starts_with([' ', '\'', '"', '`']) && !value.ends_with(' ')
}
