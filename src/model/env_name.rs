//! Names of environment variables, and glob patterns for them: `*`, `?`, `[A-Z]` and `[!A-Z]`, as the crate glob matches them.

use std::fmt;

use glob::Pattern;

/// A name that every shell can use: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

/// A text that is no such name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvNameError;

impl EnvName {
    /// # Errors
    /// Any text but `[A-Za-z_][A-Za-z0-9_]*`.
    pub fn parse(text: &str) -> Result<Self, EnvNameError> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(EnvNameError) }
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
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The prefix of the variables that set options. The command does not inherit them.
pub const OWN_PREFIX: &str = "SECRETS_EXEC_";

/// Compiles a list of the program's own patterns, all of which are valid.
pub fn known_patterns(list: &[&str]) -> Vec<Pattern> {
    list.iter().filter_map(|name| Pattern::new(name).ok()).collect()
}

pub fn matches_any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Compiles the patterns of an option.
///
/// # Errors
/// The crate's words about the first text that is no pattern. The empty text, and one with a character of other languages of patterns,
/// would match no name, so that `--unset '^AWS_'` would remove nothing.
pub fn parse_patterns(texts: &[String]) -> Result<Vec<Pattern>, &'static str> {
    let parse = |text: &String| match text.as_str() {
        "" => Err("it is empty"),
        text if text.contains(|c| " ,|^$(){}<>\\".contains(c)) => Err("it matches one name, by *, ?, [A-Z] and [!A-Z]"),
        text => Pattern::new(text).map_err(|error| error.msg),
    };
    texts.iter().map(parse).collect()
}
