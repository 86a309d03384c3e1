//! The state that all requests to AWS share: the default region, credentials, assumed roles and clients.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::clients::Clients;
use super::config::{Purpose, RoleChain, Settings, apply_profile};
use super::credentials::{
    CallerIdentity, CredentialsOrigin, MfaCodes, SearchContext, assume, find_credentials, identity,
    instance_region, misconfigured,
};
use super::parameter_store::MAX_BATCH;
use super::protocol::Api;
use crate::backend::retry::{RetryBudget, over_regions};
use crate::model::answer::{self, FetchError};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, Region, Role, Store};
use crate::time::Deadline;

/// A session with AWS. Region, credentials and roles are found when first needed, and kept.
pub struct Session {
    pub settings: Rc<Settings>,
    pub clients: Clients,
    pub budget: RetryBudget,
    purpose: Purpose,
    chain: Option<RoleChain>,
    /// The region of the instance.
    region: Option<Result<Region, FetchError>>,
    mfa_codes: MfaCodes,
    /// The regions in which roles are assumed, in turn.
    sts_regions: Vec<Region>,
    /// The base credentials by `None`, and each role's by the role, once it is assumed.
    callers: BTreeMap<Option<Role>, OnceCell<Result<CallerIdentity, FetchError>>>,
}

impl Session {
    /// Reads the configuration files, and asks for the MFA codes that the profile needs and `codes` lack.
    ///
    /// # Errors
    /// When they or the profile are invalid.
    pub fn open(
        mut settings: Settings,
        purpose: Purpose,
        deadline: Deadline,
        codes: &mut MfaCodes,
    ) -> Result<Self, Problem> {
        let awaited = deadline
            .progress()
            .awaits("the AWS configuration files".to_owned());
        let chain = apply_profile(&mut settings, deadline.progress())?;
        drop(awaited);
        let roles = chain
            .as_ref()
            .map(|chain| chain.roles.as_slice())
            .unwrap_or_default();
        if purpose.is_unattended && roles.iter().any(|role| role.mfa_serial.is_some()) {
            let name = settings.profile().1;
            let text = format!(
                "the AWS profile {name:?} needs an MFA code (mfa_serial), but with --on-rotation secrets-exec can't ask for a new code later"
            );
            return Err(
                Problem::configuration(text).help("use a profile or a role that needs no MFA code")
            );
        }
        let mut callers = BTreeMap::new();
        if let Err(error) = codes.complete(roles, &deadline) {
            callers.insert(None, OnceCell::new_with(Some(Err(error.into()))));
        }
        let settings = Rc::new(settings);
        Ok(Self {
            clients: Clients::new(Rc::clone(&settings)),
            budget: RetryBudget::new(deadline, settings.max_attempts),
            settings,
            purpose,
            chain,
            region: None,
            mfa_codes: codes.clone(),
            sts_regions: Vec::new(),
            callers,
        })
    }

    /// True with base credentials that have not expired.
    pub fn has_credentials(&self) -> bool {
        self.callers.get(&None).is_some_and(is_usable)
    }

    pub fn forget_failures(&mut self) {
        self.region.take_if(|region| region.is_err());
        self.callers.retain(|_, caller| is_usable(caller));
    }

    /// Returns the request for a locator, which has a region: its own, the default, or the instance's. Equal requests are one.
    ///
    /// # Errors
    /// When it names no region and there is no default, or IMDS does not answer.
    pub async fn request_for(&mut self, locator: &Locator) -> Result<Locator, FetchError> {
        let locator = self.settings.with_defaults(locator);
        if locator.region.is_some() {
            return Ok(locator);
        }
        if self.region.is_none() {
            let _awaited = self.budget.progress().awaits("the AWS region".to_owned());
            self.region =
                Some(instance_region(&self.settings.metadata, &self.clients, &self.budget).await);
        }
        Ok(Locator {
            region: self.region.clone().transpose()?,
            ..locator
        })
    }

    /// Starts opening connections for requests that must wait for credentials. A request without a role does not wait for keys in
    /// variables, and no request waits after an earlier try of `--wait` has found credentials.
    pub async fn preconnect(&self, requests: &[Locator]) {
        if self.has_credentials() {
            return;
        }
        let mut counts: BTreeMap<(Store, &Region), usize> = BTreeMap::new();
        for Locator {
            store,
            region,
            role,
            ..
        } in requests
        {
            if let Some(region) = region
                && !(self.settings.has_static_keys() && role.is_none())
            {
                *counts.entry((*store, region)).or_default() += 1;
            }
        }
        for ((store, region), count) in counts {
            let connections = match store {
                Store::SecretsManager => count,
                Store::ParameterStore => count.div_ceil(MAX_BATCH),
            };
            self.clients
                .preconnect(store.into(), region, connections)
                .await;
        }
    }

    /// Finds the base credentials, and notes the roles of `requests`, which [`Self::credentials`] assumes. STS is called in the configured
    /// region, else in that of the first request, and then in the fallback regions.
    ///
    /// # Errors
    /// When no provider has credentials.
    pub async fn find_credentials(&mut self, requests: &[Locator]) -> Result<(), FetchError> {
        let first = requests.iter().find_map(|request| request.region.as_ref());
        let Some(region) = self.settings.region().or(first) else {
            return Ok(());
        };
        let regions = self.settings.regions(region);
        for role in requests.iter().filter_map(|request| request.role.clone()) {
            self.callers.entry(Some(role)).or_default();
        }
        if !self.callers.contains_key(&None) {
            let _awaited = self.budget.progress().awaits("AWS credentials".to_owned());
            let (settings, clients, mfa_codes) = (&*self.settings, &self.clients, &self.mfa_codes);
            let context = SearchContext {
                settings,
                clients,
                region,
                chain: self.chain.as_ref(),
                mfa_codes,
            };
            let found = find_credentials(&context, &regions, &self.budget).await;
            let found = found.map(|credentials| CallerIdentity {
                credentials,
                arn: OnceCell::new(),
            });
            self.callers.insert(None, OnceCell::new_with(Some(found)));
        }
        self.sts_regions = regions;
        self.credentials(None).await.map(|_| ())
    }

    async fn assume(&self, role: &Role) -> Result<CallerIdentity, FetchError> {
        let _awaited = self
            .budget
            .progress()
            .awaits(format!("the role {}", role.arn));
        let base = self.found(None)?;
        let assume_in = async |region: &Region, budget: RetryBudget| {
            let client = self
                .clients
                .client(Api::Sts, region, Some(&base.credentials))
                .await?;
            assume(&client, role, &budget).await
        };
        over_regions(&self.budget, Instant::now(), &self.sts_regions, assume_in).await
    }

    /// Returns the credentials of a role, which is assumed once, or without a role the base credentials.
    ///
    /// # Errors
    /// When they were not found, or the role was not assumed. The base credentials do not replace it.
    pub async fn credentials(&self, role: Option<&Role>) -> Result<&Credentials, FetchError> {
        if let (Some(role), Some(caller)) = (role, self.callers.get(&role.cloned())) {
            // On the heap: each secret has a future of this function, which would have room for this one.
            Box::pin(caller.get_or_init(|| self.assume(role))).await;
        }
        self.found(role).map(|caller| &caller.credentials)
    }

    /// Returns the identity of a role or, without a role, of the base credentials, as far as it is known.
    fn found(&self, role: Option<&Role>) -> Result<&CallerIdentity, FetchError> {
        match self.callers.get(&role.cloned()).and_then(OnceCell::get) {
            Some(caller) => caller.as_ref().map_err(Clone::clone),
            None => Err(misconfigured("the role was not assumed")),
        }
    }

    /// Asks, once, which ARN AWS knows the credentials by, and traces it.
    pub async fn trace_identities(&self, region: &Region) {
        let progress = self.budget.progress();
        let is_traced_already = self.found(None).is_ok_and(|base| base.arn.initialized());
        if !(progress.is_traced() || self.purpose.asks_identity) || is_traced_already {
            return;
        }
        for role in self.callers.keys() {
            let arn = self.identity(role.as_ref(), region).await;
            progress.trace(|| {
                let who = match role {
                    Some(role) => format!("the caller with the role {}", role.arn),
                    None => "the caller".to_owned(),
                };
                match &arn {
                    Some(arn) => format!("AWS says that {who} is {arn}"),
                    None => format!("AWS did not say who {who} is"),
                }
            });
        }
    }

    /// The identity of the role of the settings, or else of the base credentials; `None` without credentials.
    pub fn caller(&self) -> Option<answer::Caller> {
        let (base, asked) = (
            self.found(None).ok()?,
            self.found(self.settings.role.as_ref()).ok()?,
        );
        Some(answer::Caller {
            arn: asked.arn.get().cloned().flatten(),
            provider: CredentialsOrigin::of(&base.credentials).name(),
        })
    }

    /// Returns where the region and the account of a secret come from, for the advice to check them; `None` if its reference names them.
    pub fn place(&self, locator: &Locator) -> Option<String> {
        if locator.region.is_some() || locator.role.is_some() {
            return None;
        }
        let settings = &self.settings;
        let region = settings.region.as_ref();
        let region = region.map_or("the instance metadata", |(_, (name, _))| name);
        let roles = settings.caller_roles(self.chain.as_ref());
        let role = settings
            .role
            .as_ref()
            .map(|role| &role.arn)
            .or(roles.last());
        let account = match role.and_then(|arn| arn.account()) {
            Some(account) => format!(" ({account})"),
            None if settings.has_static_keys() => {
                " (the one that AWS_ACCESS_KEY_ID belongs to)".to_owned()
            }
            None if self.chain.is_some() => {
                format!(
                    " (the one that the profile belongs to: {:?})",
                    settings.profile().1
                )
            }
            None => String::new(),
        };
        Some(format!(
            "the region (from {region}) and the account{account}"
        ))
    }

    /// Returns the ARN of the identity of a role, or without a role of the base credentials, if STS answers in time.
    pub async fn identity(&self, role: Option<&Role>, region: &Region) -> Option<String> {
        self.credentials(role).await.ok()?;
        let caller = self.found(role).ok()?;
        let arn = caller.arn.get_or_init(async || {
            let client = self
                .clients
                .client(Api::Sts, region, Some(&caller.credentials))
                .await
                .ok()?;
            identity(&client, &self.budget).await
        });
        arn.await.clone()
    }
}

/// True for credentials that were found and have not expired.
fn is_usable(caller: &OnceCell<Result<CallerIdentity, FetchError>>) -> bool {
    let Some(Ok(caller)) = caller.get() else {
        return false;
    };
    caller
        .credentials
        .expiry()
        .is_none_or(|end| end > SystemTime::now())
}
