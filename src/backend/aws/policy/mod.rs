//! The least-privilege IAM policy of a launch, derived from the requests that it makes, without any request.

mod statements;

use std::collections::BTreeSet;

use super::config::{RoleChain, Settings};
use super::metadata::is_described;
use crate::model::problem::Problem;
use crate::model::reference::{Arn, Locator, Role, Store};
use statements::{IamAction, Statements};

/// The quota for a managed policy, in characters without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_CHARACTERS: usize = 6_144;

/// The policy that is asked for.
#[derive(Debug)]
pub struct PolicyOptions {
    /// True with `--agent`: the AWS Secrets Manager Agent, which looks for new versions by DescribeSecret, makes the requests.
    pub is_for_agent: bool,
    /// The account of secrets that are named without one; `None` for any.
    pub account: Option<String>,
    /// The role whose policy is printed; `None` for the caller's.
    pub for_role: Option<Role>,
    pub kms_keys: Vec<Arn>,
    /// Adds the requests of `check --describe`.
    pub describe: bool,
    /// The requests of `check --metadata` alone.
    pub metadata: bool,
}

/// A notice about a policy, for the person who attaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyNotice {
    Warning(String),
    Note(String),
}

/// Returns the policy of the caller, or of the role that `options` name, as JSON with a line feed at its end, and the notices about it.
/// `settings` include the profile's, and `chain` is the way to its credentials.
///
/// # Errors
/// When no locator is read with that role, and no credentials are found by assuming it.
pub fn policy(
    settings: &Settings,
    chain: Option<&RoleChain>,
    locators: &BTreeSet<&Locator>,
    options: &PolicyOptions,
) -> Result<(String, Vec<PolicyNotice>), Problem> {
    let requests: BTreeSet<_> = locators
        .iter()
        .map(|locator| settings.complete(locator))
        .collect();
    let of_requests: BTreeSet<Arn> = requests
        .iter()
        .filter_map(|request| Some(request.role.as_ref()?.arn.clone()))
        .collect();
    // A web identity and a profile assume roles in turn to find the credentials. The last role is the caller.
    let chain = settings.caller_roles(chain);
    let named = options.for_role.as_ref().map(|role| &role.arn);
    if let Some(role) = named.filter(|role| !of_requests.contains(role) && !chain.contains(role)) {
        let roles: BTreeSet<String> = of_requests
            .iter()
            .chain(&chain)
            .map(Arn::to_string)
            .collect();
        let roles = Vec::from_iter(roles).join(", ");
        let text = format!(
            "--for-role: the launch does not assume {role}: no reference, --role-arn, profile or AWS_ROLE_ARN names it"
        );
        let what = if roles.is_empty() {
            "it assumes no role".to_owned()
        } else {
            format!("the roles are {roles}")
        };
        return Err(Problem::usage(text).help(format!(
            "{what}; leave --for-role out for the caller's policy"
        )));
    }
    let is_caller = named.is_none() || chain.last() == named;
    let steps = chain
        .iter()
        .zip(chain.iter().skip(1))
        .filter(|(from, _)| Some(*from) == named);
    let mut assumed: BTreeSet<&Arn> = steps.map(|(_, to)| to).collect();
    if is_caller {
        assumed.extend(&of_requests);
    }
    // A named role reads names in its own account.
    let mut statements = Statements::new(
        named
            .and_then(|role| role.account())
            .or(options.account.as_deref()),
    );
    let mut is_any_region = false;
    let is_read = |request: &&Locator| {
        request
            .role
            .as_ref()
            .map_or(is_caller, |role| Some(&role.arn) == named)
    };
    let is_asked = |request: &&Locator| {
        !options.metadata || request.store == Store::SecretsManager || is_described(request)
    };
    for request in requests.iter().filter(is_read).filter(is_asked) {
        match &request.region {
            Some(region) => {
                // Only a launch reads from the fallback regions.
                let mut regions = settings.regions(region);
                regions.truncate(if options.metadata { 1 } else { regions.len() });
                regions
                    .iter()
                    .for_each(|region| statements.add_reading(request, Some(region)));
            }
            // Any region includes the fallback regions.
            None => {
                statements.add_reading(request, None);
                is_any_region = true;
            }
        }
    }
    if options.describe || options.is_for_agent || options.metadata {
        statements.add_describing();
    }
    if options.metadata {
        statements.leave_reading_out();
    }
    for role in &assumed {
        statements.add(IamAction::AssumeRole, (*role).clone());
    }
    let policy = statements.policy(&options.kms_keys);
    let mut notices = Vec::new();
    let mut warn = |text: &str| notices.push(PolicyNotice::Warning(text.to_owned()));
    if is_any_region {
        warn(
            "no region is known, so the policy allows any (`*`); name it by --region, AWS_REGION or a profile",
        );
    }
    if options.is_for_agent {
        warn(
            "with --agent the requests are the agent's: its role needs this policy, and with --agent-fallback the caller as well",
        );
    }
    let characters = policy.to_string().chars().count();
    if characters > MAX_CHARACTERS {
        warn(&format!(
            "the policy has {characters} characters, and a managed policy at most 6,144; a role's inline policies may have 10,240, \
             or split the statements over several policies"
        ));
    }
    if statements.is_empty() {
        warn("no permission is needed, so the policy has no statement, which IAM does not accept");
    }
    if named.is_none() {
        let of_role =
            |role| PolicyNotice::Note(format!("--for-role {role} prints the policy of that role"));
        notices.extend(assumed.into_iter().map(of_role));
    }
    if options.kms_keys.is_empty()
        && !options.metadata
        && requests.iter().any(|request| is_read(&request))
    {
        notices.push(PolicyNotice::Note(
            "customer managed keys need kms:Decrypt (--kms-key ARN)".to_owned(),
        ));
    }
    Ok((format!("{policy:#}\n"), notices))
}
