//! Amazon Resource Names, and the regions and roles that requests use.
//!
//! An ARN is `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::environment::is_alphanumeric_or;
use crate::model::fault::{did_you_mean, is_one_letter_away, nearest};

/// Text that begins with `arn:` and has six fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arn(String);

impl Arn {
    /// Doesn't check the content of the fields.
    pub fn parse(text: &str) -> Option<Self> {
        if !Self::has_prefix(text) || text.splitn(6, ':').count() < 6 {
            return None;
        }
        Some(Self(text.to_owned()))
    }

    /// Joins the fields after `arn`. Only the last one, the resource, may contain colons.
    pub fn new(fields: [&str; 5]) -> Self {
        Self(format!("arn:{}", fields.join(":")))
    }

    pub fn has_prefix(text: &str) -> bool {
        text.starts_with("arn:")
    }

    pub fn partition(&self) -> &str {
        self.field(1)
    }

    pub fn service(&self) -> &str {
        self.field(2)
    }

    /// The last field, such as `secret:NAME`. It may contain colons.
    pub fn resource(&self) -> &str {
        self.field(5)
    }

    pub fn region(&self) -> Option<Region> {
        Region::parse(self.field(3))
    }

    /// `None` if the ARN has no account id, such as the ARN of a public parameter of AWS.
    pub fn account(&self) -> Option<&str> {
        let account = self.field(4);
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(account)
    }

    /// True if the partition looks like one of AWS's, such as `aws-cn`.
    pub(super) fn has_partition(&self) -> bool {
        let partition = self.partition();
        partition.starts_with("aws")
            && partition
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }

    /// The same ARN, but in another region.
    pub fn in_region(&self, region: &Region) -> Self {
        let field = |index| self.field(index);
        Self::new([field(1), field(2), region.as_str(), field(4), field(5)])
    }

    /// The resource, if both ARNs have the same partition, region and account. Their services may
    /// differ, because a secret keeps its own ARN when it is read through Parameter Store.
    pub fn resource_in_account_of(&self, other: &Self) -> Option<&str> {
        for index in [1, 3, 4] {
            if self.field(index) != other.field(index) {
                return None;
            }
        }
        Some(self.resource())
    }

    /// 0 is `arn`, and 5 is the resource.
    fn field(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The code of a region, such as `us-east-1`. Emulators of AWS may use other codes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Region(String);

/// A group of regions with separate accounts, such as the regions in China.
#[derive(Debug)]
struct Partition {
    /// As in an ARN: `aws-cn`.
    name: &'static str,
    /// The endings of AWS's host names: the usual one, and the one for dual stack (IPv4 and IPv6).
    domains: [&'static str; 2],
    /// The known codes. They are suggested for misspelled ones, and aren't masked in logs.
    regions: &'static str,
}

/// The commercial partition comes first. The SDK has the same table, but doesn't make it public. A
/// test compares this one with botocore's.
const PARTITIONS: &[Partition] = &[
    partition(
        "aws",
        [".amazonaws.com", ".api.aws"],
        "\
        af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 \
        ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 \
        eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 \
        us-east-1 us-east-2 us-west-1 us-west-2",
    ),
    partition(
        "aws-cn",
        [".amazonaws.com.cn", ".api.amazonwebservices.com.cn"],
        "cn-north-1 cn-northwest-1",
    ),
    partition(
        "aws-us-gov",
        [".amazonaws.com", ".api.aws"],
        "us-gov-east-1 us-gov-west-1",
    ),
    partition(
        "aws-eusc",
        [".amazonaws.eu", ".api.amazonwebservices.eu"],
        "eusc-de-east-1",
    ),
    partition(
        "aws-iso",
        [".c2s.ic.gov", ".api.aws.ic.gov"],
        "us-iso-east-1 us-iso-west-1",
    ),
    partition(
        "aws-iso-b",
        [".sc2s.sgov.gov", ".api.aws.scloud"],
        "us-isob-east-1 us-isob-west-1",
    ),
    partition(
        "aws-iso-e",
        [".cloud.adc-e.uk", ".api.cloud-aws.adc-e.uk"],
        "eu-isoe-west-1",
    ),
    partition(
        "aws-iso-f",
        [".csp.hci.ic.gov", ".api.aws.hci.ic.gov"],
        "us-isof-east-1 us-isof-south-1",
    ),
];

const fn partition(
    name: &'static str,
    domains: [&'static str; 2],
    regions: &'static str,
) -> Partition {
    Partition {
        name,
        domains,
        regions,
    }
}

fn known_regions() -> impl Iterator<Item = &'static str> {
    PARTITIONS
        .iter()
        .flat_map(|partition| partition.regions.split(' '))
}

/// The ending by which a host name is recognized as AWS's, such as `.amazonaws.com`.
pub fn aws_domain(host: &str) -> Option<&'static str> {
    PARTITIONS
        .iter()
        .flat_map(|partition| partition.domains)
        .find(|domain| host.ends_with(domain))
}

/// True for the host name of an API in a region, such as `secretsmanager.us-east-1.amazonaws.com`,
/// its FIPS endpoint or its VPC endpoint. Other names in these domains, such as those of buckets,
/// belong to AWS's customers.
pub fn is_aws_api(host: &str, api: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    let host = lower.strip_suffix('.').unwrap_or(&lower);
    let Some(mut name) = aws_domain(host).and_then(|domain| host.strip_suffix(domain)) else {
        return false;
    };
    if let Some(behind_vpc_endpoint) = name.strip_suffix(".vpce") {
        let (id, rest) = behind_vpc_endpoint.split_once('.').unwrap_or_default();
        if !id.starts_with("vpce-") {
            return false;
        }
        name = rest;
    }
    let Some(after_api) = name.strip_prefix(api) else {
        return false;
    };
    let after_fips = after_api.strip_prefix("-fips").unwrap_or(after_api);
    after_fips
        .strip_prefix('.')
        .and_then(Region::parse)
        .is_some_and(|region| region.partition().is_some())
}

impl Region {
    /// Completes the message "… must be …".
    pub const EXPECTED: &str = "a region code in lower case, such as us-east-1";

    /// Accepts any lower-case label of a host name (RFC 1123, section 2.1), because a fixed list
    /// would exclude new regions.
    pub fn parse(text: &str) -> Option<Self> {
        let is_label = (1..=63).contains(&text.len())
            && text.trim_matches('-') == text
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_label {
            return None;
        }
        Some(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the code looks like one of AWS's.
    pub fn has_known_form(&self) -> bool {
        area_of(&self.0).is_some()
    }

    /// The partition that has regions in this region's area. An area is, for example, `us-gov`.
    fn partition(&self) -> Option<&'static Partition> {
        let area = area_of(&self.0)?;
        PARTITIONS.iter().find(|partition| {
            partition
                .regions
                .split(' ')
                .any(|code| area_of(code) == Some(area))
        })
    }

    /// The partition's name in ARNs. If the partition isn't known, the commercial one is assumed:
    /// `aws`.
    pub fn partition_name(&self) -> &'static str {
        self.partition().map_or("aws", |partition| partition.name)
    }

    /// True if the region is in an area of the commercial partition.
    pub fn is_commercial(&self) -> bool {
        self.partition().is_some_and(|found| found.name == "aws")
    }

    pub fn is_known(code: &str) -> bool {
        known_regions().any(|known| known == code)
    }

    /// Suggests the most similar region: `did you mean "eu-central-1"?`.
    pub fn similar_region(&self) -> Option<String> {
        nearest(&self.0, known_regions()).map(did_you_mean)
    }

    /// Help for a code that probably misspells a known region.
    pub fn misspelling_remedy(&self) -> Option<String> {
        if Self::is_known(&self.0) {
            return None;
        }
        known_regions()
            .find(|known| is_one_letter_away(known, &self.0))
            .map(did_you_mean)
    }

    /// Help for a code that doesn't look like one of AWS's.
    pub fn form_remedy(&self) -> Option<String> {
        if self.has_known_form() {
            return None;
        }
        let general = format!("use {}", Self::EXPECTED);
        Some(self.similar_region().unwrap_or(general))
    }
}

/// `us` in `us-east-1`, and `us-gov` in `us-gov-east-1`. AWS's codes have the form
/// AREA-DIRECTION-NUMBER.
fn area_of(code: &str) -> Option<&str> {
    let (words, number) = code.rsplit_once('-')?;
    let (area, _) = words.rsplit_once('-')?;
    let has_form = number.parse::<u8>().is_ok()
        && words
            .split('-')
            .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()));
    if !has_form {
        return None;
    }
    Some(area)
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IAM role that secrets-exec assumes before it reads secrets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    pub arn: Arn,
    /// Needed only if the role's trust policy requires it.
    pub external_id: Option<String>,
}

impl Role {
    pub const EXPECTED: &str = "a role ARN, such as arn:aws:iam::123456789012:role/Reader";

    pub const EXTERNAL_ID: &str = "a string of letters, digits and _+=,.@:/-";

    /// Parses `arn:PARTITION:iam::ACCOUNT:role/NAME`, where a path may precede NAME. Rejects
    /// asterisks, which are wildcards in a policy. The role has no external id.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let arn = Arn::parse(text).ok_or(Self::EXPECTED)?;
        let is_name = arn.resource().strip_prefix("role/").is_some_and(|name| {
            !name.is_empty() && !name.ends_with('/') && is_alphanumeric_or(name, b"_+=,.@-/")
        });
        let is_role = arn.has_partition()
            && arn.service() == "iam"
            && arn.field(3).is_empty()
            && arn.account().is_some();
        if !is_role || !is_name {
            return Err(Self::EXPECTED);
        }
        Ok(Self {
            arn,
            external_id: None,
        })
    }

    /// Checks an external id (`ExternalId` of AssumeRole).
    pub fn check_external_id(text: &str) -> Result<String, &'static str> {
        if !is_alphanumeric_or(text, b"_+=,.@:/-") {
            return Err(Self::EXTERNAL_ID);
        }
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_region_and_an_availability_zone_get_the_right_hint() {
        let remedy = |code: &str| Region::parse(code).unwrap().form_remedy();
        for partition in
            "us-east-1 mx-central-1 il-central-1 us-gov-west-1 cn-north-1 us-iso-east-1 us-isob-east-1 eu-isoe-west-1 \
                          us-isof-south-1 eusc-de-east-1 ap-southeast-12"
                .split(' ')
        {
            assert_eq!(remedy(partition), None, "{partition}");
        }
        for (code, expected) in [
            ("us-gov-west-1b", "did you mean \"us-gov-west-1\"?"),
            ("eucentral1", "did you mean \"eu-central-1\"?"),
        ] {
            assert_eq!(remedy(code).as_deref(), Some(expected), "{code}");
        }
    }

    #[test]
    fn a_new_region_belongs_to_the_partition_of_its_area() {
        for (code, name) in [
            ("us-east-12", "aws"),
            ("us-gov-west-12", "aws-us-gov"),
            ("us-gov-1", "aws"),
            ("local", "aws"),
            ("eu-west-1a", "aws"),
        ] {
            let region = Region::parse(code).unwrap();
            assert_eq!(region.partition_name(), name, "{code}");
        }
    }
}
