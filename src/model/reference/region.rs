//! The options that say how to resolve, what the target gets and how much is said: one table for the command line, for
//! `SECRETS_EXEC_*` and for `defaults:`.

use std::fmt;

/// What an option or key expects that takes a region.
pub const REGION_EXPECTED: &str = "a region's code, like us-east-1";

/// The code of an AWS region, `us-east-1` say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

/// A region's code that could not be part of a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionError;

impl Region {
    /// Lower-case letters, digits and inner hyphens: what can be a part of a host's name.
    ///
    /// # Errors
    /// For anything else; no list of regions is kept, so that a new one works on its first day.
    pub fn parse(text: &str) -> Result<Self, RegionError> {
        let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || text.len() > 63 || !inner || text.starts_with('-') || text.ends_with('-') {
            return Err(RegionError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
