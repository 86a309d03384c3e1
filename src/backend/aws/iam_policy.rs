//! Builds the least-privilege IAM policy for a launch from the requests that the launch would send.
//! Nothing is sent.
//!
//! The launch works with exactly this policy, and needs every statement in it, except perhaps the
//! one for the keys of `--kms-key`. The order of statements and resources is fixed, so that
//! policies can be compared.

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

/// The scope of the policy.
pub struct PolicyRequest<'a> {
    /// The account of secrets that are referenced by name.
    pub account: Option<&'a str>,
    /// The role of `--for-role`.
    pub for_role: Option<&'a Role>,
    pub kms_keys: &'a [Arn],
    /// True for the policy of `check --metadata`, which only asks for descriptions.
    pub metadata: bool,
    /// True for the policy of the AWS Secrets Manager Agent instead of the caller.
    pub is_for_agent: bool,
}

/// The policy for the identity that `options` chooses. `settings` must include the settings of the
/// profile, and `chain` is its role chain.
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
    let chain = settings.caller_roles(chain);
    let requested: BTreeSet<Arn> = located
        .iter()
        .filter_map(|locator| locator.role.as_ref())
        .map(|role| role.arn.clone())
        .collect();
    let owner = PolicyOwner::new(options, &chain, &requested)?;
    let assumed = owner.assumed_roles(&chain, requested);

    let mut own_locators = Vec::new();
    for locator in &located {
        // `check --metadata` doesn't ask for parameters.
        let is_requested = !options.metadata || locator.store == Store::SecretsManager;
        if owner.reads(locator) && is_requested {
            own_locators.push(locator);
        }
    }

    let policy = statements(settings, &owner, &own_locators, assumed.clone(), options);
    Ok(Policy {
        text: format!("{:#}\n", policy.to_json()),
        notices: notices(&owner, &own_locators, &assumed, options),
    })
}

/// The identity that the policy is for. With `--agent`, the agent takes the place of the caller.
enum PolicyOwner<'a> {
    Caller,
    /// The role whose credentials the caller has. This role reads what the caller reads.
    CallersRole(&'a Arn),
    /// Another role that the launch assumes.
    Role(&'a Arn),
}

impl<'a> PolicyOwner<'a> {
    /// `chain` lists the roles that the launch assumes, one after the other, to get its
    /// credentials. The last one is the caller's role. `requested` has the roles with which entries
    /// are read.
    fn new(
        options: &'a PolicyRequest<'a>,
        chain: &[Arn],
        requested: &BTreeSet<Arn>,
    ) -> Result<Self, Problem> {
        let Some(Role { arn, .. }) = options.for_role else {
            return Ok(Self::Caller);
        };
        if chain.last() == Some(arn) {
            return Ok(Self::CallersRole(arn));
        }
        if !requested.contains(arn) && !chain.contains(arn) {
            return Err(unknown_role(arn, requested.iter().chain(chain)));
        }
        Ok(Self::Role(arn))
    }

    fn named_role(&self) -> Option<&'a Arn> {
        match self {
            Self::Caller => None,
            Self::CallersRole(role) | Self::Role(role) => Some(role),
        }
    }

    /// The roles that this identity assumes. The caller assumes those with which entries are read
    /// (`requested`), and each role in `chain` assumes the next one.
    fn assumed_roles(&self, chain: &[Arn], requested: BTreeSet<Arn>) -> BTreeSet<Arn> {
        let mut assumed = match self {
            Self::Caller | Self::CallersRole(_) => requested,
            Self::Role(_) => BTreeSet::new(),
        };
        for pair in chain.windows(2) {
            if let [role, next_role] = pair
                && self.named_role() == Some(role)
            {
                assumed.insert(next_role.clone());
            }
        }
        assumed
    }

    /// True if requests for this locator are signed with this identity's credentials.
    fn reads(&self, located: &Locator) -> bool {
        if let Some(role) = &located.role {
            return self.named_role() == Some(&role.arn);
        }
        match self {
            Self::Caller | Self::CallersRole(_) => true,
            Self::Role(_) => false,
        }
    }
}

/// The error if the launch doesn't assume the role of `--for-role`. The help text suggests `roles`,
/// the roles that the launch does assume.
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

fn statements<'a>(
    settings: &Settings,
    owner: &PolicyOwner<'a>,
    locators: &[&Locator],
    assumed: BTreeSet<Arn>,
    options: &'a PolicyRequest<'a>,
) -> Statements<'a> {
    // A secret whose id doesn't name an account belongs to the account of the role that reads it.
    let account = owner
        .named_role()
        .and_then(Arn::account)
        .or(options.account)
        .unwrap_or(ANY);
    let mut statements = Statements {
        options,
        account,
        resources: BTreeMap::new(),
        decrypting: BTreeSet::new(),
    };
    for locator in locators {
        let Some(region) = &locator.region else {
            // The statement allows every region, which includes the fallback regions.
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
    for role in assumed {
        statements.add(IamAction::AssumeRole, role);
    }
    statements
}

/// The warnings and notes for the person who attaches the policy.
fn notices(
    owner: &PolicyOwner<'_>,
    locators: &[&Locator],
    assumed: &BTreeSet<Arn>,
    options: &PolicyRequest<'_>,
) -> Vec<Record> {
    let mut notices = Vec::new();
    if locators.iter().any(|locator| locator.region.is_none()) {
        notices.push(Record::warning("the policy allows every region (`*`), because no region is set; to restrict it, set --region or AWS_REGION"));
    }
    if options.is_for_agent {
        notices.push(Record::warning("the Secrets Manager Agent sends the requests of this launch, so its role needs this policy"));
    }
    // Someone who uses `--for-role` has already read this note, so it isn't repeated.
    if owner.named_role().is_none() {
        for role in assumed {
            let why = format!("needs a policy of its own, which --for-role {role} prints");
            notices.push(Record::note(format!("the role {role} {why}")));
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

/// Matches any field of an ARN, even an empty one.
const ANY: &str = "*";

/// The actions that a policy allows, in the order of its statements.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum IamAction {
    GetSecret,
    DescribeSecret,
    GetParameters,
    GetByPath,
    AssumeRole,
}

struct Statements<'a> {
    options: &'a PolicyRequest<'a>,
    /// The account of resources that are referenced by name.
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

    /// Allows reading what `locator` names, in `region` or, if that is `None`, in every region. The
    /// permission covers all versions, because an ARN doesn't name a version.
    fn add_reading(&mut self, locator: &Locator, region: Option<&Region>) {
        let named_arn = locator.id.arn();
        // The policy is for the commercial partition if no region is set.
        let default_partition = region.map_or("aws", Region::partition_name);
        let partition = named_arn.map_or(default_partition, Arn::partition);
        let account = if is_public(locator) {
            // The account field in a public parameter's ARN is empty.
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
            // Secrets Manager decrypts a parameter such as /aws/reference/secretsmanager/prod/db.
            let decrypting = match referenced_secret(locator.id.name()) {
                Some(_) => Store::SecretsManager,
                None => locator.store,
            };
            self.decrypting.insert((decrypting, region.cloned()));
        }
    }

    /// The actions that reading a locator requires, each with its resource: the service and the
    /// last part of the ARN. The agent also needs DescribeSecret for each secret. With
    /// `check --metadata`, the locator must name a secret.
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
                    if options.is_for_agent || options.metadata {
                        needed.push((IamAction::DescribeSecret, store, secret.clone()));
                    }
                    if !options.metadata {
                        needed.push((IamAction::GetSecret, store, secret));
                    }
                }
            }
            (store @ Store::ParameterStore, None) => {
                let parameter = format!("parameter/{}", bare_name(name));
                needed.push((IamAction::GetParameters, store, parameter));
                if let Some(secret) = referenced_secret(name) {
                    let secret = format!("secret:{secret}-??????");
                    needed.push((IamAction::GetSecret, Store::SecretsManager, secret));
                }
            }
            (store @ Store::ParameterStore, Some(path)) => {
                let bare = bare_name(path.name);
                // `bare` ends with a slash, which AWS may remove.
                for requested in [bare.trim_end_matches('/'), &format!("{bare}*")] {
                    needed.push((
                        IamAction::GetByPath,
                        store,
                        format!("parameter/{requested}"),
                    ));
                }
            }
        }
        needed
    }

    /// The policy as JSON. Decryption is allowed only through the services that read values in the
    /// keys' regions.
    fn to_json(&self) -> Value {
        let mut statements = Vec::new();
        for (action, resources) in &self.resources {
            // AWS allows only letters and digits in a statement's id (Sid).
            let (sid, name) = match action {
                IamAction::GetSecret => ("ReadSecrets", "secretsmanager:GetSecretValue"),
                IamAction::DescribeSecret => ("DescribeSecrets", "secretsmanager:DescribeSecret"),
                IamAction::GetParameters => ("ReadParameters", "ssm:GetParameters"),
                IamAction::GetByPath => ("ReadParametersByPath", "ssm:GetParametersByPath"),
                IamAction::AssumeRole => ("AssumeRoles", "sts:AssumeRole"),
            };
            let resources = resources.iter().map(Arn::to_string).collect();
            statements.push(statement(sid, name, resources));
        }
        statements.extend(self.decryption());
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    /// The statement for the KMS keys. `None` if the launch reads no encrypted values in the keys'
    /// regions.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
    fn decryption(&self) -> Option<Value> {
        let keys = self.options.kms_keys;
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

/// True for one of AWS's public parameters, such as `/aws/service/ami-amazon-linux-latest/…`, which
/// aren't encrypted.
fn is_public(locator: &Locator) -> bool {
    // A reference can't be a public parameter's ARN, because such an ARN doesn't name an account.
    locator.store == Store::ParameterStore
        && locator.id.arn().is_none()
        && bare_name(locator.id.name()).starts_with("aws/service")
}

fn statement(sid: &str, action: &str, resources: Vec<String>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resources })
}
