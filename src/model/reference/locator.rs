//! The unit of a request: a secret or parameter, its version, its region and the role to read it with.

use super::arn::Region;
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

    /// True for the path of all parameters below it.
    pub fn is_path(&self) -> bool {
        self.id.is_path(self.store)
    }
}

/// The reason that a path of parameters is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// No slash at its beginning.
    Relative,
    /// A KEY, LABEL or VERSION.
    Fields,
    /// Only `env-from` takes more than one value.
    OutsideEnvFrom,
}

impl PathError {
    /// The defect as a predicate, without the text of the path.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Relative => "is a path that does not begin with a slash; write ssm:/PATH/",
            Self::Fields => "has a KEY, LABEL or VERSION; a path takes none, as it stands for all parameters below it",
            Self::OutsideEnvFrom => {
                "stands for all parameters below a path, which only --env-from and `env-from` take; \
                 the name of one parameter has no slash at its end"
            }
        }
    }
}

/// A reference that is looked up: the request, and the part of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretRef {
    pub locator: Locator,
    pub selector: Selector,
}

impl SecretRef {
    /// True for a reference like `aws-sm://prod/db`, of the secret aws-sm and the key //prod/db.
    pub fn has_scheme(&self) -> bool {
        self.selector.to_string().starts_with("//")
    }

    /// Checks that a path is absolute and has no KEY, LABEL or VERSION.
    ///
    /// # Errors
    /// When the path is relative or has one of them.
    pub fn check_path(&self) -> Result<(), PathError> {
        let Locator { id, version, .. } = &self.locator;
        if !self.locator.is_path() {
            Ok(())
        } else if id.arn().is_none() && !id.name().starts_with('/') {
            Err(PathError::Relative)
        } else if self.selector != Selector::Whole || *version != Version::Current {
            Err(PathError::Fields)
        } else {
            Ok(())
        }
    }

    /// The reference as one to a single secret or parameter.
    ///
    /// # Errors
    /// When it is a path, which stands for several.
    pub fn single(self) -> Result<Self, PathError> {
        if self.locator.is_path() { Err(PathError::OutsideEnvFrom) } else { Ok(self) }
    }
}
