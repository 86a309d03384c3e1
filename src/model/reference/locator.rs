//! The unit of a request: a secret or parameter, its version, its region and the role to read it with.

use super::region::Region;
use super::role::Role;
use super::secret_id::SecretId;
use super::selector::Selector;
use super::store::Store;
use super::version::Version;

/// One version of one secret or parameter. Equal locators are one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator {
    pub store: Store,
    pub id: SecretId,
    /// `None` for the default region. The region of an ARN overrides that of an alias.
    pub region: Option<Region>,
    /// `None` for the default role.
    pub role: Option<Role>,
    pub version: Version,
}

impl Locator {
    /// The id as a reference spells it: a parameter's name has the prefix `ssm:`.
    pub fn written_id(&self) -> String {
        match (self.store, &self.id) {
            (Store::ParameterStore, SecretId::Name(name)) => format!("ssm:{name}"),
            (Store::SecretsManager | Store::ParameterStore, id) => id.to_string(),
        }
    }
}

/// A reference that is looked up: the request, and the part of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretRef {
    pub locator: Locator,
    pub selector: Selector,
}
