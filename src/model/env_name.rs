//! Names of environment variables, and glob patterns that match them. The crate `glob` supports
//! `*`, `?`, `[A-Z]` and `[!A-Z]`.

use std::fmt;

use glob::Pattern;

/// A name that every shell can use: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

impl EnvName {
    /// Creates the name of a variable. Returns `None` if not every shell can use the text as a
    /// name.
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

/// Returns the name in `NAME=value`, which a shell reads as a variable for the command after it.
/// Returns `None` for any other word. The value may be a password, so messages show only the name.
pub fn assigned_name(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    is_name(name).then_some(name)
}

/// The prefix of the variables that set options. The command doesn't inherit them.
pub const OWN_PREFIX: &str = "SECRETS_EXEC_";

/// Compiles a list of our own patterns, separated by spaces. An invalid pattern would be left out,
/// but these lists don't have one.
pub fn known_patterns(list: &str) -> Vec<Pattern> {
    list.split_whitespace()
        .filter_map(|name| Pattern::new(name).ok())
        .collect()
}

/// True if one of the patterns matches the name.
pub fn matches_any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Compiles a pattern that the user wrote.
///
/// # Errors
/// A description of valid patterns. An empty pattern is refused, and so is a character that is
/// special in other kinds of patterns: such a pattern would match nothing, and `--unset '^AWS_'`
/// would silently remove nothing.
pub fn parse_pattern(text: &str) -> Result<Pattern, &'static str> {
    let is_foreign = text.is_empty() || text.contains(|c| " ,:|^$(){}<>\\".contains(c));
    let pattern = Pattern::new(text).ok().filter(|_| !is_foreign);
    pattern.ok_or("a pattern for names, such as AWS_* (only *, ?, [A-Z] and [!A-Z] are special)")
}
