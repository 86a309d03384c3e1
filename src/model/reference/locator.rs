//! What one request asks for: the secret, where it is, and which version of it.

use super::region::Region;
use super::role::Role;
use super::secret_id::SecretId;
use super::version::Version;

/// What one request asks for. Equal locators are one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator {
    /// Which service holds it.
    pub store: Store,
    /// The secret's name or ARN, or the parameter's.
    pub id: SecretId,
    /// Where it is read, when that is not the default region. An ARN's own region comes first.
    pub region: Option<Region>,
    /// The role it is read with, when that is not the default one.
    pub role: Option<Role>,
    /// Which version is read.
    pub version: Version,
}

/// The service that holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// AWS Secrets Manager.
    SecretsManager,
    /// SSM Parameter Store.
    ParameterStore,
}
