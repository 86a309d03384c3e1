//! What formats of text share.

use crate::model::outcome::Variable;
use crate::model::problem::Problem;

/// Returns a value as text, for a format whose files must be UTF-8.
///
/// # Errors
/// When it is not UTF-8.
pub fn utf8<'a>(variable: Variable<'a>, format: &str) -> Result<&'a str, Problem> {
    str::from_utf8(variable.value).map_err(|_| {
        Problem::configuration(format!("the value is not UTF-8, as {format} must be"))
            .help("use --format shell, or `encode: base64`")
    })
}

/// Returns the reason that a format of one line for each variable cannot hold a value.
pub fn unfit(why: &str) -> Problem {
    Problem::configuration(why).help("use --format shell or json")
}

/// Adds a value, in which an escape stands for each such byte.
pub fn push_escaped(text: &mut Vec<u8>, value: &[u8], escaped: u8, escape: &[u8]) {
    for byte in value {
        text.extend_from_slice(if *byte == escaped {
            escape
        } else {
            std::slice::from_ref(byte)
        });
    }
}
