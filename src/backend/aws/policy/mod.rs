//! The least-privilege IAM policy of a launch. It is derived from the requests that the launch
//! would make. No request is sent for it.
//!
//! A launch works with exactly this policy, and fails without any one of its unconditional
//! statements. The order of statements and resources is fixed, so that a policy can be compared
//! with an earlier one.

mod statements;

use std::collections::BTreeSet;

use super::config::{RoleChain, Settings};
use super::metadata::is_described;
use crate::model::problem::Problem;
use crate::model::reference::{Arn, Locator, Role, Store};
use statements::{IamAction, Permissions, Statements};

/// The options of `policy`.
#[derive(Debug)]
pub struct PolicyOptions {
    /// True with `--agent`. The AWS Secrets Manager Agent then makes the requests, and it also
    /// calls DescribeSecret, to find new versions.
    pub is_for_agent: bool,
    /// The account for secrets that are named without one. `None` stands for any account.
    pub account: Option<String>,
    /// The role whose policy is printed. It is `None` for the policy of the caller.
    pub for_role: Option<Role>,
    pub kms_keys: Vec<Arn>,
    /// True if the policy also allows the requests of `check --describe`.
    pub describe: bool,
    /// True if the policy allows only the requests of `check --metadata`.
    pub metadata: bool,
}

/// A policy, and the warnings and notes for the person who attaches it.
pub struct Policy {
    /// The policy as JSON, with a line feed at its end.
    pub text: String,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
}

/// Returns the policy of the caller, or of the role that `options` name. `settings` must include
/// the profile's settings, and `chain` is the profile's role chain.
///
/// # Errors
/// When the launch does not assume the role that `options` name.
pub fn policy(
    settings: &Settings,
    chain: Option<&RoleChain>,
    locators: &BTreeSet<&Locator>,
    options: &PolicyOptions,
) -> Result<Policy, Problem> {
    let with_defaults = |locator: &&Locator| settings.with_defaults(locator);
    let requests = BTreeSet::from_iter(locators.iter().map(with_defaults));
    let role = PolicyRole::for_options(settings.caller_roles(chain), &requests, options)?;
    let readable = requests.iter().filter(|request| role.reads(request));
    let read: Vec<&Locator> = readable.collect();

    let statements = statements(settings, &role, &read, options);
    let policy = statements.policy(&options.kms_keys);
    Ok(Policy {
        text: format!("{policy:#}\n"),
        warnings: warnings(&read, options),
        notes: notes(&role, &read, options),
    })
}

/// The identity whose policy is printed.
struct PolicyRole<'a> {
    /// The role that `--for-role` names. It is `None` for the caller.
    named: Option<&'a Arn>,
    /// True if this is the caller, who makes the requests without a role. `--for-role` may name the
    /// caller's own role.
    is_caller: bool,
    /// The roles that this identity assumes.
    assumed: BTreeSet<Arn>,
}

impl<'a> PolicyRole<'a> {
    /// Returns the identity whose policy is printed: the role of `--for-role`, or the caller.
    ///
    /// `chain` has the roles that a web identity or a profile assumes, one after the other, to get
    /// the credentials of the launch. The last one is the role of the caller.
    ///
    /// # Errors
    /// When the launch does not assume the role that `options` name.
    fn for_options(
        chain: Vec<Arn>,
        requests: &BTreeSet<Locator>,
        options: &'a PolicyOptions,
    ) -> Result<Self, Problem> {
        let roles = requests.iter().filter_map(|request| request.role.as_ref());
        let requested: BTreeSet<Arn> = roles.map(|role| role.arn.clone()).collect();
        let named = options.for_role.as_ref().map(|role| &role.arn);
        if let Some(role) = named
            && !requested.contains(role)
            && !chain.contains(role)
        {
            return Err(unknown_role(role, requested.iter().chain(&chain)));
        }

        let is_caller = named.is_none() || chain.last() == named;
        let mut assumed = BTreeSet::new();
        for step in chain.windows(2) {
            if named == Some(&step[0]) {
                assumed.insert(step[1].clone());
            }
        }
        if is_caller {
            assumed.extend(requested);
        }
        Ok(Self {
            named,
            is_caller,
            assumed,
        })
    }

    /// True if the identity makes the request, because the request needs the identity's
    /// credentials.
    fn reads(&self, request: &Locator) -> bool {
        match &request.role {
            Some(role) => self.named == Some(&role.arn),
            None => self.is_caller,
        }
    }
}

/// Returns the error for a role that the launch does not assume. `roles` are the roles that it
/// assumes.
fn unknown_role<'a>(role: &Arn, roles: impl Iterator<Item = &'a Arn>) -> Problem {
    let names: BTreeSet<String> = roles.map(Arn::to_string).collect();
    let what = if names.is_empty() {
        "to read with this role, add --role-arn".to_owned()
    } else {
        format!("the launch assumes {}", Vec::from_iter(names).join(", "))
    };
    let text = format!("the launch doesn't assume the role {role} that --for-role names");
    let help = format!("{what}; to print the policy of the caller, leave out --for-role");
    Problem::usage(text).help(help)
}

/// Returns the statements that allow the requests in `read`, and those that allow `role` to assume
/// further roles.
fn statements(
    settings: &Settings,
    role: &PolicyRole<'_>,
    read: &[&Locator],
    options: &PolicyOptions,
) -> Statements {
    // A secret without an account is in the account of the role that reads it.
    let named_account = role.named.and_then(Arn::account);
    let account = named_account.or(options.account.as_deref());
    let permissions = Permissions {
        reads_values: !options.metadata,
        describes_secrets: options.describe || options.is_for_agent || options.metadata,
    };

    let mut statements = Statements::new(account, permissions);
    for request in read.iter().filter(|request| is_sent(request, options)) {
        let Some(region) = &request.region else {
            // A statement for any region includes the fallback regions.
            statements.add_reading(request, None);
            continue;
        };
        let mut regions = settings.regions(region);
        if options.metadata {
            // Only a launch asks the fallback regions.
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

/// True if the policy has to allow this request: always for a launch, and with `--metadata` only if
/// `check --metadata` sends it.
fn is_sent(request: &Locator, options: &PolicyOptions) -> bool {
    !options.metadata || request.store == Store::SecretsManager || is_described(request)
}

/// Returns the warnings about the policy for `requests`.
fn warnings(requests: &[&Locator], options: &PolicyOptions) -> Vec<String> {
    let mut warnings = Vec::new();
    let allows_any_region = requests
        .iter()
        .any(|request| request.region.is_none() && is_sent(request, options));
    if allows_any_region {
        let text = "the policy allows every region (`*`), because no region is set; to restrict it, set --region or AWS_REGION";
        warnings.push(text.to_owned());
    }
    if options.is_for_agent {
        let text = "with --agent, the Secrets Manager Agent sends the requests, so its role needs this policy (with --agent-fallback, so does the caller)";
        warnings.push(text.to_owned());
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
