//! The identity whose policy is wanted, and its part of the requests.

use std::collections::BTreeSet;

use crate::backend::aws::config::Settings;
use crate::model::reference::{Arn, Locator, Role};

/// A role that the launch does not assume, and those that it does.
#[derive(Debug)]
pub struct UnknownRole {
    pub role: Arn,
    pub known: BTreeSet<Arn>,
}

/// The caller, whose credentials the launch finds, or a role that is assumed.
///
/// A web identity and a profile assume roles to find the credentials, so the last of them is the caller.
pub struct Identity {
    is_caller: bool,
    /// The role of `--for-role`.
    named: Option<Arn>,
    assumed: BTreeSet<Arn>,
}

impl Identity {
    /// Selects the caller, or else `named`.
    ///
    /// # Errors
    /// When no locator is read with `named`, and no credentials are found by assuming it.
    pub fn new(settings: &Settings, locators: &BTreeSet<&Locator>, named: Option<&Role>) -> Result<Self, UnknownRole> {
        let chain = caller_roles(settings);
        let of_locators = locators.iter().filter_map(|locator| settings.role_of(locator));
        let of_locators: BTreeSet<Arn> = of_locators.map(|role| role.arn.clone()).collect();
        let Some(role) = named.map(|role| &role.arn) else {
            return Ok(Self { is_caller: true, named: None, assumed: of_locators });
        };
        if !of_locators.contains(role) && !chain.contains(role) {
            return Err(UnknownRole { role: role.clone(), known: of_locators.into_iter().chain(chain).collect() });
        }
        let is_caller = chain.last() == Some(role);
        let steps = chain.iter().zip(chain.iter().skip(1));
        let mut assumed: BTreeSet<Arn> = steps.filter(|(from, _)| *from == role).map(|(_, to)| to.clone()).collect();
        if is_caller {
            assumed.extend(of_locators);
        }
        Ok(Self { is_caller, named: Some(role.clone()), assumed })
    }

    /// True if it reads the locators of `role`, or without a role those of the caller.
    pub fn reads(&self, role: Option<&Role>) -> bool {
        role.map_or(self.is_caller, |role| self.named.as_ref() == Some(&role.arn))
    }

    /// True if `--for-role` names it.
    pub fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// The account of the role that `--for-role` names, in which it reads names.
    pub fn account(&self) -> Option<&str> {
        self.named.as_ref().and_then(Arn::account)
    }

    /// The roles that it assumes.
    pub fn assumed(&self) -> impl Iterator<Item = &Arn> {
        self.assumed.iter()
    }
}

/// Returns the role of the web identity and then those of the profile, in the order in which they are assumed.
fn caller_roles(settings: &Settings) -> Vec<Arn> {
    let uses_web_identity =
        settings.uses_profile() && (settings.profile_has_keys || settings.web_identity_file.is_some());
    let web_identity = settings.web_identity_role.clone().filter(|_| uses_web_identity);
    // STS refuses a text that is no ARN.
    web_identity.into_iter().chain(settings.profile_roles.iter().filter_map(|role| Arn::parse(&role.arn))).collect()
}
