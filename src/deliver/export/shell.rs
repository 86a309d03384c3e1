//! `export` commands for sh, bash, dash, zsh and ksh: `eval "$(secrets-exec export --format shell)"`.
//!
//! Values are in single quotes, in which every byte but `'` is literal (POSIX.1-2024, XCU 2.2.2). Quoting crates also use double
//! quotes, adjacent quotes or bare bytes: bash takes a backslash in double quotes for half of a character in locales such as
//! zh_CN.GBK, so that a value could run commands, and zsh reads `''` as a quote with the option RC_QUOTES. With its option
//! CSH_JUNKIE_QUOTES zsh allows no line feed in any quotes, so that such a value is a syntax error there.

use super::reserved::shells_that_reserve;
use super::variable::{Unfit, Variable};
use crate::model::entry::Subject;

/// Writes the command that sets a variable.
///
/// Of a name that shells reserve, the command does nothing in those shells: they would refuse it and end the `eval`, or evaluate
/// the value, which can run commands.
///
/// # Errors
/// When a POSIX shell without a version of its own reserves the name for a number, as all do, and the value is none.
pub fn write(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Unfit> {
    let shells = shells_that_reserve(variable);
    let versions: Option<Vec<&str>> = shells.iter().map(|shell| shell.version).collect();
    let versions = versions.ok_or(Unfit::NotANumber)?;
    if !versions.is_empty() {
        let versions = versions.iter().map(|version| format!("${{{version}-}}")).collect::<String>();
        text.extend_from_slice(format!("[ \"{versions}\" ] || ").as_bytes());
    }
    text.extend_from_slice(b"export ");
    text.extend_from_slice(variable.name.as_str().as_bytes());
    text.extend_from_slice(b"='");
    for byte in variable.value {
        match byte {
            b'\'' => text.extend_from_slice(br"'\''"),
            byte => text.push(*byte),
        }
    }
    text.extend_from_slice(b"'\n");
    Ok(())
}

/// Returns the variable's entry and the names of the shells that do not let it be set.
pub fn reserved(variable: Variable<'_>) -> Option<(Subject, Vec<&'static str>)> {
    let shells: Vec<_> = shells_that_reserve(variable).iter().map(|shell| shell.name).collect();
    (!shells.is_empty()).then(|| (variable.subject(), shells))
}
