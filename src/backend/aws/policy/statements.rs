//! The statements of a policy: one for each action, in a fixed order, with sorted resources.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::backend::aws::parameter_store::{base_name, referenced_secret};
use crate::backend::aws::protocol::{own_host, partition_of};
use crate::model::reference::{Arn, Locator, Region, Store};

/// The version of the policy language.
const LANGUAGE: &str = "2012-10-17";

/// Any region or account, also an empty one.
const ANY: &str = "*";

/// The actions, in the order of the statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IamAction {
    GetSecretValue,
    DescribeSecret,
    GetParameters,
    GetParametersByPath,
    DescribeParameters,
    AssumeRole,
}

impl IamAction {
    /// The statement's id, of letters and digits, and the action.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::GetSecretValue => ("ReadSecrets", "secretsmanager:GetSecretValue"),
            Self::DescribeSecret => ("DescribeSecrets", "secretsmanager:DescribeSecret"),
            Self::GetParameters => ("ReadParameters", "ssm:GetParameters"),
            Self::GetParametersByPath => ("ReadParametersByPath", "ssm:GetParametersByPath"),
            Self::DescribeParameters => ("DescribeParameters", "ssm:DescribeParameters"),
            Self::AssumeRole => ("AssumeRoles", "sts:AssumeRole"),
        }
    }
}

/// The kinds of requests that a policy allows.
#[derive(Clone, Copy)]
pub struct Permissions {
    /// False for `check --metadata`, which lists parameters instead. AWS allows that for all parameters or for none.
    pub reads_values: bool,
    /// True if secrets are described. Those that Parameter Store reads are not.
    pub describes_secrets: bool,
}

/// The resources of each action.
pub struct Statements {
    /// The account of resources that are named without one.
    account: String,
    permissions: Permissions,
    resources: BTreeMap<IamAction, BTreeSet<Arn>>,
    /// The services that decrypt, each in a region, or in any.
    decrypting: BTreeSet<(Store, Option<Region>)>,
}

/// The partition, region and account in the ARNs of a locator's resources.
struct ResourceScope<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl ResourceScope<'_> {
    fn arn(&self, store: Store, resource: &str) -> Arn {
        Arn::new(
            self.partition,
            store.service(),
            self.region,
            self.account,
            resource,
        )
    }
}

impl Statements {
    pub fn new(account: Option<&str>, permissions: Permissions) -> Self {
        let account = account.unwrap_or(ANY).to_owned();
        Self {
            account,
            permissions,
            resources: BTreeMap::new(),
            decrypting: BTreeSet::new(),
        }
    }

    pub fn add(&mut self, action: IamAction, resource: Arn) {
        self.resources.entry(action).or_default().insert(resource);
    }

    /// True if no request needs a permission.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Adds the permissions that read a locator in a region, or in any. A permission covers every version.
    pub fn add_reading(&mut self, locator: &Locator, region: Option<&Region>) {
        let (arn, account) = (locator.id.arn(), self.account.clone());
        let of_region = region.map_or("aws", partition_of);
        let place = ResourceScope {
            partition: arn.map_or(of_region, Arn::partition),
            region: region.map_or(ANY, Region::as_str),
            account: arn.and_then(Arn::account).unwrap_or(&account),
        };
        let decrypting = match (locator.store, locator.is_path()) {
            (Store::SecretsManager, _) => Some(self.add_secret(locator, &place)),
            (Store::ParameterStore, _) if !self.permissions.reads_values => {
                self.add(IamAction::DescribeParameters, Arn::any());
                None
            }
            (Store::ParameterStore, false) => self.add_parameter(locator, &place),
            (Store::ParameterStore, true) => Some(self.add_path(locator, &place)),
        };
        self.decrypting
            .extend(decrypting.map(|store| (store, region.cloned())));
    }

    /// AWS authorizes the complete ARN, whichever way a request names the secret.
    fn add_secret(&mut self, locator: &Locator, place: &ResourceScope<'_>) -> Store {
        let name = locator.id.name();
        let as_written = locator.id.may_be_complete().then(|| name.to_owned());
        for name in as_written.into_iter().chain([format!("{name}-??????")]) {
            let arn = place.arn(Store::SecretsManager, &format!("secret:{name}"));
            if self.permissions.describes_secrets {
                self.add(IamAction::DescribeSecret, arn.clone());
            }
            if self.permissions.reads_values {
                self.add(IamAction::GetSecretValue, arn);
            }
        }
        Store::SecretsManager
    }

    /// Adds a parameter. Its ARN has no doubled slash. AWS's public parameters belong to no account, and are not encrypted.
    fn add_parameter(&mut self, locator: &Locator, place: &ResourceScope<'_>) -> Option<Store> {
        let name = base_name(locator.id.name());
        let is_public = locator.id.arn().is_none() && name.starts_with("aws/service");
        let place = &ResourceScope {
            account: if is_public { ANY } else { place.account },
            ..*place
        };
        self.add(
            IamAction::GetParameters,
            place.arn(Store::ParameterStore, &format!("parameter/{name}")),
        );
        match referenced_secret(name) {
            Some(secret) => {
                let arn = place.arn(Store::SecretsManager, &format!("secret:{secret}-??????"));
                self.add(IamAction::GetSecretValue, arn);
                Some(Store::SecretsManager)
            }
            None => (!is_public).then_some(Store::ParameterStore),
        }
    }

    /// AWS authorizes the path as it is written, with or without its last slash.
    fn add_path(&mut self, locator: &Locator, place: &ResourceScope<'_>) -> Store {
        let path = base_name(locator.id.name());
        for name in [path.trim_end_matches('/').to_owned(), format!("{path}*")] {
            self.add(
                IamAction::GetParametersByPath,
                place.arn(Store::ParameterStore, &format!("parameter/{name}")),
            );
        }
        Store::ParameterStore
    }

    /// Returns the policy. `keys` may decrypt by way of the services that read in their regions.
    pub fn policy(&self, keys: &[Arn]) -> Value {
        let of_action = self.resources.iter().map(|(action, resources)| {
            let (sid, action) = action.names();
            statement(sid, action, resources.iter().map(Arn::as_str).collect())
        });
        let statements: Vec<Value> = of_action.chain(self.decryption(keys)).collect();
        json!({ "Version": LANGUAGE, "Statement": statements })
    }

    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
    fn decryption(&self, keys: &[Arn]) -> Option<Value> {
        let mut services = BTreeSet::new();
        for region in keys.iter().filter_map(Arn::region) {
            let users = self
                .decrypting
                .iter()
                .filter(|(_, used)| used.as_ref().is_none_or(|used| *used == region));
            services.extend(users.filter_map(|(store, _)| own_host((*store).into(), &region)));
        }
        if services.is_empty() {
            return None;
        }
        let keys: BTreeSet<&str> = keys.iter().map(Arn::as_str).collect();
        let mut decryption = statement("DecryptValues", "kms:Decrypt", keys.into_iter().collect());
        decryption["Condition"] = json!({ "StringEquals": { "kms:ViaService": services } });
        Some(decryption)
    }
}

fn statement(sid: &str, action: &str, resources: Vec<&str>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resources })
}
