//! The least-privilege IAM policy of a launch, derived from the requests that it makes, without any request.
//!
//! - `identity`: the caller or a role, the locators that it reads and the roles that it assumes.
//! - `statements`: the resources of each action, as JSON.

mod identity;
mod statements;

pub use identity::UnknownRole;

use std::collections::BTreeSet;

use super::config::Settings;
use crate::model::options::PolicyOptions;
use crate::model::reference::{Arn, Locator};
use identity::Identity;
use statements::{Action, Statements};

/// The quota for a managed policy, in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_CHARACTERS: usize = 6_144;

/// The client whose requests need the permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// secrets-exec itself.
    Launch,
    /// The AWS Secrets Manager Agent, which looks for new versions by DescribeSecret.
    Agent,
}

/// A notice about a policy, for the person who attaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyNotice {
    /// No region is known without a request, so the policy names any.
    AnyRegion,
    /// A role that the caller assumes; `None` for the agent's role, whose policy this is.
    OtherIdentity(Option<Arn>),
    /// More than [`MAX_CHARACTERS`].
    TooLong { characters: usize },
    /// No request needs a permission.
    Empty,
}

/// Returns the policy as JSON with a line feed at its end, and the notices about it. `settings` include the profile's.
///
/// # Errors
/// When the role whose policy is wanted is not used.
pub fn policy(
    settings: &Settings,
    locators: &BTreeSet<&Locator>,
    reader: Reader,
    options: &PolicyOptions,
) -> Result<(String, Vec<PolicyNotice>), UnknownRole> {
    let identity = Identity::new(settings, locators, options.for_role.as_ref())?;
    let mut statements = Statements::new(identity.account().or(options.account.as_deref()));
    let mut is_any_region = false;
    for locator in locators.iter().copied().filter(|locator| identity.reads(settings.role_of(locator))) {
        match locator.region.as_ref().or(settings.region.as_ref()) {
            Some(region) => {
                settings.regions(region).iter().for_each(|region| statements.add_reading(locator, Some(region)));
            }
            // Any region includes the fallback regions.
            None => {
                statements.add_reading(locator, None);
                is_any_region = true;
            }
        }
    }
    if options.describe || reader == Reader::Agent {
        statements.add_describing();
    }
    for role in identity.assumed() {
        statements.add(Action::AssumeRole, role.clone());
    }
    let policy = statements.policy(&options.kms_keys);
    let mut notices = Vec::new();
    if is_any_region {
        notices.push(PolicyNotice::AnyRegion);
    }
    if reader == Reader::Agent {
        notices.push(PolicyNotice::OtherIdentity(None));
    }
    if !identity.is_named() {
        notices.extend(identity.assumed().cloned().map(|role| PolicyNotice::OtherIdentity(Some(role))));
    }
    let characters = policy.to_string().chars().count();
    if characters > MAX_CHARACTERS {
        notices.push(PolicyNotice::TooLong { characters });
    }
    if statements.is_empty() {
        notices.push(PolicyNotice::Empty);
    }
    Ok((format!("{policy:#}\n"), notices))
}
