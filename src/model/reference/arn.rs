//! Amazon Resource Names, `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, and what is in them: regions, roles and the two services that
//! values are read from.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::suggest::{did_you_mean, nearest};

/// A text with the six fields of an ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn(String);

impl Arn {
    /// Accepts any text that begins with `arn:` and has six fields, and does not check the fields.
    pub fn parse(text: &str) -> Option<Self> {
        (Self::is_meant(text) && text.splitn(6, ':').count() == 6).then(|| Self(text.to_owned()))
    }

    /// Joins the fields, in which an asterisk stands for any text. Only the last one may hold colons.
    pub fn new(
        partition: &str,
        service: &str,
        region: &str,
        account: &str,
        resource: &str,
    ) -> Self {
        Self(format!(
            "arn:{partition}:{service}:{region}:{account}:{resource}"
        ))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The `*` of a policy, for actions that are allowed for every resource or for none.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// True for a text that begins with `arn:`, even if it is malformed.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("arn:")
    }

    pub fn partition(&self) -> &str {
        self.field(1)
    }

    pub fn service(&self) -> &str {
        self.field(2)
    }

    /// The last field, which may hold colons: `secret:NAME`.
    pub fn resource(&self) -> &str {
        self.field(5)
    }

    /// The region, unless the field is empty, as for IAM, or malformed.
    pub fn region(&self) -> Option<Region> {
        Region::parse(self.field(3))
    }

    /// The account, if the field has 12 digits. AWS's public parameters have no account.
    pub fn account(&self) -> Option<&str> {
        let account = self.field(4);
        (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
            .then_some(account)
    }

    /// True for `aws` and the names that AWS's other partitions have (`aws-cn`, `aws-us-gov`, …).
    pub fn has_partition(&self) -> bool {
        let partition = self.partition();
        partition.starts_with("aws")
            && partition
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }

    /// The ARN with another region, which is the ARN of a replica.
    pub fn in_region(&self, region: &Region) -> Self {
        Self::new(
            self.partition(),
            self.service(),
            region.as_str(),
            self.field(4),
            self.resource(),
        )
    }

    /// Returns the resource if both ARNs have the same partition, region and account. The service may be another one: a secret that is read
    /// through Parameter Store has its own ARN.
    pub fn resource_beside(&self, other: &Self) -> Option<&str> {
        [1, 3, 4]
            .into_iter()
            .all(|index| self.field(index) == other.field(index))
            .then(|| self.resource())
    }

    fn field(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The code of an AWS region, such as `us-east-1`, or the name that an emulator of AWS takes in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region(String);

/// Codes to suggest in place of a misspelled one.
const SUGGESTED: &str = "\
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 \
    ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 cn-north-1 cn-northwest-1 \
    eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 eusc-de-east-1 il-central-1 me-central-1 \
    me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2";

impl Region {
    /// The expected form, for the messages "… must be …" and "… is not …".
    pub const EXPECTED: &str = "a region code such as us-east-1";

    /// Accepts any lower-case label of a host name (RFC 1123, 2.1). A list of regions would exclude new ones.
    pub fn parse(text: &str) -> Option<Self> {
        let is_label = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let has_ends = !text.starts_with('-') && !text.ends_with('-');
        ((1..=63).contains(&text.len()) && is_label && has_ends).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `AREA` of `AREA-DIRECTION-NUMBER`, the form of all of AWS's codes.
    pub fn area(&self) -> Option<&str> {
        let (rest, number) = self.0.rsplit_once('-')?;
        let (area, direction) = rest.rsplit_once('-')?;
        let has_letters =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        (area.split('-').all(has_letters) && has_letters(direction) && number.parse::<u8>().is_ok())
            .then_some(area)
    }

    /// Returns the remedy for a code without the form of AWS's codes.
    pub fn form_remedy(&self) -> Option<String> {
        if let Some(region) = self
            .0
            .strip_prefix("fips-")
            .or_else(|| self.0.strip_suffix("-fips"))
        {
            return Some(format!(
                "write {region}, and set AWS_USE_FIPS_ENDPOINT=true"
            ));
        }
        if self.area().is_some() {
            return None;
        }
        let mut beginnings = (1..self.0.len())
            .rev()
            .map(|end| Self(self.0[..end].to_owned()));
        if let Some(region) = beginnings.find(|beginning| beginning.area().is_some()) {
            return Some(format!(
                "{self} is an availability zone: write its region, {region}"
            ));
        }
        Some(self.nearest().map_or_else(
            || "list the region codes with: aws account list-regions".to_owned(),
            did_you_mean,
        ))
    }

    /// Returns the similar code that is probably meant; `None` for a known one.
    pub fn nearest(&self) -> Option<&'static str> {
        nearest(&self.0, SUGGESTED.split(' ')).filter(|nearest| *nearest != self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IAM role to assume before reading.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    pub arn: Arn,
    /// The external id that the role's trust policy may require.
    pub external_id: Option<String>,
}

impl Role {
    /// The expected form, for the messages "… must be …" and "… is not …".
    pub const EXPECTED: &str = "the ARN of a role such as arn:aws:iam::123456789012:role/Reader";

    /// Parses `arn:PARTITION:iam::ACCOUNT:role/NAME`, with or without a path before the name. An asterisk would be a wildcard in a policy.
    pub fn parse(arn: &str, external_id: Option<String>) -> Option<Self> {
        let arn = Arn::parse(arn)?;
        let name = arn.resource().strip_prefix("role/")?;
        let is_role = arn.has_partition()
            && arn.service() == "iam"
            && arn.region().is_none()
            && arn.account().is_some();
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte));
        (is_role && is_name && !name.is_empty()).then_some(Self { arn, external_id })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    SecretsManager,
    /// SSM Parameter Store.
    ParameterStore,
}

impl Store {
    /// Returns the store with this service name in ARNs.
    pub fn of_service(service: &str) -> Option<Self> {
        [Self::SecretsManager, Self::ParameterStore]
            .into_iter()
            .find(|store| store.service() == service)
    }

    /// The service's name in ARNs, in host names and in signatures.
    pub fn service(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
        }
    }

    /// The number of fields, separated by colons, that an ARN of the store has: a secret's resource has two.
    pub fn arn_fields(self) -> usize {
        match self {
            Self::SecretsManager => 7,
            Self::ParameterStore => 6,
        }
    }
}

/// `secret` or `parameter`.
impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretsManager => "secret",
            Self::ParameterStore => "parameter",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_another_form_has_a_remedy() {
        let remedy = |code: &str| Region::parse(code).unwrap().form_remedy();
        for partition in
            "us-east-1 mx-central-1 il-central-1 us-gov-west-1 cn-north-1 us-iso-east-1 us-isob-east-1 eu-isoe-west-1 \
                          us-isof-south-1 eusc-de-east-1 ap-southeast-12"
                .split(' ')
        {
            assert_eq!(remedy(partition), None, "{partition}");
        }
        for (code, expected) in [
            (
                "us-gov-west-1b",
                "us-gov-west-1b is an availability zone: write its region, us-gov-west-1",
            ),
            ("eucentral1", "did you mean \"eu-central-1\"?"),
        ] {
            assert_eq!(remedy(code).as_deref(), Some(expected), "{code}");
        }
    }

    #[test]
    fn a_known_code_is_not_taken_for_another() {
        for (code, expected) in [
            ("us-east-1", None),
            ("us-eest-1", Some("us-east-1")),
            ("xy-far-1", None),
        ] {
            assert_eq!(Region::parse(code).unwrap().nearest(), expected, "{code}");
        }
    }
}
