//! The two services that values are read from: Secrets Manager and Parameter Store.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    SecretsManager,
    /// SSM Parameter Store.
    ParameterStore,
}

impl Store {
    /// Returns the store with this service name in ARNs.
    pub fn of_service(service: &str) -> Option<Self> {
        [Self::SecretsManager, Self::ParameterStore].into_iter().find(|store| store.service() == service)
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
