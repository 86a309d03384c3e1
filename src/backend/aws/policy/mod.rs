//! The least-privilege IAM policy of a launch, derived from the requests that it makes, without any request.

mod statements;

use std::collections::BTreeSet;

use super::config::{RoleChain, Settings};
use super::metadata::is_described;
use crate::model::problem::Problem;
use crate::model::reference::{Arn, Locator, Role, Store};
use statements::{IamAction, Permissions, Statements};

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

/// A policy, and what the person who attaches it should know.
pub struct Policy {
    /// JSON with a line feed at its end.
    pub text: String,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
}

/// Returns the policy of the caller, or of the role that `options` name. `settings` include the profile's, and `chain` is the way to its
/// credentials.
///
/// # Errors
/// When no locator is read with that role, and no credentials are found by assuming it.
pub fn policy(
    settings: &Settings,
    chain: Option<&RoleChain>,
    locators: &BTreeSet<&Locator>,
    options: &PolicyOptions,
) -> Result<Policy, Problem> {
    let requests: BTreeSet<Locator> = locators
        .iter()
        .map(|locator| settings.with_defaults(locator))
        .collect();
    let role = PolicyRole::find(settings.caller_roles(chain), &requests, options)?;
    let read: Vec<&Locator> = requests
        .iter()
        .filter(|request| role.reads(request))
        .collect();

    let statements = statements(settings, &role, &read, options);
    let policy = statements.policy(&options.kms_keys);
    let length = policy.to_string().chars().count();
    Ok(Policy {
        text: format!("{policy:#}\n"),
        warnings: warnings(&read, options, length, statements.is_empty()),
        notes: notes(&role, &read, options),
    })
}

/// The identity whose policy is printed.
struct PolicyRole<'a> {
    /// The role that `--for-role` names; `None` for the caller.
    named: Option<&'a Arn>,
    /// True for the caller, also if `--for-role` names its role: it makes the requests that name no role.
    is_caller: bool,
    /// The roles that it assumes.
    assumed: BTreeSet<Arn>,
}

impl<'a> PolicyRole<'a> {
    /// Looks for the role of `options` among those that a launch assumes. A web identity and a profile assume the roles of `chain` in turn to
    /// find the credentials. The last of them is the caller.
    ///
    /// # Errors
    /// When the launch does not assume the role.
    fn find(
        chain: Vec<Arn>,
        requests: &BTreeSet<Locator>,
        options: &'a PolicyOptions,
    ) -> Result<Self, Problem> {
        let of_requests: BTreeSet<Arn> = requests
            .iter()
            .filter_map(|request| Some(request.role.as_ref()?.arn.clone()))
            .collect();
        let named = options.for_role.as_ref().map(|role| &role.arn);
        if let Some(role) = named
            && !of_requests.contains(role)
            && !chain.contains(role)
        {
            return Err(unknown_role(role, of_requests.iter().chain(&chain)));
        }

        let is_caller = named.is_none() || chain.last() == named;
        let mut assumed = BTreeSet::new();
        for step in chain.windows(2) {
            if named == Some(&step[0]) {
                assumed.insert(step[1].clone());
            }
        }
        if is_caller {
            assumed.extend(of_requests);
        }
        Ok(Self {
            named,
            is_caller,
            assumed,
        })
    }

    /// True if the identity makes the request.
    fn reads(&self, request: &Locator) -> bool {
        match &request.role {
            Some(role) => self.named == Some(&role.arn),
            None => self.is_caller,
        }
    }
}

/// Returns the error of a role that the launch does not assume. `roles` are those that it assumes.
fn unknown_role<'a>(role: &Arn, roles: impl Iterator<Item = &'a Arn>) -> Problem {
    let roles: BTreeSet<String> = roles.map(Arn::to_string).collect();
    let what = if roles.is_empty() {
        "the launch doesn't assume any role".to_owned()
    } else {
        format!("the launch assumes {}", Vec::from_iter(roles).join(", "))
    };
    let text = format!("the launch doesn't assume the role {role} that --for-role names");
    Problem::usage(text).help(format!(
        "{what}; to print the policy of the caller, leave out --for-role"
    ))
}

/// Returns the statements that allow the requests in `read`, and the roles to be assumed.
fn statements(
    settings: &Settings,
    role: &PolicyRole<'_>,
    read: &[&Locator],
    options: &PolicyOptions,
) -> Statements {
    // A named role reads names in its own account.
    let account = role
        .named
        .and_then(Arn::account)
        .or(options.account.as_deref());
    let permissions = Permissions {
        reads_values: !options.metadata,
        describes_secrets: options.describe || options.is_for_agent || options.metadata,
    };
    let mut statements = Statements::new(account, permissions);
    for request in read.iter().filter(|request| is_asked(request, options)) {
        let Some(region) = &request.region else {
            // Any region includes the fallback regions.
            statements.add_reading(request, None);
            continue;
        };
        let mut regions = settings.regions(region);
        if options.metadata {
            // Only a launch reads from the fallback regions.
            regions.truncate(1);
        }
        for region in &regions {
            statements.add_reading(request, Some(region));
        }
    }
    for assumed in &role.assumed {
        statements.add(IamAction::AssumeRole, assumed.clone());
    }
    statements
}

/// True unless the policy is that of `check --metadata`, which does not ask about the request.
fn is_asked(request: &Locator, options: &PolicyOptions) -> bool {
    !options.metadata || request.store == Store::SecretsManager || is_described(request)
}

/// Returns the warnings about a policy of `length` characters.
fn warnings(
    read: &[&Locator],
    options: &PolicyOptions,
    length: usize,
    is_empty: bool,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |text: &str| warnings.push(text.to_owned());
    let is_any_region = read
        .iter()
        .any(|request| request.region.is_none() && is_asked(request, options));
    if is_any_region {
        warn(
            "the policy allows every region (`*`), because no region is set; to restrict it, set --region, AWS_REGION or a profile",
        );
    }
    if options.is_for_agent {
        warn(
            "with --agent, the Secrets Manager Agent sends the requests, so its role needs this policy (with --agent-fallback, so does the caller)",
        );
    }
    if length > MAX_CHARACTERS {
        warn(&format!(
            "the policy has {length} characters, but a managed policy can have at most 6,144: use an inline policy of the role (up to \
             10,240), or split the statements into several policies"
        ));
    }
    if is_empty {
        warn(
            "the launch needs no permissions, so the policy has no statements, and IAM doesn't accept such a policy",
        );
    }
    warnings
}

/// Returns the notes about a policy.
fn notes(role: &PolicyRole<'_>, read: &[&Locator], options: &PolicyOptions) -> Vec<String> {
    let mut notes = Vec::new();
    if role.named.is_none() {
        for assumed in &role.assumed {
            notes.push(format!(
                "the role {assumed} needs a policy of its own, which --for-role {assumed} prints"
            ));
        }
    }
    if options.kms_keys.is_empty() && !options.metadata && !read.is_empty() {
        notes.push("if a secret is encrypted with a customer managed key, add --kms-key ARN to allow kms:Decrypt".to_owned());
    }
    notes
}
