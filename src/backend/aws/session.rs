//! The state that all requests to AWS share: the default region, credentials, assumed roles and clients.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_credential_types::Credentials;
use tokio::sync::OnceCell;

use super::clients::Clients;
use super::config::{Settings, SetupError, apply_profile};
use super::credentials::{MfaCodes, ProviderConfigs, find_credentials, instance_region};
use super::parameter_store::MAX_BATCH;
use super::protocol::{Api, expires_soon};
use super::request::{Limited, SecretRequest};
use super::sts::{self, AssumedRole};
use crate::model::answer::{FetchError, Outage};
use crate::model::reference::{Locator, Region, Role, Store};
use crate::time::deadline::Deadline;
use crate::time::progress::Event;
use crate::time::retry::RetryBudget;

/// A session with AWS. Region, credentials and roles are found when first needed, and kept.
pub struct Session {
    pub settings: Rc<Settings>,
    pub clients: Clients,
    pub deadline: Deadline,
    pub budget: RetryBudget,
    /// The limit by which `budget` ends before the deadline.
    limit: Option<Duration>,
    /// The facts that the cache shows about this host.
    known: KnownHost,
    region: Option<Result<Region, FetchError>>,
    base: Option<Result<Credentials, FetchError>>,
    mfa_codes: MfaCodes,
    /// Those of [`Self::ready_credentials`].
    pub roles: BTreeMap<Role, Result<AssumedRole, FetchError>>,
    /// The identity of the base credentials.
    identity: OnceCell<Option<String>>,
}

/// The sources that have answered on this host, as the cache shows, and are unavailable when they cannot be reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownHost {
    /// The region is one of IMDS, if it is not configured.
    pub region: bool,
    /// The credentials are those of IMDS, if none are configured.
    pub credentials: bool,
}

impl Session {
    /// Reads the configuration files.
    ///
    /// # Errors
    /// When they or the profile are invalid.
    pub async fn open(mut settings: Settings, deadline: Deadline) -> Result<Self, SetupError> {
        let _awaited = deadline.progress().awaits("the AWS configuration files".to_owned());
        apply_profile(&mut settings).await?;
        Ok(Self::new(settings, deadline))
    }

    fn new(settings: Settings, deadline: Deadline) -> Self {
        let settings = Rc::new(settings);
        Self {
            clients: Clients::new(Rc::clone(&settings), &deadline),
            budget: RetryBudget::new(deadline.clone(), settings.max_attempts),
            limit: None,
            known: KnownHost::default(),
            settings,
            deadline,
            region: None,
            base: None,
            mfa_codes: MfaCodes::default(),
            roles: BTreeMap::new(),
            identity: OnceCell::new(),
        }
    }

    /// Limits everything until the next call, or nothing. A failure under an earlier limit may be no failure under this one.
    pub fn set_limit(&mut self, limit: Option<Duration>, known: KnownHost) {
        if self.limit.is_some() {
            self.forget_failures();
        }
        (self.limit, self.known) = (limit, known);
        self.start_limit();
    }

    fn start_limit(&mut self) {
        let budget = RetryBudget::new(self.deadline.clone(), self.settings.max_attempts);
        self.budget = self.limit.map_or_else(|| budget.clone(), |limit| budget.limited(limit));
    }

    /// Returns the request for a locator, with the default region and role if it names none.
    ///
    /// # Errors
    /// When it names no region and there is no default, or IMDS does not answer.
    pub async fn request(&mut self, locator: &Locator) -> Result<SecretRequest, FetchError> {
        let region = match &locator.region {
            Some(region) => region.clone(),
            None => self.default_region().await?,
        };
        Ok(SecretRequest {
            region,
            role: self.settings.role_of(locator).cloned(),
            store: locator.store,
            id: locator.id.clone(),
            version: locator.version.clone(),
        })
    }

    /// Returns the region of the options, variables or profile, else that of the instance.
    async fn default_region(&mut self) -> Result<Region, FetchError> {
        if let Some(known) = &self.region {
            return known.clone();
        }
        let region = match &self.settings.region {
            Some(region) => Ok(region.clone()),
            None => {
                let _awaited = self.deadline.progress().awaits("the AWS region".to_owned());
                let config = self.clients.link_local();
                instance_region(self.settings.metadata, &config, &self.budget, &self.deadline, self.known.region).await
            }
        };
        self.region.insert(region).clone()
    }

    /// The regions of STS in the order in which they are tried: the configured one, else `region`, then the fallback regions.
    pub fn sts_regions(&self, region: &Region) -> Vec<Region> {
        self.settings.regions(self.settings.region.as_ref().unwrap_or(region))
    }

    /// Starts opening connections for requests that must wait for credentials. With keys in variables and no role, they need not.
    pub async fn preconnect(&self, requests: &[SecretRequest]) {
        let has_credentials = |request: &SecretRequest| self.settings.has_static_keys() && request.role.is_none();
        let mut counts: BTreeMap<(Store, &Region), usize> = BTreeMap::new();
        for request in requests.iter().filter(|request| !has_credentials(request)) {
            *counts.entry((request.store, &request.region)).or_default() += 1;
        }
        for ((store, region), count) in counts {
            let connections = match store {
                Store::SecretsManager => count,
                Store::ParameterStore => count.div_ceil(MAX_BATCH),
            };
            self.clients.preconnect(store.into(), region, connections).await;
        }
    }

    /// Returns the base credentials, after assuming the roles of `requests`. STS is called in `region` if the settings
    /// name none.
    ///
    /// # Errors
    /// When no provider has credentials. A role that is not assumed is an error of [`Self::credentials`].
    pub async fn ready_credentials(
        &mut self,
        requests: &[SecretRequest],
        region: &Region,
        limited: &Limited,
    ) -> Result<Credentials, FetchError> {
        let base = self.base_credentials(region).await?;
        self.assume(limited.roles(requests), region, &base).await;
        self.deadline.mark_credentials_found();
        Ok(base)
    }

    /// Returns the base credentials, with which roles are assumed; renews them when they expire soon. STS is called in `region` if
    /// the settings name none.
    ///
    /// # Errors
    /// When no provider has any. The failure is kept.
    async fn base_credentials(&mut self, region: &Region) -> Result<Credentials, FetchError> {
        match &self.base {
            Some(Ok(known)) if !expires_soon(known) => return Ok(known.clone()),
            Some(Err(error)) => return Err(error.clone()),
            Some(Ok(_)) | None => {}
        }
        if let Err(error) = self.mfa_codes.complete(&self.settings, &self.deadline) {
            return self.base.insert(Err(error)).clone();
        }
        // IMDS already timed out for the region; skip it.
        let skip_imds = matches!(self.region, Some(Err(FetchError::Unavailable(Outage::Timeout(_)))));
        let configs = |region: &Region| ProviderConfigs {
            clients: &self.clients,
            region: region.clone(),
            mfa_codes: &self.mfa_codes,
            network: self.clients.network(region),
            link_local: self.clients.link_local(),
            skip_imds: skip_imds && !self.deadline.is_waiting(),
            knows_instance: self.known.credentials,
        };
        let regions = self.sts_regions(region);
        let awaited = self.deadline.progress().awaits("AWS credentials".to_owned());
        // A process that is slow is no outage: without it, no rotated or denied value would ever be seen. The requests have their own time.
        let runs_process = self.settings.runs_process();
        let budget = if runs_process { self.budget.without_limit() } else { self.budget.clone() };
        let found = find_credentials(&self.settings, &regions, configs, &budget, &self.deadline).await;
        drop(awaited);
        if runs_process {
            self.start_limit();
        }
        self.base.insert(found).clone()
    }

    /// Returns the credentials of an assumed role, or without a role `base`.
    ///
    /// # Errors
    /// When the role was not assumed. The base credentials do not replace it.
    pub fn credentials<'a>(
        &'a self,
        role: Option<&Role>,
        base: &'a Credentials,
    ) -> Result<&'a Credentials, FetchError> {
        let Some(role) = role else { return Ok(base) };
        match self.roles.get(role) {
            Some(Ok(assumed)) => Ok(&assumed.credentials),
            Some(Err(error)) => Err(error.clone()),
            None => Err(sts::not_assumed(role)),
        }
    }

    /// Traces, once, which ARN AWS knows the credentials by.
    pub async fn trace_identities(&self, region: &Region, base: &Credentials) {
        let progress = self.deadline.progress();
        if !progress.is_traced() || self.identity.initialized() {
            return;
        }
        for role in std::iter::once(None).chain(self.roles.keys().map(Some)) {
            let arn = self.identity(role, region, base).await;
            progress.trace(|| Event::Identity { role: role.map(|role| role.arn.to_string()), arn });
        }
    }

    /// Returns the ARN of the identity of a role, or without a role of `base`, if STS answers in time.
    pub async fn identity(&self, role: Option<&Role>, region: &Region, base: &Credentials) -> Option<String> {
        match role {
            Some(role) => self.roles.get(role)?.as_ref().ok()?.identity.clone(),
            None => {
                let asking = || async {
                    let client = self.clients.client(Api::Sts, region, base).await.ok()?;
                    sts::identity(&client, &self.budget).await
                };
                self.identity.get_or_init(asking).await.clone()
            }
        }
    }

    /// Closes the connections, with which names and the file of roots are forgotten. The credentials are kept.
    #[must_use]
    pub fn rest(self) -> Self {
        Self { clients: Clients::new(Rc::clone(&self.settings), &self.deadline), ..self }
    }

    /// Forgets every failure, so that a process that polls for rotation retries after an outage.
    pub fn forget_failures(&mut self) {
        self.region.take_if(|region| region.is_err());
        self.base.take_if(|base| base.is_err());
        self.roles.retain(|_, assumed| assumed.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::model::answer::Denial;
    use crate::model::inherited::Inherited;
    use crate::model::options::AwsOptions;

    fn session() -> Session {
        let variables = [("AWS_ACCESS_KEY_ID", "AKIANEW"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let settings = Settings::new(&AwsOptions::default(), &Inherited::new(variables.into_iter())).unwrap();
        Session::new(settings, Deadline::new(Duration::from_secs(1), None))
    }

    fn role() -> Role {
        Role::parse("arn:aws:iam::123456789012:role/Reader", None).unwrap()
    }

    fn expiring_in(seconds: u64) -> Credentials {
        let expiry = SystemTime::now() + Duration::from_secs(seconds);
        Credentials::new("AKIABASE", "secret", None, Some(expiry), "test")
    }

    #[test]
    fn a_role_that_was_not_assumed_is_not_replaced_by_the_base_credentials() {
        let session = session();
        let base = expiring_in(3600);
        let refused = session.credentials(Some(&role()), &base);
        assert!(matches!(refused, Err(FetchError::Denied { cause: Denial::Role, .. })), "{refused:?}");
        assert_eq!(session.credentials(None, &base).unwrap().access_key_id(), "AKIABASE");
    }

    #[test]
    fn credentials_are_renewed_before_they_expire_and_not_sooner() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let region = Region::parse("us-east-1").unwrap();
        let mut session = session();
        session.base = Some(Ok(expiring_in(3600)));
        let known = runtime.block_on(session.base_credentials(&region)).unwrap();
        assert_eq!(known.access_key_id(), "AKIABASE");
        session.base = Some(Ok(expiring_in(5)));
        let renewed = runtime.block_on(session.base_credentials(&region)).unwrap();
        assert_eq!(renewed.access_key_id(), "AKIANEW");
    }
}
