//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

use std::fmt;

/// The name of a variable: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

/// A text that is not the name of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvNameError;

impl EnvName {
    /// Checks that `text` is a name that every shell and program can use.
    ///
    /// # Errors
    /// For anything but `[A-Za-z_][A-Za-z0-9_]*`.
    pub fn parse(text: &str) -> Result<Self, EnvNameError> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(EnvNameError) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is `[A-Za-z_][A-Za-z0-9_]*`.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The variables that are ours; they never reach the target by inheritance.
pub const OWN_PREFIX: &str = "SECRETS_EXEC_";
