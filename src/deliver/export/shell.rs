//! `export` commands for sh, bash, dash, zsh and ksh: `eval "$(secrets-exec export --format shell)"`.
//!
//! Values are in single quotes, in which every byte but `'` is literal (POSIX.1-2024, XCU 2.2.2). Quoting crates also use double
//! quotes, adjacent quotes or bare bytes: bash takes a backslash in double quotes for half of a character in locales such as
//! zh_CN.GBK, so that a value could run commands, and zsh reads `''` as a quote with the option RC_QUOTES.

use super::reserved::shells_that_reserve;
use super::variable::Variable;
use crate::model::entry::Subject;

/// Writes the command that sets a variable.
///
/// Of a name that shells reserve, the command does nothing in those shells: they would refuse it and end the `eval`, or evaluate
/// the value, which can run commands.
pub fn write(variable: Variable<'_>, text: &mut Vec<u8>) {
    let shells = shells_that_reserve(variable);
    let versions: Option<Vec<&str>> = shells.iter().map(|shell| shell.version).collect();
    // A shell that cannot be told from others reserves it.
    let Some(versions) = versions else { return };
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
}

/// Returns the variable's entry and the names of the shells that do not let it be set.
pub fn reserved(variable: Variable<'_>) -> Option<(Subject, Vec<&'static str>)> {
    let shells: Vec<_> = shells_that_reserve(variable).iter().map(|shell| shell.name).collect();
    (!shells.is_empty()).then(|| (variable.subject(), shells))
}
