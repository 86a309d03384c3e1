//! The least-privilege IAM policy for a launch. It is derived from the requests that the launch
//! would make, without sending any.
//!
//! A launch works with exactly this policy. The launch needs every statement, except perhaps the
//! one for the keys of `--kms-key`. The order of statements and resources is fixed, so that a
//! policy can be compared with an earlier one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::config::{RoleChain, Settings};
use super::endpoints::{Api, aws_host};
use super::parameter_store::{bare_name, referenced_secret};
use crate::model::problem::Problem;
use crate::model::record::Record;
use crate::model::reference::{Arn, Locator, Region, Role, Store};

/// A policy, and the warnings and notes for the person who attaches it.
pub struct Policy {
    pub text: String,
    pub notices: Vec<Record>,
}

/// The choices of the user that decide what the policy allows.
pub struct PolicyRequest<'a> {
    /// The account of the secrets that aren't given as ARNs.
    pub account: Option<&'a str>,
    /// The role whose policy is wanted, instead of the caller's.
    pub for_role: Option<&'a Role>,
    pub kms_keys: &'a [Arn],
    /// True for the requests of `check --metadata`.
    pub metadata: bool,
    /// True for the AWS Secrets Manager Agent, instead of the caller.
    pub is_for_agent: bool,
}

/// Derives the policy for the caller, for the role that `options` names, or for the AWS Secrets
/// Manager Agent. `settings` must include the profile's settings.
///
/// # Errors
/// If the launch does not assume the role that `options` names.
pub fn policy(
    settings: &Settings,
    chain: Option<&RoleChain>,
    locators: &BTreeSet<&Locator>,
    options: &PolicyRequest<'_>,
) -> Result<Policy, Problem> {
    let located: BTreeSet<Locator> = locators
        .iter()
        .map(|locator| settings.with_defaults(locator))
        .collect();
    let owner = PolicyOwner {
        is_agent: options.is_for_agent,
        ..PolicyOwner::for_options(settings.caller_roles(chain), &located, options)?
    };

    let mut own_locators = Vec::new();
    for locator in &located {
        // `check --metadata` doesn't ask for parameters.
        let is_requested = !options.metadata || locator.store == Store::SecretsManager;
        if owner.reads(locator) && is_requested {
            own_locators.push(locator);
        }
    }

    let policy = statements(settings, &owner, &own_locators, options).to_json(options.kms_keys);
    Ok(Policy {
        text: format!("{policy:#}\n"),
        notices: notices(&owner, &own_locators, options),
    })
}

/// The identity whose policy is printed.
struct PolicyOwner<'a> {
    /// The role that `--for-role` names.
    named: Option<&'a Arn>,
    /// True if this identity is the caller, which reads the locators that have no role. With
    /// `--for-role`, this is also true if the option names the caller's own role.
    is_caller: bool,
    /// True for the agent, which also calls DescribeSecret, to find new versions.
    is_agent: bool,
    assumed: BTreeSet<Arn>,
}

impl<'a> PolicyOwner<'a> {
    /// The role of `--for-role` or, without this option, the caller.
    ///
    /// `chain` has the roles that are assumed, one after the other, to get the credentials of the
    /// launch. The last one is the role of the caller.
    fn for_options(
        chain: Vec<Arn>,
        located: &BTreeSet<Locator>,
        options: &'a PolicyRequest<'a>,
    ) -> Result<Self, Problem> {
        let requested: BTreeSet<Arn> = located
            .iter()
            .filter_map(|locator| locator.role.as_ref())
            .map(|role| role.arn.clone())
            .collect();
        let named = options.for_role.map(|role| &role.arn);
        if let Some(role) = named
            && !requested.contains(role)
            && !chain.contains(role)
        {
            return Err(unknown_role(role, requested.iter().chain(&chain)));
        }

        let is_caller = named.is_none() || chain.last() == named;
        // The roles that this identity assumes. The caller assumes the roles that entries are read
        // with, and a role of the profile's chain assumes the next role in the chain.
        let mut assumed = if is_caller { requested } else { [].into() };
        for (role, next_role) in chain.iter().zip(chain.iter().skip(1)) {
            if named == Some(role) {
                assumed.insert(next_role.clone());
            }
        }
        Ok(Self {
            named,
            is_caller,
            is_agent: false,
            assumed,
        })
    }

    /// True if the request for the locator is signed with this identity's credentials.
    fn reads(&self, located: &Locator) -> bool {
        match &located.role {
            Some(role) => self.named == Some(&role.arn),
            None => self.is_caller,
        }
    }
}

/// The error for a `role` of `--for-role` that the launch doesn't assume. The help names `roles`,
/// which the launch does assume.
fn unknown_role<'a>(role: &Arn, roles: impl Iterator<Item = &'a Arn>) -> Problem {
    let names: BTreeSet<String> = roles.map(Arn::to_string).collect();
    let advice = if names.is_empty() {
        "add --role-arn to read with this role".to_owned()
    } else {
        format!("use --for-role {}", Vec::from_iter(names).join(" or "))
    };
    let text = format!("the launch doesn't assume the role {role} that --for-role names");
    let help = format!("{advice} or, to print the caller's policy, remove --for-role");
    Problem::usage(text).help(help)
}

/// Collects the statements that allow reading `locators`, and those that allow `owner` to assume
/// further roles.
fn statements<'a>(
    settings: &Settings,
    owner: &PolicyOwner<'a>,
    locators: &[&Locator],
    options: &'a PolicyRequest<'a>,
) -> Statements<'a> {
    // A secret whose id has no account is in the account of the role that reads it.
    let account = owner
        .named
        .and_then(Arn::account)
        .or(options.account)
        .unwrap_or(ANY);
    let mut statements = Statements {
        options,
        is_for_agent: owner.is_agent,
        account,
        resources: BTreeMap::new(),
        decrypting: BTreeSet::new(),
    };
    for locator in locators {
        let Some(region) = &locator.region else {
            // Without a region, the statement allows every region, which includes the fallback
            // regions.
            statements.add_reading(locator, None);
            continue;
        };
        let mut regions = settings.regions(region);
        if options.metadata {
            // `check --metadata` doesn't ask the fallback regions.
            regions.truncate(1);
        }
        for region in &regions {
            statements.add_reading(locator, Some(region));
        }
    }
    for assumed in &owner.assumed {
        statements.add(ASSUME_ROLE, assumed.clone());
    }
    statements
}

/// Warns if the policy is wider than it could be, or isn't for the caller. The notes are about what
/// the policy doesn't cover: the policies of the roles that its owner assumes, and decryption with a
/// customer managed key. A note also says if the policy is empty.
fn notices(
    owner: &PolicyOwner<'_>,
    locators: &[&Locator],
    options: &PolicyRequest<'_>,
) -> Vec<Record> {
    let mut notices = Vec::new();
    if locators.iter().any(|locator| locator.region.is_none()) {
        notices.push(Record::warning("the policy allows every region (`*`), because no region is set; to restrict it, set --region or AWS_REGION"));
    }
    if owner.is_agent {
        notices.push(Record::warning("the Secrets Manager Agent sends the requests of this launch, so its role needs this policy"));
    }
    // With `--for-role`, nobody needs this note: someone who uses the option has already read it.
    if owner.named.is_none() {
        for assumed in &owner.assumed {
            let why = format!("needs a policy of its own, which --for-role {assumed} prints");
            notices.push(Record::note(format!("the role {assumed} {why}")));
        }
    }
    if options.metadata && locators.is_empty() {
        notices.push(Record::note(
            "check --metadata sends no request, because it asks only for secrets",
        ));
    }
    if options.kms_keys.is_empty() && !options.metadata && !locators.is_empty() {
        notices.push(Record::note("if a secret is encrypted with a customer managed key, add --kms-key ARN to allow kms:Decrypt"));
    }
    notices
}

/// The wildcard for a region or an account. It also matches an empty field.
const ANY: &str = "*";

/// An IAM action: the position of its statement in the policy, the id of this statement (Sid), and
/// the name of the action. In a Sid, AWS allows only letters and digits.
type IamAction = (u8, &'static str, &'static str);

const GET_SECRET: IamAction = (0, "ReadSecrets", "secretsmanager:GetSecretValue");
const DESCRIBE_SECRET: IamAction = (1, "DescribeSecrets", "secretsmanager:DescribeSecret");
const GET_PARAMETERS: IamAction = (2, "ReadParameters", "ssm:GetParameters");
const GET_BY_PATH: IamAction = (3, "ReadParametersByPath", "ssm:GetParametersByPath");
const ASSUME_ROLE: IamAction = (4, "AssumeRoles", "sts:AssumeRole");

/// The parts from which the statements of a policy are made.
struct Statements<'a> {
    options: &'a PolicyRequest<'a>,
    is_for_agent: bool,
    /// The account of resources that aren't given as ARNs.
    account: &'a str,
    resources: BTreeMap<IamAction, BTreeSet<Arn>>,
    /// The services that decrypt values, each with the region of the values. `None` means any
    /// region.
    decrypting: BTreeSet<(Store, Option<Region>)>,
}

impl Statements<'_> {
    fn add(&mut self, action: IamAction, resource: Arn) {
        self.resources.entry(action).or_default().insert(resource);
    }

    /// Adds the permission to read or describe what a locator names, in one region or, without
    /// `region`, in every region. The permission is for all versions, because an ARN doesn't name a
    /// version. Also records the service that decrypts the value, for the condition of
    /// `kms:Decrypt`.
    fn add_reading(&mut self, locator: &Locator, region: Option<&Region>) {
        let named_arn = locator.id.arn();
        // Without a region, the policy is for the commercial partition.
        let default_partition = region.map_or("aws", Region::partition_name);
        let partition = named_arn.map_or(default_partition, Arn::partition);
        let account = if is_public(locator) {
            // The account in the ARN of a public parameter is empty, which `ANY` also matches.
            ANY
        } else {
            named_arn.and_then(Arn::account).unwrap_or(self.account)
        };

        let region_or_any = region.map_or(ANY, Region::as_str);
        for (action, store, resource) in self.needed_actions(locator) {
            let service = store.service();
            let arn = Arn::new([partition, service, region_or_any, account, &resource]);
            self.add(action, arn);
        }

        if !self.options.metadata && !is_public(locator) {
            // For a parameter such as /aws/reference/secretsmanager/prod/db, Secrets Manager
            // decrypts the value.
            let decrypting = match referenced_secret(locator.id.name()) {
                Some(_) => Store::SecretsManager,
                None => locator.store,
            };
            self.decrypting.insert((decrypting, region.cloned()));
        }
    }

    /// The actions that a locator needs, each with the service of its resource and the last part of
    /// the resource's ARN: `ssm:/prod/db` → GetParameters on `parameter/prod/db`. The agent also
    /// describes each secret. With `--metadata`, the locator must name a secret.
    ///
    /// - AWS always compares the policy with a secret's complete ARN, which ends with six random
    ///   characters, even if the request names the secret in a different way.
    /// - A name such as `/aws/reference/secretsmanager/prod/db` makes Parameter Store read a secret
    ///   with the caller's own permissions, so reading that secret is allowed, too.
    /// - AWS authorizes a path as the request spells it, so `/prod/app/` needs
    ///   `parameter/prod/app/*`. In case AWS removes the slash at the end, `parameter/prod/app` is
    ///   allowed, too.
    fn needed_actions(&self, locator: &Locator) -> Vec<(IamAction, Store, String)> {
        let name = locator.id.name();
        let options = self.options;
        let mut needed = Vec::new();
        match (locator.store, locator.path()) {
            (store @ Store::SecretsManager, _) => {
                let mut secrets = vec![format!("secret:{name}-??????")];
                // The name from an ARN may already end with the six random characters.
                if locator.id.may_be_complete() {
                    secrets.push(format!("secret:{name}"));
                }
                for secret in secrets {
                    if self.is_for_agent || options.metadata {
                        needed.push((DESCRIBE_SECRET, store, secret.clone()));
                    }
                    if !options.metadata {
                        needed.push((GET_SECRET, store, secret));
                    }
                }
            }
            (store @ Store::ParameterStore, None) => {
                let parameter = format!("parameter/{}", bare_name(name));
                needed.push((GET_PARAMETERS, store, parameter));
                if let Some(secret) = referenced_secret(name) {
                    let secret = format!("secret:{secret}-??????");
                    needed.push((GET_SECRET, Store::SecretsManager, secret));
                }
            }
            (store @ Store::ParameterStore, Some(path)) => {
                let bare = bare_name(path.name);
                // `bare` ends with a slash, so the pattern is `prod/app/*`.
                for requested in [bare.trim_end_matches('/'), &format!("{bare}*")] {
                    needed.push((GET_BY_PATH, store, format!("parameter/{requested}")));
                }
            }
        }
        needed
    }

    /// Builds the policy. It also allows using the KMS keys in `keys`, through the services that
    /// read values in the regions of these keys.
    fn to_json(&self, keys: &[Arn]) -> Value {
        let mut statements = Vec::new();
        for ((_, sid, action), resources) in &self.resources {
            let resources = resources.iter().map(Arn::to_string).collect();
            statements.push(statement(sid, action, resources));
        }
        statements.extend(self.decryption(keys));
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    /// The statement that allows Secrets Manager and Parameter Store to decrypt values with these
    /// KMS keys. `None` if the launch uses neither of the two in the regions of the keys.
    ///
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
    fn decryption(&self, keys: &[Arn]) -> Option<Value> {
        let mut services = BTreeSet::new();
        for region in keys.iter().filter_map(Arn::region) {
            for (store, used) in &self.decrypting {
                if used.as_ref().is_none_or(|used| *used == region) {
                    services.extend(aws_host(Api::Store(*store), &region));
                }
            }
        }
        if services.is_empty() {
            return None;
        }

        let resources: BTreeSet<String> = keys.iter().map(Arn::to_string).collect();
        let mut decryption = statement("DecryptValues", "kms:Decrypt", Vec::from_iter(resources));
        decryption["Condition"] = json!({ "StringEquals": { "kms:ViaService": services } });
        Some(decryption)
    }
}

/// True for one of AWS's public parameters, such as the id of an image. Public parameters are not
/// encrypted. The id is a name, because a reference can't have the ARN of a public parameter, which
/// doesn't have an account.
fn is_public(locator: &Locator) -> bool {
    locator.store == Store::ParameterStore
        && locator.id.arn().is_none()
        && bare_name(locator.id.name()).starts_with("aws/service")
}

/// The statement with the id `sid`, which allows `action` on `resources`.
fn statement(sid: &str, action: &str, resources: Vec<String>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resources })
}
