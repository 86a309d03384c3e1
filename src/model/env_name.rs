//! Names of environment variables, and glob patterns for them: `*`, `?`, `[A-Z]` and `[!A-Z]`, as the crate glob matches them.

use std::fmt;

use glob::Pattern;

/// A name that every shell can use: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

impl EnvName {
    /// Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True for `[A-Za-z_][A-Za-z0-9_]*`.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Returns the name in `NAME=value`, with which a shell sets a variable for a command. The value may be a password.
pub fn assigned_name(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    is_name(name).then_some(name)
}

/// The prefix of the variables that set options. The command does not inherit them.
pub const OWN_PREFIX: &str = "SECRETS_EXEC_";

/// Compiles a list of the program's own patterns, separated by blanks, all of which are valid.
pub fn known_patterns(list: &str) -> Vec<Pattern> {
    list.split_whitespace()
        .filter_map(|name| Pattern::new(name).ok())
        .collect()
}

pub fn matches_any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Compiles a pattern of an option.
///
/// # Errors
/// The expected form. The empty text, and one with a character of other languages of patterns, would match no name, so that
/// `--unset '^AWS_'` would remove nothing.
pub fn parse_pattern(text: &str) -> Result<Pattern, &'static str> {
    let is_foreign = text.is_empty() || text.contains(|c| " ,:|^$(){}<>\\".contains(c));
    let pattern = Pattern::new(text).ok().filter(|_| !is_foreign);
    pattern.ok_or("a pattern for names, such as AWS_* (only *, ?, [A-Z] and [!A-Z] are special)")
}
