//! Amazon Resource Names, `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, and their parts:
//! regions, roles, and the two services that store values.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::mistakes::{did_you_mean, nearest};

/// An Amazon Resource Name: text that begins with `arn:` and has six fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn(String);

impl Arn {
    /// Parses an ARN. Returns `None` for text that doesn't begin with `arn:` or doesn't have six
    /// fields. The content of the fields isn't checked.
    pub fn parse(text: &str) -> Option<Self> {
        (Self::has_prefix(text) && text.splitn(6, ':').count() == 6).then(|| Self(text.to_owned()))
    }

    /// Creates an ARN from its fields, which can be patterns of an IAM policy. Only the last field
    /// may contain colons.
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

    /// Returns the whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Creates the `*` of an IAM policy, for actions that can't be limited to a resource.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// True if the text begins with `arn:`, even if the rest isn't valid in an ARN.
    pub fn has_prefix(text: &str) -> bool {
        text.starts_with("arn:")
    }

    /// Returns the partition, such as `aws` or `aws-cn`.
    pub fn partition(&self) -> &str {
        self.field(1)
    }

    /// Returns the service, such as `secretsmanager`.
    pub fn service(&self) -> &str {
        self.field(2)
    }

    /// Returns the last field, which may contain colons: `secret:NAME`.
    pub fn resource(&self) -> &str {
        self.field(5)
    }

    /// Returns the region, or `None` if the field is malformed or, as for IAM, empty.
    pub fn region(&self) -> Option<Region> {
        Region::parse(self.field(3))
    }

    /// Returns the account, or `None` if the field doesn't have 12 digits. The ARNs of AWS's public
    /// parameters have an empty field.
    pub fn account(&self) -> Option<&str> {
        let account = self.field(4);
        (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
            .then_some(account)
    }

    /// True if the partition has the form of AWS's partitions: `aws`, `aws-cn`, `aws-us-gov`, ….
    pub fn has_partition(&self) -> bool {
        let is_legal = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let partition = self.partition();
        partition.starts_with("aws") && partition.bytes().all(is_legal)
    }

    /// Returns the ARN of the replica in another region. Only the region differs.
    pub fn in_region(&self, region: &Region) -> Self {
        Self::new(
            self.partition(),
            self.service(),
            region.as_str(),
            self.field(4),
            self.resource(),
        )
    }

    /// Returns the resource if both ARNs have the same partition, region and account, and otherwise
    /// `None`. The services may differ, because a secret that is read through Parameter Store keeps
    /// its own ARN.
    pub fn resource_next_to(&self, other: &Self) -> Option<&str> {
        [1, 3, 4]
            .into_iter()
            .all(|index| self.field(index) == other.field(index))
            .then(|| self.resource())
    }

    /// Returns a field by its index, from 0 to 5.
    fn field(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The code of an AWS region, such as `us-east-1`. An emulator of AWS may accept any other name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region(String);

/// The codes of AWS's regions, which are suggested for a misspelled one.
const KNOWN: &str = "\
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 \
    ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 cn-north-1 cn-northwest-1 \
    eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 eusc-de-east-1 il-central-1 me-central-1 \
    me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2";

impl Region {
    /// A description of valid regions. It completes the message "… must be …".
    pub const EXPECTED: &str = "a region code such as us-east-1";

    /// Parses a region's code: any lower-case label of a host name (RFC 1123, section 2.1). A list
    /// of regions would exclude new ones. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_label = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let has_ends = !text.starts_with('-') && !text.ends_with('-');
        ((1..=63).contains(&text.len()) && is_label && has_ends).then(|| Self(text.to_owned()))
    }

    /// Returns the code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns AREA of the form AREA-DIRECTION-NUMBER, which all of AWS's codes have. The result is
    /// `None` for another form, such as an emulator's name or an availability zone.
    pub fn area(&self) -> Option<&str> {
        let (rest, number) = self.0.rsplit_once('-')?;
        let (area, direction) = rest.rsplit_once('-')?;
        let has_letters =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        (area.split('-').all(has_letters) && has_letters(direction) && number.parse::<u8>().is_ok())
            .then_some(area)
    }

    /// Returns the known region with the most similar code, or `None` if this region is known, or
    /// if no code is similar.
    pub fn similar_region(&self) -> Option<Self> {
        let similar = nearest(&self.0, KNOWN.split(' '))?;
        (similar != self.0).then(|| Self(similar.to_owned()))
    }

    /// Returns the remedy for a code that no region of AWS has: one with `fips`, an availability
    /// zone, or any other code that doesn't have the form of AWS's codes. The result is `None` if
    /// the code has that form.
    ///
    /// An availability zone is recognized by its beginning, which is a region: `us-east-1a`.
    pub fn form_remedy(&self) -> Option<String> {
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

        Some(match nearest(&self.0, KNOWN.split(' ')) {
            Some(similar) => did_you_mean(similar),
            None => {
                "list the region codes with: aws account list-regions --region us-east-1".to_owned()
            }
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An IAM role that is assumed before secrets are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    pub arn: Arn,
    /// The external id, which the trust policy of the role may require.
    pub external_id: Option<String>,
}

impl Role {
    /// A description of valid roles. It completes the message "… must be …".
    pub const EXPECTED: &str = "the ARN of a role such as arn:aws:iam::123456789012:role/Reader";

    /// A description of valid external ids.
    pub const EXTERNAL_ID: &str = "letters, digits and characters of _+=,.@:/-";

    /// Parses `arn:PARTITION:iam::ACCOUNT:role/NAME`, with or without a path before the name.
    /// Returns `None` for any other text. An asterisk isn't accepted, because it would be a
    /// wildcard in a policy.
    pub fn parse(text: &str, external_id: Option<String>) -> Option<Self> {
        let arn = Arn::parse(text)?;
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

    /// Checks the characters of an external id (STS, AssumeRole, ExternalId). STS would refuse any
    /// other ones with a message that shows the id.
    pub fn check_external_id(text: &str) -> Result<String, &'static str> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
        let is_legal = text.bytes().all(is_allowed).then(|| text.to_owned());
        is_legal.ok_or(Self::EXTERNAL_ID)
    }
}

/// The service that stores a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    SecretsManager,
    /// SSM Parameter Store.
    ParameterStore,
}

impl Store {
    /// Returns the store that has this service in its ARNs, or `None` for another service.
    pub fn from_service(service: &str) -> Option<Self> {
        [Self::SecretsManager, Self::ParameterStore]
            .into_iter()
            .find(|store| store.service() == service)
    }

    /// Returns the name of the service in ARNs, in host names and in signatures.
    pub fn service(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
        }
    }

    /// Returns the number of fields, separated by colons, that an ARN of the store has. The
    /// resource of a secret has two.
    pub fn arn_fields(self) -> usize {
        match self {
            Self::SecretsManager => 7,
            Self::ParameterStore => 6,
        }
    }
}

/// Writes `secret` or `parameter`.
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
            (
                "us-gov-west-1b",
                "us-gov-west-1b is an availability zone: write its region, us-gov-west-1",
            ),
            ("eucentral1", "did you mean \"eu-central-1\"?"),
        ] {
            assert_eq!(remedy(code).as_deref(), Some(expected), "{code}");
        }
    }
}
