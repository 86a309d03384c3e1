//! The identity whose policy is wanted, and its part of the requests.

use std::collections::BTreeSet;

use super::notice::PolicyNotice;
use super::reader::Reader;
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
    /// The role of the web identity, which no identity needs a permission to assume.
    web_identity: Option<Arn>,
    /// The roles of the profile, in the order in which they are assumed.
    profile_roles: Vec<Arn>,
}

impl Identity {
    /// Selects the caller, or else `named`.
    ///
    /// # Errors
    /// When no locator is read with `named`, and no credentials are found by assuming it.
    pub fn new(
        settings: &Settings,
        locators: &BTreeSet<&Locator>,
        reader: Reader,
        named: Option<&Role>,
    ) -> Result<Self, UnknownRole> {
        let (web_identity, profile_roles) = match reader {
            // The agent finds its own credentials.
            Reader::Agent { has_fallback: false } => (None, Vec::new()),
            Reader::Launch | Reader::Agent { has_fallback: true } => caller_roles(settings),
        };
        let of_locators = locators.iter().filter_map(|locator| settings.role_of(locator));
        let of_locators: BTreeSet<Arn> = of_locators.map(|role| role.arn.clone()).collect();
        let chain: Vec<&Arn> = web_identity.iter().chain(&profile_roles).collect();
        let named = named.map(|role| &role.arn);
        if let Some(role) = named
            && !of_locators.contains(role)
            && !chain.contains(&role)
        {
            let known = of_locators.iter().chain(chain).cloned().collect();
            return Err(UnknownRole { role: role.clone(), known });
        }
        let is_caller = named.is_none() || named == chain.last().copied();
        let steps = chain.windows(2).filter_map(|step| Some((*step.first()?, *step.last()?)));
        let next = steps.filter(|(role, _)| named == Some(*role)).map(|(_, next)| next.clone());
        let assumed = if is_caller { next.chain(of_locators).collect() } else { next.collect() };
        let named = named.cloned();
        Ok(Self { is_caller, named, assumed, web_identity, profile_roles })
    }

    /// True if it reads the locators of `role`, or without a role those of the caller.
    pub fn reads(&self, role: Option<&Role>) -> bool {
        role.map_or(self.is_caller, |role| self.named.as_ref() == Some(&role.arn))
    }

    /// True if `--for-role` names it.
    pub fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// Its role; `None` for a caller with other credentials than a role's, or with those of a role that is not known.
    pub fn role(&self) -> Option<&Arn> {
        self.named.as_ref().or(self.profile_roles.last()).or(self.web_identity.as_ref())
    }

    /// The roles that it assumes.
    pub fn assumed(&self) -> impl Iterator<Item = &Arn> {
        self.assumed.iter()
    }

    /// The caller's role, and the other policies that the launch needs. With another account than its role's, it is not the caller's policy.
    pub fn notices(&self, account: Option<&str>) -> Vec<PolicyNotice> {
        if self.is_named() {
            return Vec::new();
        }
        let (web_identity, profile_roles) = (self.web_identity.clone(), self.profile_roles.clone());
        let role = self.role().filter(|role| account.is_none_or(|account| role.account() == Some(account)));
        let caller = role.map(|_| PolicyNotice::CallerRoles { web_identity, profile_roles });
        let roles = self.assumed.iter().cloned().map(PolicyNotice::OtherRole);
        caller.into_iter().chain(roles).collect()
    }
}

/// Returns the role of the web identity and those of the profile. STS refuses a text that is no ARN.
fn caller_roles(settings: &Settings) -> (Option<Arn>, Vec<Arn>) {
    let uses_web_identity =
        settings.uses_profile() && (settings.profile_has_keys || settings.web_identity_file.is_some());
    let web_identity = settings.web_identity_role.clone().filter(|_| uses_web_identity);
    (web_identity, settings.profile_roles.iter().filter_map(|role| Arn::parse(&role.arn)).collect())
}
