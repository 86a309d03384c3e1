//! Builds the least-privilege IAM policy for a launch from the requests that the launch would send.
//! Nothing is sent.
//!
//! The launch works with exactly this policy, and needs every statement in it, except perhaps the
//! one for the keys of `--kms-key`. The order of statements and resources is fixed, so a policy can
//! be compared with an earlier one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::config::{RoleChain, Settings};
use super::endpoints::{Api, aws_host};
use super::parameter_store::{bare_name, referenced_secret};
use crate::model::message::{Problem, Record};
use crate::model::reference::{Arn, Locator, Region, Role, Store};

/// A policy, and the warnings and notes for the person who attaches it.
pub struct Policy {
    pub text: String,
    pub notices: Vec<Record>,
}

/// The scope that the user wants for the policy.
pub struct PolicyRequest<'a> {
    /// The AWS account of secrets that are referenced by name, not by ARN.
    pub account: Option<&'a str>,
    /// The role that the policy is for. `None` without `--for-role`.
    pub for_role: Option<&'a Role>,
    pub kms_keys: &'a [Arn],
    /// True if the policy is for `check --metadata`, which only asks for descriptions.
    pub metadata: bool,
    /// True if the policy is for the AWS Secrets Manager Agent instead of the caller.
    pub is_for_agent: bool,
}

/// Builds the policy for the caller, for the role that `options` names, or for the AWS Secrets
/// Manager Agent.
///
/// `settings` must include the profile's settings. `chain` is the profile's role chain, if it has
/// one.
///
/// # Errors
/// If `options` names a role that the launch doesn't assume.
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

/// The identity that the policy is for: the caller, a role, or the agent.
struct PolicyOwner<'a> {
    /// The role that `--for-role` names. `None` if the policy is for the caller or the agent.
    named: Option<&'a Arn>,
    /// True if the policy is for the caller, which reads the locators that have no role. With
    /// `--for-role`, this is also true if the option names the caller's own role.
    is_caller: bool,
    /// True if the policy is for the agent, which also calls DescribeSecret, to find new versions.
    is_agent: bool,
    assumed: BTreeSet<Arn>,
}

impl<'a> PolicyOwner<'a> {
    /// Determines whom the policy is for: the role that `--for-role` names or, without this option,
    /// the caller.
    ///
    /// `chain` lists the roles that the launch assumes, one after the other, to get its
    /// credentials. The last one is the caller's role. Fails if the launch doesn't assume the named
    /// role.
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
        // The roles that this identity assumes. The caller assumes the roles with which entries are
        // read, and each role in `chain` assumes the next one.
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

    /// True if requests for this locator are signed with this identity's credentials.
    fn reads(&self, located: &Locator) -> bool {
        match &located.role {
            Some(role) => self.named == Some(&role.arn),
            None => self.is_caller,
        }
    }
}

/// The error for a role in `--for-role` that the launch doesn't assume. The help text suggests the
/// ones in `roles`, which the launch does assume.
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

/// Collects the statements that allow `owner` to read `locators`, and to assume the roles with
/// which other secrets are read.
fn statements<'a>(
    settings: &Settings,
    owner: &PolicyOwner<'a>,
    locators: &[&Locator],
    options: &'a PolicyRequest<'a>,
) -> Statements<'a> {
    // A secret whose id doesn't name an account belongs to the account of the role that reads it.
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

/// The warnings and notes for the person who attaches the policy.
///
/// A warning says that the policy allows every region, or that it must be attached to the agent's
/// role. A note says what the policy doesn't cover, such as decryption with a customer managed key,
/// or why it is empty.
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
    // Someone who uses `--for-role` has already read this note.
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

/// The wildcard for a region or account in an ARN. It also matches an empty field.
const ANY: &str = "*";

/// An IAM action: its statement's position in the policy, its statement's id (Sid), and its name,
/// such as `ssm:GetParameters`. AWS allows only letters and digits in a Sid.
type IamAction = (u8, &'static str, &'static str);

const GET_SECRET: IamAction = (0, "ReadSecrets", "secretsmanager:GetSecretValue");
const DESCRIBE_SECRET: IamAction = (1, "DescribeSecrets", "secretsmanager:DescribeSecret");
const GET_PARAMETERS: IamAction = (2, "ReadParameters", "ssm:GetParameters");
const GET_BY_PATH: IamAction = (3, "ReadParametersByPath", "ssm:GetParametersByPath");
const ASSUME_ROLE: IamAction = (4, "AssumeRoles", "sts:AssumeRole");

/// The permissions that the policy grants, collected before the policy is written as JSON.
struct Statements<'a> {
    options: &'a PolicyRequest<'a>,
    is_for_agent: bool,
    /// The AWS account of resources that are referenced by name, not by ARN. `*` means any account.
    account: &'a str,
    resources: BTreeMap<IamAction, BTreeSet<Arn>>,
    /// The services that decrypt values for this launch, each with the region of the values. `None`
    /// means any region.
    decrypting: BTreeSet<(Store, Option<Region>)>,
}

impl Statements<'_> {
    fn add(&mut self, action: IamAction, resource: Arn) {
        self.resources.entry(action).or_default().insert(resource);
    }

    /// Adds the permission to read what a locator names or, for `check --metadata`, to describe it.
    ///
    /// The permission is for `region` or, if that is `None`, for every region. It covers all
    /// versions, because an ARN doesn't name a version. Also records which service decrypts the
    /// value, for the condition on `kms:Decrypt`.
    fn add_reading(&mut self, locator: &Locator, region: Option<&Region>) {
        let named_arn = locator.id.arn();
        // Without a region, the policy is for the commercial partition.
        let default_partition = region.map_or("aws", Region::partition_name);
        let partition = named_arn.map_or(default_partition, Arn::partition);
        let account = if is_public(locator) {
            // The account field in a public parameter's ARN is empty, which `ANY` also matches.
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

    /// Lists the actions that reading a locator requires, each with its resource.
    ///
    /// The resource is given as a service and the last part of an ARN. For example, `ssm:/prod/db`
    /// requires GetParameters on `parameter/prod/db`. The agent also needs DescribeSecret for each
    /// secret. With `check --metadata`, only DescribeSecret is needed, and the locator must name a
    /// secret.
    ///
    /// - AWS always compares the policy with a secret's complete ARN, which ends with six random
    ///   characters, even if the request names the secret differently.
    /// - For `/aws/reference/secretsmanager/prod/db`, Parameter Store reads a secret with the
    ///   caller's own permissions, so the policy must allow reading that secret, too.
    /// - AWS authorizes a path as the request spells it, so `/prod/app/` needs
    ///   `parameter/prod/app/*`. In case AWS removes the trailing slash, `parameter/prod/app` is
    ///   allowed, too.
    fn needed_actions(&self, locator: &Locator) -> Vec<(IamAction, Store, String)> {
        let name = locator.id.name();
        let options = self.options;
        let mut needed = Vec::new();
        match (locator.store, locator.path()) {
            (store @ Store::SecretsManager, _) => {
                let mut secrets = vec![format!("secret:{name}-??????")];
                // A name taken from an ARN may already end with the six random characters.
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
                // `bare` ends with a slash, so for `prod/app/` the pattern is `prod/app/*`.
                for requested in [bare.trim_end_matches('/'), &format!("{bare}*")] {
                    needed.push((GET_BY_PATH, store, format!("parameter/{requested}")));
                }
            }
        }
        needed
    }

    /// Converts the permissions to the policy's JSON. The policy also allows decryption with the
    /// KMS keys in `keys`, but only through the services that read values in the keys' regions.
    fn to_json(&self, keys: &[Arn]) -> Value {
        let mut statements = Vec::new();
        for ((_, sid, action), resources) in &self.resources {
            let resources = resources.iter().map(Arn::to_string).collect();
            statements.push(statement(sid, action, resources));
        }
        statements.extend(self.decryption(keys));
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    /// Builds the statement that allows Secrets Manager and Parameter Store to decrypt values with
    /// these KMS keys. `None` if the launch doesn't use either service in the keys' regions.
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

/// True for AWS's public parameters, such as `/aws/service/ami-amazon-linux-latest/…`, which aren't
/// encrypted.
fn is_public(locator: &Locator) -> bool {
    // A reference can't be a public parameter's ARN, because such an ARN doesn't name an account.
    locator.store == Store::ParameterStore
        && locator.id.arn().is_none()
        && bare_name(locator.id.name()).starts_with("aws/service")
}

/// Builds a statement with the id `sid`, which allows `action` on `resources`.
fn statement(sid: &str, action: &str, resources: Vec<String>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resources })
}
