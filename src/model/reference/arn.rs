//! Amazon Resource Names: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>

use std::fmt;

use super::region::Region;

/// An ARN, split into its fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    partition: String,
    service: String,
    /// Empty for global services such as IAM.
    region: String,
    /// 12 digits; empty for AWS's public parameters, `aws` for AWS's own policies.
    account: String,
    /// May hold colons: `secret:NAME`.
    resource: String,
}

impl Arn {
    /// Splits `text` into the six fields; `None` if it has fewer or does not begin with `arn:`. No field is checked.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(6, ':');
        if fields.next() != Some("arn") {
            return None;
        }
        let mut field = || fields.next().map(str::to_owned);
        Some(Self { partition: field()?, service: field()?, region: field()?, account: field()?, resource: field()? })
    }

    /// True for a text that is an ARN, or was meant as one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("arn:")
    }

    pub fn service(&self) -> &str {
        &self.service
    }

    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The region, unless the field is empty or malformed.
    pub fn region(&self) -> Option<Region> {
        Region::parse(&self.region).ok()
    }

    /// The account, if the field has 12 digits.
    pub fn account(&self) -> Option<&str> {
        let is_account = self.account.len() == 12 && self.account.bytes().all(|byte| byte.is_ascii_digit());
        is_account.then_some(&self.account)
    }

    /// True for `aws` and the names that AWS's other partitions have (`aws-cn`, `aws-us-gov`, …).
    pub fn has_partition(&self) -> bool {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        self.partition.starts_with("aws") && self.partition.bytes().all(is_word)
    }

    /// The same resource in another region, as its replica's ARN is.
    pub fn in_region(&self, region: &Region) -> Self {
        Self { region: region.to_string(), ..self.clone() }
    }

    /// The resource of `self`, if `other` differs from it in nothing else.
    pub fn resource_beside(&self, other: &Self) -> Option<&str> {
        (Self { resource: other.resource.clone(), ..self.clone() } == *other).then_some(&self.resource)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_printed_as_it_was_written() {
        for text in
            ["arn:aws:iam::123456789012:role/Reader", "arn:aws:secretsmanager:eu-west-1:1:secret:a-b:c", "arn:::::"]
        {
            assert_eq!(Arn::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "arn:aws:iam", "prod/db", "urn:aws:iam::1:x"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
