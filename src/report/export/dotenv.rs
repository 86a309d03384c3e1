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

use super::variable::{push_escaped, unfit, utf8};
use crate::model::outcome::Variable;
use crate::model::problem::Problem;

/// Writes a variable.
///
/// # Errors
/// When no form of the value is read alike.
pub fn write(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let quote = quote(variable)?;
    text.extend_from_slice(variable.name.as_str().as_bytes());
    text.push(b'=');
    text.extend_from_slice(quote);
    push_escaped(text, variable.value, b'\r', br"\r");
    text.extend_from_slice(quote);
    text.push(b'\n');
    Ok(())
}

/// Returns the quote around a value; nothing for the bare form.
fn quote(variable: Variable<'_>) -> Result<&'static [u8], Problem> {
    let value = utf8(variable, "a .env file")?;
    if value.contains("${") {
        Err(unfit(
            "the value has `${`, which python-dotenv expands in any quotes",
        ))
    } else if !value.contains(['\'', '\r']) && !has_escape(value, r"\'") {
        Ok(b"'")
    } else if !value.contains('"') && !has_escape(value, r#"\'"abfnrtv"#) {
        Ok(b"\"")
    } else if is_bare(value) {
        Ok(b"")
    } else {
        Err(unfit(
            "the value has quotes, backslashes or blanks that python-dotenv and Node's dotenv read differently",
        ))
    }
}

/// True if a backslash stands before one of `escaped`, before the closing quote, or before a carriage return, which is written `\r`.
fn has_escape(value: &str, escaped: &str) -> bool {
    value
        .match_indices('\\')
        .any(|(at, _)| match value[at + 1..].chars().next() {
            None | Some('\r') => true,
            Some(next) => escaped.contains(next),
        })
}

/// True for a line without blanks at its ends, quotes at its start, comments, and characters that either reader may take for white
/// space: JavaScript's has U+FEFF, Python's some control characters.
fn is_bare(value: &str) -> bool {
    !value.is_empty()
        && !value.contains(needs_quotes)
        && !value.starts_with([' ', '\'', '"', '`'])
        && !value.ends_with(' ')
}

fn needs_quotes(c: char) -> bool {
    c == '#' || c == '\u{feff}' || c.is_control() || (c != ' ' && c.is_whitespace())
}
