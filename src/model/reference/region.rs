//! AWS regions.

use std::fmt;

use crate::model::suggest;

/// The regions of the SDK's table of partitions (aws-sdk-secretsmanager 1.125, `endpoint_lib.rs`, which does not export them). Only
/// suggestions use them, since a list excludes new regions.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
    "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
    "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1",
    "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-isoe-west-1", "eu-north-1", "eu-south-1",
    "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "eusc-de-east-1", "il-central-1", "me-central-1",
    "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1",
    "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1", "us-isof-east-1", "us-isof-south-1",
    "us-west-1", "us-west-2",
];

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

    /// Returns the known region with the most similar code; `None` for a known region itself.
    pub fn nearest_known(&self) -> Option<&'static str> {
        if KNOWN.contains(&self.as_str()) { None } else { suggest::nearest(&self.0, KNOWN.iter().copied()) }
    }

    /// True for a code with a number at its end, as every region's. A new region is not in the list.
    pub fn may_exist(&self) -> bool {
        self.0.ends_with(|c: char| c.is_ascii_digit())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_region_has_a_similar_one_and_a_known_or_strange_one_has_none() {
        let nearest = |code: &str| Region::parse(code).unwrap().nearest_known();
        assert_eq!(nearest("us-esat-1"), Some("us-east-1"));
        assert_eq!(nearest("eu-central1"), Some("eu-central-1"));
        assert_eq!(nearest("elsewhere"), None);
    }

    #[test]
    fn every_known_region_is_a_region_without_a_suggestion() {
        for code in KNOWN {
            let region = Region::parse(code).unwrap();
            assert!(region.may_exist(), "{code}");
            assert_eq!(region.nearest_known(), None, "{code}");
        }
        assert_eq!(Region::parse("ap-southeast-2").unwrap().nearest_known(), None);
        assert_eq!(Region::parse("us-gov-west-1").unwrap().nearest_known(), None);
    }
}
