//! What one request asks for: the secret, where it is, and which version of it.

use std::fmt;

use super::locator::Store;
use super::region::Region;

/// A secret's name, `ssm:` and a parameter's name, or the ARN of either.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId(String);

/// What is wrong with the id of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocatorError {
    /// Nothing stands where the secret's name should be.
    Empty,
    /// A name with a character that AWS does not allow.
    IllegalCharacter {
        /// The whole name.
        name: String,
        /// The first character that may not stand in it.
        character: char,
    },
    /// A name longer than AWS allows (512 characters).
    TooLong,
    /// An ARN without all of its fields.
    ArnCutShort(String),
    /// An ARN whose fields are there but not right.
    BadArn {
        /// The whole ARN.
        arn: String,
        /// Which field is wrong, and how.
        why: &'static str,
    },
}

impl LocatorError {
    /// What is wrong, without the text that is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::IllegalCharacter { .. } => "has a character that no secret's name has",
            Self::TooLong => "is longer than a secret's name",
            Self::ArnCutShort(_) => "is an ARN cut short",
            Self::BadArn { why, .. } => why,
        }
    }
}

impl SecretId {
    /// Reads a name, `ssm:` and a name, or an ARN; also tells its store, and the region an ARN names.
    ///
    /// # Errors
    /// When it can be none of the three.
    pub fn parse(text: &str) -> Result<(Self, Store, Option<Region>), LocatorError> {
        if text.starts_with("arn:") {
            let (store, region) = parse_arn(text)?;
            return Ok((Self(text.to_owned()), store, Some(region)));
        }
        let (store, name) = match text.strip_prefix("ssm:") {
            Some(name) => (Store::ParameterStore, name),
            None => (Store::SecretsManager, text),
        };
        if name.is_empty() {
            return Err(LocatorError::Empty);
        }
        if let Some(character) = name.chars().find(|c| !is_name_character(*c)) {
            return Err(LocatorError::IllegalCharacter { name: name.to_owned(), character });
        }
        if name.len() > 512 {
            return Err(LocatorError::TooLong);
        }
        Ok((Self(text.to_owned()), store, None))
    }

    /// The id as AWS takes it, but for the prefix of a parameter's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as it is asked for in a region: an ARN's own region is exchanged.
    pub fn in_region(&self, region: &Region) -> String {
        let mut fields: Vec<&str> = self.0.splitn(5, ':').collect();
        if let ["arn", _, _, own, _] = fields.as_mut_slice() {
            *own = region.as_str();
        }
        fields.join(":")
    }

    /// Whether an answer with this name and ARN is one for the id that was asked for, which may be an ARN without its random
    /// ending.
    pub fn is_answer(asked: &str, name: Option<&str>, arn: Option<&str>) -> bool {
        let resource = arn.and_then(|arn| arn.splitn(7, ':').nth(6));
        let begins = |text: Option<&str>| {
            let rest = text.and_then(|text| text.strip_prefix(asked));
            rest.is_some_and(|rest| rest.is_empty() || is_random_ending(rest))
        };
        name == Some(asked) || begins(arn) || begins(resource)
    }

    /// The name within its account and region: an ARN without what stands before its resource.
    pub fn resource_name(&self) -> &str {
        if self.0.starts_with("arn:") { self.0.splitn(7, ':').last().unwrap_or(&self.0) } else { &self.0 }
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What AWS puts at the end of a secret's ARN.
fn is_random_ending(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|random| random.len() == 6 && random.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// AWS's own rule, and `!`, which only AWS itself may put into a name (`rds!cluster-…`).
pub fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/_+=.@!-".contains(c)
}

fn parse_arn(arn: &str) -> Result<(Store, Region), LocatorError> {
    let bad = |why| LocatorError::BadArn { arn: arn.to_owned(), why };
    let fields: Vec<&str> = arn.split(':').collect();
    let [_, partition, service, region, account, resource @ ..] = fields.as_slice() else {
        return Err(LocatorError::ArnCutShort(arn.to_owned()));
    };
    let store = match *service {
        "secretsmanager" => Store::SecretsManager,
        "ssm" => Store::ParameterStore,
        _ => return Err(bad("is neither a secret's nor a parameter's ARN")),
    };
    let name = match (store, resource) {
        (_, []) | (Store::SecretsManager, [_]) => return Err(LocatorError::ArnCutShort(arn.to_owned())),
        (Store::SecretsManager, ["secret", name]) => name,
        (Store::SecretsManager, [_, _]) => return Err(bad("has a sixth field that is not \"secret\"")),
        (Store::ParameterStore, [resource]) => resource
            .strip_prefix("parameter/")
            .ok_or_else(|| bad("has a last field that does not begin with \"parameter/\""))?,
        _ => {
            return Err(bad(
                "has more fields than the ARN itself; KEY, STAGE and VERSION-ID cannot come from a variable",
            ));
        }
    };
    if !partition.starts_with("aws")
        || !partition.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return Err(bad("has a partition that is not one of AWS's (aws, aws-cn, aws-us-gov, …)"));
    }
    let region = Region::parse(region).map_err(|_| bad("has a region that is missing or malformed"))?;
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("has an account that is not 12 digits"));
    }
    if name.is_empty() {
        return Err(LocatorError::ArnCutShort(arn.to_owned()));
    }
    if !name.chars().all(is_name_character) {
        return Err(bad("has a name with a character that AWS does not allow"));
    }
    Ok((store, region))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::Role;

    #[test]
    fn every_partition_gives_its_region() {
        for (partition, region) in [
            ("aws", "us-east-1"),
            ("aws-cn", "cn-north-1"),
            ("aws-us-gov", "us-gov-west-1"),
            ("aws-eusc", "eusc-de-east-1"),
        ] {
            let arn = format!("arn:{partition}:secretsmanager:{region}:123456789012:secret:prod/db-AbCdEf");
            let (_, store, found) = SecretId::parse(&arn).unwrap();
            assert_eq!((store, found.unwrap().as_str()), (Store::SecretsManager, region));
        }
    }

    #[test]
    fn a_name_may_hold_whatever_aws_itself_puts_there() {
        assert!(SecretId::parse("rds!cluster-1a2b/_+=.@-").is_ok());
        assert!(matches!(SecretId::parse("prod db"), Err(LocatorError::IllegalCharacter { character: ' ', .. })));
    }

    #[test]
    fn an_arn_cut_short_is_told_as_such() {
        for arn in [
            "arn:",
            "arn:aws",
            "arn:aws:secretsmanager:us-east-1:123456789012",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:",
        ] {
            assert!(matches!(SecretId::parse(arn), Err(LocatorError::ArnCutShort(_))), "{arn}");
        }
    }

    #[test]
    fn the_resource_name_of_an_arn_is_its_last_field() {
        let (id, ..) = SecretId::parse("arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf").unwrap();
        assert_eq!(id.resource_name(), "prod/db-AbCdEf");
    }

    #[test]
    fn an_answer_is_of_what_was_asked_for() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";
        for asked in ["prod/db", arn, arn.strip_suffix("-AbCdEf").unwrap()] {
            assert!(SecretId::is_answer(asked, Some("prod/db"), Some(arn)), "{asked}");
        }
        assert!(SecretId::is_answer("prod/db", None, Some(arn)));
        for asked in ["prod/d", "db", "prod/db2"] {
            assert!(!SecretId::is_answer(asked, Some("prod/db"), Some(arn)), "{asked}");
        }
        let replica = arn.replace("prod/db", "prod/db-replica");
        for asked in ["prod/db", arn.strip_suffix("-AbCdEf").unwrap()] {
            assert!(!SecretId::is_answer(asked, Some("prod/db-replica"), Some(&replica)), "{asked}");
        }
        assert!(!SecretId::is_answer("prod/db", None, None));
    }

    #[test]
    fn a_role_is_an_iam_role() {
        assert!(Role::parse("arn:aws-cn:iam::123456789012:role/path/Reader", None).is_ok());
        assert!(Role::parse("arn:aws:iam::123456789012:user/me", None).is_err());
        assert!(Role::parse("Reader", None).is_err());
    }
}
