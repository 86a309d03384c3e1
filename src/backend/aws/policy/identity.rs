//! The identity whose policy is wanted, and its part of the requests.

use std::collections::BTreeSet;

use super::notice::PolicyNotice;
use crate::backend::aws::config::Settings;
use crate::model::reference::{Arn, Locator, Role};

/// A role that the launch does not assume, and those that it does.
#[derive(Debug)]
pub struct UnknownRole {
    pub role: Arn,
    pub known: Vec<String>,
}

/// The caller, whose credentials the launch finds, or a role that is assumed.
///
/// The roles of a profile are assumed to find the credentials, so the last of them is the caller.
pub struct Identity {
    is_caller: bool,
    /// `None` for the caller.
    role: Option<Arn>,
    assumed: BTreeSet<String>,
    /// The roles of the profile, in the order in which they are assumed.
    profile_roles: Vec<String>,
}

impl Identity {
    /// Selects the caller, or else `role`.
    ///
    /// # Errors
    /// When no locator is read with `role`, and the profile does not assume it.
    pub fn new(settings: &Settings, locators: &BTreeSet<&Locator>, role: Option<&Role>) -> Result<Self, UnknownRole> {
        let roles = locators.iter().filter_map(|locator| settings.role_of(locator));
        let roles: BTreeSet<String> = roles.map(|role| role.arn.to_string()).collect();
        let chain: Vec<String> = settings.profile_roles.iter().map(|role| role.arn.clone()).collect();
        let role = role.map(|role| role.arn.clone());
        let name = role.as_ref().map(Arn::to_string);
        let is_caller = name.is_none() || name.as_ref() == chain.last();
        if let Some((role, name)) = role.as_ref().zip(name.as_ref())
            && !roles.contains(name)
            && !chain.contains(name)
        {
            let known = roles.iter().chain(&chain).cloned().collect::<BTreeSet<_>>();
            return Err(UnknownRole { role: role.clone(), known: known.into_iter().collect() });
        }
        let next = chain.windows(2).filter(|pair| pair.first() == name.as_ref()).filter_map(|pair| pair.last());
        let mut assumed: BTreeSet<String> = next.cloned().collect();
        if is_caller {
            assumed.extend(roles);
        }
        Ok(Self { is_caller, role, assumed, profile_roles: chain })
    }

    /// True if it reads the locators of `role`, or without a role those of the caller.
    pub fn reads(&self, role: Option<&Role>) -> bool {
        role.map_or(self.is_caller, |role| self.role.as_ref() == Some(&role.arn))
    }

    /// The role, unless it is the caller.
    pub fn role(&self) -> Option<&Arn> {
        self.role.as_ref()
    }

    /// The roles that it assumes.
    pub fn assumed(&self) -> impl Iterator<Item = &String> {
        self.assumed.iter()
    }

    /// The other policies that the launch needs.
    pub fn notices(&self) -> Vec<PolicyNotice> {
        if self.role.is_some() {
            return Vec::new();
        }
        let profile = (!self.profile_roles.is_empty()).then(|| PolicyNotice::ProfileRoles(self.profile_roles.clone()));
        let roles = self.assumed.iter().cloned().map(PolicyNotice::OtherRole);
        profile.into_iter().chain(roles).collect()
    }
}
