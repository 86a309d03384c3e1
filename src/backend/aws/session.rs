//! What all requests to AWS share: region, credentials, roles and clients, each settled once and first.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aws_credential_types::Credentials;
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::clients::Clients;
use super::config::{Settings, SetupError};
use super::credentials::Configs;
use super::protocol::{Api, classify_provider_error, text_of};
use super::request::Request;
use super::sts::Assumed;
use super::{config, credentials, parameter_store, sts};
use crate::model::answer::{Denial, FetchError, Outage};
use crate::model::reference::{Region, Role, Store};
use crate::net::errors::is_timeout;
use crate::time::deadline::Deadline;
use crate::time::retry::{Retry, RetryBudget};

/// What is settled before the first request, and kept for the later ones.
pub struct Session {
    settings: Rc<Settings>,
    pub clients: Clients,
    pub deadline: Deadline,
    pub budget: RetryBudget,
    /// `None` while it was not needed yet, as with the base credentials.
    region: Option<Result<Region, FetchError>>,
    base: Option<Result<Credentials, FetchError>>,
    roles: BTreeMap<Role, Result<Assumed, FetchError>>,
    /// Of the base credentials.
    identity: OnceCell<Option<String>>,
}

impl Session {
    /// Reads the configuration files.
    pub async fn open(mut settings: Settings, deadline: Deadline) -> Result<Self, SetupError> {
        config::apply(&mut settings).await?;
        let settings = Rc::new(settings);
        let budget = RetryBudget::new(deadline.clone(), settings.max_attempts);
        Ok(Self {
            clients: Clients::new(Rc::clone(&settings), &deadline),
            settings,
            deadline,
            budget,
            region: None,
            base: None,
            roles: BTreeMap::new(),
            identity: OnceCell::new(),
        })
    }

    /// The role that everything is read with that names none itself.
    pub fn default_role(&self) -> Option<&Role> {
        self.settings.role.as_ref()
    }

    /// Where what belongs to `region` is read: there, then in the fallback regions.
    pub fn regions(&self, region: &Region) -> Vec<Region> {
        let mut regions = vec![region.clone()];
        for fallback in &self.settings.fallback_regions {
            if !regions.contains(fallback) {
                regions.push(fallback.clone());
            }
        }
        regions
    }

    /// Where everything is read that names no region itself: option, variables, profile, instance metadata.
    pub async fn default_region(&mut self) -> Result<Region, FetchError> {
        if let Some(known) = &self.region {
            return known.clone();
        }
        let region = match &self.settings.region {
            Some(region) => Ok(region.clone()),
            None => self.instance_region().await,
        };
        self.region.insert(region).clone()
    }

    /// Asks the instance metadata service for the region. Without the service, or where AWS_EC2_METADATA_DISABLED forbids asking
    /// it, there is none; a service that does not answer is an outage.
    async fn instance_region(&self) -> Result<Region, FetchError> {
        if self.settings.metadata.is_disabled {
            return Err(FetchError::NoRegion);
        }
        let client = credentials::metadata_client(&self.settings, &self.clients.near());
        let why = |text: String| format!("the instance metadata, asked for the region: {text}");
        let mut last = Outage::Timeout(why("no answer in time".to_owned()));
        for attempts in 1.. {
            let asked = self.budget.within(client.get("/latest/meta-data/placement/region"));
            let outage = match asked.await {
                None => break,
                Some(Ok(region)) => match Region::parse(region.as_ref().trim()) {
                    Ok(region) => return Ok(region),
                    Err(_) => Outage::MalformedResponse("an answer that is no region".to_owned()),
                },
                Some(Err(error)) if is_timeout(&error) => Outage::Timeout(text_of(&error)),
                Some(Err(error)) => match classify_provider_error(&error) {
                    Retry::Transient(
                        outage @ (Outage::Service(_) | Outage::Throttled(_) | Outage::MalformedResponse(_)),
                        _,
                    ) => outage,
                    // With `--wait`, an unreachable service may still come up.
                    _ if self.deadline.is_waiting() => Outage::Connection(text_of(&error)),
                    _ => return Err(FetchError::NoRegion),
                },
            };
            // Off EC2, the service never answers: a timeout is not retried.
            let is_last = matches!(outage, Outage::Timeout(_)) && !self.deadline.is_waiting();
            last = outage.map_text(why);
            self.deadline.note_wait_reason(last.text());
            if is_last || !self.budget.pause(attempts, Some(&last), None).await {
                break;
            }
        }
        Err(FetchError::Unavailable(last))
    }

    /// Where STS is asked: in the configured region, else in one that something is read in; then in the fallback regions.
    fn sts_regions(&self, region: &Region) -> Vec<Region> {
        self.regions(self.settings.region.as_ref().unwrap_or(region))
    }

    /// Begins to connect to where `requests` will be sent, if it takes time to get the credentials for them.
    pub async fn prepare(&self, requests: &[Request]) {
        let is_signed_at_once = |request: &Request| self.settings.has_static_keys() && request.role.is_none();
        let mut places: BTreeMap<(Store, &Region), usize> = BTreeMap::new();
        for request in requests.iter().filter(|request| !is_signed_at_once(request)) {
            *places.entry((request.store, &request.region)).or_default() += 1;
        }
        for ((store, region), count) in places {
            let connections = match store {
                Store::SecretsManager => count,
                Store::ParameterStore => count.div_ceil(parameter_store::BATCH),
            };
            self.clients.prepare(store.into(), region, connections).await;
        }
    }

    /// The credentials that were found; `region` is one that something is read in.
    pub async fn base_credentials(&mut self, region: &Region) -> Result<Credentials, FetchError> {
        match &self.base {
            Some(known) => known.clone(),
            None => {
                // Once is enough to know that nobody is there.
                let is_silent = matches!(self.region, Some(Err(FetchError::Unavailable(Outage::Timeout(_)))));
                let configs = |region: &Region| Configs {
                    far: self.clients.far(region),
                    near: self.clients.near(),
                    is_silent: is_silent && !self.deadline.is_waiting(),
                };
                let regions = self.sts_regions(region);
                let found = credentials::find(&self.settings, &regions, configs, &self.budget, &self.deadline).await;
                self.base.insert(found).clone()
            }
        }
    }

    /// Assumes every role that is not known yet, all at once.
    pub async fn assume(&mut self, roles: BTreeSet<Role>, region: &Region, base: &Credentials) {
        let new = roles.into_iter().filter(|role| !self.roles.contains_key(role));
        let assuming = new.map(|role| self.assume_one(role, region, base));
        let assumed = join_all(assuming).await;
        self.roles.extend(assumed);
    }

    async fn assume_one(&self, role: Role, region: &Region, base: &Credentials) -> (Role, Result<Assumed, FetchError>) {
        let regions = self.sts_regions(region);
        let mut assumed = Err(FetchError::Unavailable(Outage::unanswered()));
        for (index, region) in regions.iter().enumerate() {
            let budget = self.budget.share(regions.len() - index);
            assumed = match self.clients.client(Api::Sts, region, base).await {
                Ok(client) => sts::assume(&client, &role, &budget).await,
                Err(error) => Err(error),
            };
            if !matches!(assumed, Err(FetchError::Unavailable(_))) {
                break;
            }
        }
        (role, assumed)
    }

    /// The credentials of a role that was assumed, or without a role the base ones.
    ///
    /// # Errors
    /// When the role could not be assumed. A role that was never assumed is an error, not a read with the base credentials.
    pub fn credentials<'a>(
        &'a self,
        role: Option<&Role>,
        base: &'a Credentials,
    ) -> Result<&'a Credentials, FetchError> {
        let Some(role) = role else { return Ok(base) };
        match self.roles.get(role) {
            Some(Ok(assumed)) => Ok(&assumed.credentials),
            Some(Err(error)) => Err(error.clone()),
            None => Err(FetchError::Denied {
                message: format!("{}: the role was not assumed", role.arn),
                cause: Denial::Role,
                identity: None,
            }),
        }
    }

    /// Whose credentials these are, as far as STS tells it.
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
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::inherited::Inherited;
    use crate::model::options::Options;

    #[test]
    fn a_role_that_nobody_assumed_does_not_read_with_the_base_credentials() {
        let settings = Rc::new(Settings::new(&Options::default(), &Inherited::new(std::iter::empty())).unwrap());
        let deadline = Deadline::new(Duration::from_secs(1), None);
        let session = Session {
            clients: Clients::new(Rc::clone(&settings), &deadline),
            settings,
            budget: RetryBudget::new(deadline.clone(), None),
            deadline,
            region: None,
            base: None,
            roles: BTreeMap::new(),
            identity: OnceCell::new(),
        };
        let base = Credentials::new("AKIABASE", "secret", None, None, "test");
        let role = Role::parse("arn:aws:iam::123456789012:role/Reader", None).unwrap();
        let refused = session.credentials(Some(&role), &base);
        assert!(matches!(refused, Err(FetchError::Denied { cause: Denial::Role, .. })), "{refused:?}");
        assert_eq!(session.credentials(None, &base).unwrap().access_key_id(), "AKIABASE");
    }
}
