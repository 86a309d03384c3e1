//! AWS regions.

use std::fmt;

/// The code of an AWS region, such as `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

/// A text that cannot be a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionError;

impl Region {
    /// The expected form, for the message "… is not …".
    pub const EXPECTED: &str = "a region's code, like us-east-1";

    /// Accepts any lower-case label of a host name (RFC 1123, 2.1). A list of regions would exclude new ones.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, RegionError> {
        let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || text.len() > 63 || !inner || text.starts_with('-') || text.ends_with('-') {
            return Err(RegionError);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
