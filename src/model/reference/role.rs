//! The options that say how to resolve, what the target gets and how much is said: one table for the command line, for
//! `SECRETS_EXEC_*` and for `defaults:`.

/// What an option or key expects that takes a role.
pub const ROLE_EXPECTED: &str = "a role's ARN, like arn:aws:iam::123456789012:role/Reader";

/// An IAM role to assume before reading.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// The external id that its trust policy may ask for.
    pub external_id: Option<String>,
}

/// A text that is no role's ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleError;

impl Role {
    /// Reads `arn:PARTITION:iam::ACCOUNT:role/NAME`.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(arn: &str, external_id: Option<String>) -> Result<Self, RoleError> {
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        match fields.as_slice() {
            ["arn", partition, "iam", "", account, role]
                if partition.starts_with("aws")
                    && account.len() == 12
                    && account.bytes().all(|b| b.is_ascii_digit())
                    && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
            {
                Ok(Self { arn: arn.to_owned(), external_id })
            }
            _ => Err(RoleError),
        }
    }
}
