//! The statements of a policy. There is one for each action, in a fixed order, and its resources
//! are sorted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::backend::aws::parameter_store::{base_name, referenced_secret};
use crate::backend::aws::protocol::{own_host, partition_of};
use crate::model::reference::{Arn, Locator, Region, Store};

/// The version of the policy language.
const LANGUAGE: &str = "2012-10-17";

/// The wildcard for a region or an account. It also matches an empty one.
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
    /// Returns the id of the statement, which may have only letters and digits, and the name of the
    /// action.
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
    /// False for `check --metadata`, which lists parameters instead. AWS can allow this only for
    /// all parameters together.
    pub reads_values: bool,
    /// True if secrets are described.
    pub describes_secrets: bool,
}

/// The resources of each action.
pub struct Statements {
    /// The account for resources that are named without one.
    account: String,
    permissions: Permissions,
    resources: BTreeMap<IamAction, BTreeSet<Arn>>,
    /// The services that decrypt values, and their regions. `None` stands for any region.
    decrypting: BTreeSet<(Store, Option<Region>)>,
}

/// The partition, region and account in the ARNs of a locator's resources.
struct ResourceScope<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl ResourceScope<'_> {
    /// Returns the ARN of a resource.
    fn arn(&self, store: Store, resource: &str) -> Arn {
        let service = store.service();
        Arn::new(self.partition, service, self.region, self.account, resource)
    }
}

impl Statements {
    /// Creates an empty list of statements. `account` is the account for resources that are named
    /// without one. `None` stands for any account.
    pub fn new(account: Option<&str>, permissions: Permissions) -> Self {
        let account = account.unwrap_or(ANY).to_owned();
        Self {
            account,
            permissions,
            resources: BTreeMap::new(),
            decrypting: BTreeSet::new(),
        }
    }

    /// Allows an action on a resource.
    pub fn add(&mut self, action: IamAction, resource: Arn) {
        self.resources.entry(action).or_default().insert(resource);
    }

    /// Allows reading a locator in a region, or in any region. AWS can't limit a permission to one
    /// version. Also notes which service decrypts the value, for the statement about KMS keys.
    ///
    /// If values aren't read, a parameter only needs DescribeParameters, which AWS can't limit to a
    /// parameter.
    pub fn add_reading(&mut self, locator: &Locator, region: Option<&Region>) {
        let (arn, account) = (locator.id.arn(), self.account.clone());
        let partition = region.map_or("aws", partition_of);
        let scope = ResourceScope {
            partition: arn.map_or(partition, Arn::partition),
            region: region.map_or(ANY, Region::as_str),
            account: arn.and_then(Arn::account).unwrap_or(&account),
        };
        match (locator.store, locator.is_path()) {
            (Store::SecretsManager, _) => self.add_secret(locator, &scope),
            (Store::ParameterStore, _) if !self.permissions.reads_values => {
                self.add(IamAction::DescribeParameters, Arn::any());
                return;
            }
            (Store::ParameterStore, false) => self.add_parameter(locator, &scope),
            (Store::ParameterStore, true) => self.add_path(locator, &scope),
        }

        // For a parameter such as /aws/reference/secretsmanager/prod/db, Secrets Manager decrypts
        // the value.
        let decrypting = match referenced_secret(locator.id.name()) {
            Some(_) => Store::SecretsManager,
            None => locator.store,
        };
        // Public parameters aren't encrypted. A secret that is only described is noted, too, which
        // has no effect: without `--kms-key`, which `--metadata` excludes, the policy doesn't have
        // a statement for decryption.
        if !is_public(locator) {
            self.decrypting.insert((decrypting, region.cloned()));
        }
    }

    /// Allows reading or describing a secret, or both. AWS authorizes its complete ARN, which has
    /// six random characters at its end, however a request names the secret.
    fn add_secret(&mut self, locator: &Locator, scope: &ResourceScope<'_>) {
        let name = locator.id.name();
        let mut names = vec![format!("{name}-??????")];
        if locator.id.may_be_complete() {
            names.push(name.to_owned());
        }
        for name in names {
            let arn = scope.arn(Store::SecretsManager, &format!("secret:{name}"));
            if self.permissions.describes_secrets {
                self.add(IamAction::DescribeSecret, arn.clone());
            }
            if self.permissions.reads_values {
                self.add(IamAction::GetSecretValue, arn);
            }
        }
    }

    /// Allows reading a parameter.
    ///
    /// A name such as `/aws/reference/secretsmanager/prod/db` makes Parameter Store read a secret
    /// with the caller's own permissions, so reading this secret is allowed, too. A public
    /// parameter (`/aws/service/…`) belongs to AWS, and its ARN doesn't have an account.
    fn add_parameter(&mut self, locator: &Locator, scope: &ResourceScope<'_>) {
        // The ARN of `/prod/db` ends with `:parameter/prod/db`, and the ARN of `db` ends with
        // `:parameter/db`.
        let name = base_name(locator.id.name());
        let account = if is_public(locator) {
            ANY
        } else {
            scope.account
        };
        let own_scope = ResourceScope { account, ..*scope };
        let parameter = own_scope.arn(Store::ParameterStore, &format!("parameter/{name}"));
        self.add(IamAction::GetParameters, parameter);

        if let Some(secret_name) = referenced_secret(name) {
            // As in `add_secret`, the ARN of a secret ends with six random characters.
            let resource = format!("secret:{secret_name}-??????");
            let secret = scope.arn(Store::SecretsManager, &resource);
            self.add(IamAction::GetSecretValue, secret);
        }
    }

    /// Allows reading a path. AWS authorizes the path as the request writes it, with or without the
    /// slash at its end.
    fn add_path(&mut self, locator: &Locator, scope: &ResourceScope<'_>) {
        let path = base_name(locator.id.name());
        for name in [path.trim_end_matches('/').to_owned(), format!("{path}*")] {
            let arn = scope.arn(Store::ParameterStore, &format!("parameter/{name}"));
            self.add(IamAction::GetParametersByPath, arn);
        }
    }

    /// Returns the policy. The policy also allows using each of the KMS keys in `keys`, through the
    /// services that read values in the region of the key.
    pub fn policy(&self, keys: &[Arn]) -> Value {
        let allowing = self.resources.iter().map(|(action, resources)| {
            let (sid, action) = action.names();
            statement(sid, action, resources.iter().map(Arn::as_str).collect())
        });
        let statements: Vec<Value> = allowing.chain(self.decryption(keys)).collect();
        json!({ "Version": LANGUAGE, "Statement": statements })
    }

    /// Returns the statement for the KMS keys. Returns `None` if no service decrypts in the regions
    /// of the keys.
    ///
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

        let resources: BTreeSet<&str> = keys.iter().map(Arn::as_str).collect();
        let mut decryption = statement("DecryptValues", "kms:Decrypt", Vec::from_iter(resources));
        decryption["Condition"] = json!({ "StringEquals": { "kms:ViaService": services } });
        Some(decryption)
    }
}

/// True for one of AWS's public parameters, such as the id of an image. Public parameters are not
/// encrypted. A reference can't have the ARN of a public parameter, because that ARN has no
/// account.
fn is_public(locator: &Locator) -> bool {
    locator.store == Store::ParameterStore
        && locator.id.arn().is_none()
        && base_name(locator.id.name()).starts_with("aws/service")
}

/// Returns a statement that allows an action on resources.
fn statement(sid: &str, action: &str, resources: Vec<&str>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resources })
}
