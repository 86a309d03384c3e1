//! IAM roles.

use super::arn::Arn;

/// An IAM role to assume before reading.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    pub arn: Arn,
    /// The external id that the role's trust policy may require.
    pub external_id: Option<String>,
}

/// A text that is not a role's ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleError;

impl Role {
    /// The expected form, for the message "… is not …".
    pub const EXPECTED: &str = "a role's ARN, like arn:aws:iam::123456789012:role/Reader";

    /// Parses `arn:PARTITION:iam::ACCOUNT:role/NAME`.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(arn: &str, external_id: Option<String>) -> Result<Self, RoleError> {
        let arn = Arn::parse(arn).ok_or(RoleError)?;
        let has_name = arn.resource().strip_prefix("role/").is_some_and(|name| !name.is_empty());
        let is_role =
            arn.has_partition() && arn.service() == "iam" && arn.region().is_none() && arn.account().is_some();
        if is_role && has_name { Ok(Self { arn, external_id }) } else { Err(RoleError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_an_iam_role() {
        assert!(Role::parse("arn:aws-cn:iam::123456789012:role/path/Reader", None).is_ok());
        assert!(Role::parse("arn:aws:iam::123456789012:user/me", None).is_err());
        assert!(Role::parse("arn:aws:iam:us-east-1:123456789012:role/Reader", None).is_err());
        assert!(Role::parse("Reader", None).is_err());
    }
}
