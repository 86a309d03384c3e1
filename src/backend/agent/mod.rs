//! The client of the AWS Secrets Manager Agent, an HTTP service on this host that caches secrets.

mod response;
mod settings;

pub use settings::AgentSettings;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use futures_util::future::join_all;
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::aws::{Settings, SetupError, UnreachableFile, apply_profile, classify_connector_error, malformed_response};
use super::fan_out::{FanOut, Permits};
use crate::model::answer::{
    AGENT, AgentLimit, Answer, Answers, CredentialsError, Document, FetchError, FetchFailure, Outage, Refusal, Wanted,
};
use crate::model::reference::{Locator, Region, Store};
use crate::net::connector::Connector;
use crate::net::errors::host_and_port;
use crate::net::http::{HttpTimeouts, Transport};
use crate::net::proxy::ProxySettings;
use crate::time::deadline::Deadline;
use crate::time::progress::WaitReason;
use crate::time::retry::{Retry, RetryBudget, retry};

/// The name of the header with the token.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-aws-parameters-secrets-token");

/// The agent is on this host, where a connection opens or fails at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads secrets through the agent.
pub struct Agent {
    settings: AgentSettings,
    /// AWS's settings. Only the region, role, attempts and roots are used.
    aws_settings: Settings,
    deadline: Deadline,
    budget: RetryBudget,
    http: SharedHttpConnector,
    /// True once `aws_settings` include the profile's.
    has_profile: bool,
}

impl Agent {
    /// Opens no file or connection before the first fetch.
    pub fn new(settings: AgentSettings, aws_settings: Settings, deadline: Deadline) -> Self {
        let budget = RetryBudget::new(deadline.clone(), aws_settings.max_attempts);
        // With a fallback, `--wait` waits for AWS.
        let awaited = (!settings.has_fallback).then(|| deadline.clone());
        let connector = Connector::new(&aws_settings.trust, &ProxySettings::default(), awaited);
        let http = Transport::new(connector).connector(HttpTimeouts { connect: Some(CONNECT_TIMEOUT), read: None });
        Self { settings, aws_settings, deadline, budget, http, has_profile: false }
    }

    /// Closes the connections.
    #[must_use]
    pub fn rest(self) -> Self {
        Self { has_profile: self.has_profile, ..Self::new(self.settings, self.aws_settings, self.deadline) }
    }

    /// Returns the errors of those locators that the agent can never read.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn unsupported(&mut self, locators: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        if locators.is_empty() {
            return Ok(Answers::new());
        }
        self.read_profile().await?;
        Ok(self.unsupported_offline(locators))
    }

    /// Does the same as [`Self::unsupported`] without the profile.
    pub fn unsupported_offline(&self, locators: &BTreeSet<&Locator>) -> Answers {
        let unsupported = locators.iter().filter_map(|locator| Some(refusal(locator, self.limit(locator)?)));
        unsupported.collect()
    }

    async fn read_profile(&mut self) -> Result<(), SetupError> {
        if !self.has_profile {
            let _awaited = self.deadline.progress().awaits("the AWS configuration files".to_owned());
            apply_profile(&mut self.aws_settings).await?;
            self.has_profile = true;
        }
        Ok(())
    }

    /// Returns one answer for each of `wanted`, all of which the agent supports.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        self.read_profile().await?;
        let mut requests = FanOut::new();
        wanted.iter().for_each(|locator| requests.add(self.request(locator), locator));
        let answered = self.read_all(requests.requests()).await;
        Ok(requests.distribute(answered))
    }

    /// AWS's configuration files that counted as absent, known after the first fetch.
    pub fn unreachable_files(&self) -> &[UnreachableFile] {
        &self.aws_settings.unreachable_files
    }

    /// Returns the reason why the agent cannot read a locator: it has one role and one region, and reads no parameters.
    fn limit(&self, locator: &Locator) -> Option<AgentLimit> {
        let configured = self.aws_settings.region.as_ref();
        let is_other = |region: &Region| configured.is_some_and(|configured| configured != region);
        if locator.role.is_some() || self.aws_settings.role.is_some() {
            Some(AgentLimit::Role)
        } else if locator.region.as_ref().is_some_and(is_other) {
            Some(AgentLimit::Region)
        } else if locator.store == Store::ParameterStore {
            Some(AgentLimit::Parameter)
        } else {
            None
        }
    }

    /// Returns the locator with the default region. A request names no region, since the agent reads in one.
    fn request(&self, locator: &Locator) -> Locator {
        debug_assert_eq!(self.limit(locator), None, "{locator:?}");
        let region = locator.region.as_ref().or(self.aws_settings.region.as_ref()).cloned();
        Locator { region, ..locator.clone() }
    }

    async fn read_all(&self, requests: impl Iterator<Item = &Locator>) -> Vec<(Locator, Answer)> {
        let token = {
            let _awaited = self.deadline.progress().awaits("the token of the Secrets Manager Agent".to_owned());
            self.token().await
        };
        if !self.settings.has_fallback {
            self.deadline.mark_credentials_found();
        }
        let permits = Permits::new();
        let (permits, token) = (&permits, &token);
        let reading = requests.map(|request| {
            let awaited = self.deadline.progress().awaits(name(request));
            async move {
                let found = match token {
                    Err(error) => Err(FetchError::NoCredentials(error.clone())),
                    Ok(token) => {
                        let found = permits.run(&self.budget, self.read(request, token)).await;
                        found.unwrap_or_else(|| Err(FetchError::Unavailable(Outage::unanswered())))
                    }
                };
                drop(awaited);
                (request.clone(), found.map_err(|error| FetchFailure::new(request.region.clone(), error)))
            }
        });
        join_all(reading).await
    }

    /// Reads one secret. With a fallback there is one attempt, within half of the budget.
    async fn read(&self, request: &Locator, token: &HeaderValue) -> Result<Document, FetchError> {
        let attempt = async || self.send(request, token).await;
        let agent = || host_and_port(self.settings.url.uri());
        let budget = self.budget.for_request(|| format!("{} of the agent at {}", name(request), agent()));
        let found = if self.settings.has_fallback {
            match budget.share(2).attempt(1, attempt()).await {
                Some(Ok(document)) => Ok(document),
                Some(Err(Retry::Permanent(error))) => Err(error),
                Some(Err(Retry::Transient(outage, _))) => Err(FetchError::Unavailable(outage)),
                None => Err(FetchError::Unavailable(Outage::unanswered())),
            }
        } else {
            retry(&budget, attempt).await
        };
        found.map_err(|error| match error {
            FetchError::Unavailable(outage) => {
                FetchError::Unavailable(outage.map_text(|why| format!("{AGENT}: {why}")))
            }
            FetchError::NotFound { .. }
            | FetchError::Denied { .. }
            | FetchError::Refused(_)
            | FetchError::NoCredentials(_)
            | FetchError::NoRegion => error,
        })
    }

    /// Finds the token; with `--wait` and without a fallback, waits for it.
    ///
    /// # Errors
    /// When there is no token, with the reason of each source.
    async fn token(&self) -> Result<HeaderValue, CredentialsError> {
        for attempts in 1.. {
            let error = match self.settings.find_token() {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            if let Some((source, why)) = error.tried.last() {
                self.deadline.progress().note_reason(WaitReason::Source(source, why.clone()));
            }
            let wait = self.deadline.wait().filter(|_| !self.settings.has_fallback);
            if wait.is_none() || !self.budget.pause(attempts, None, None).await {
                return Err(CredentialsError { temporary: error.temporary || wait.is_some(), waited: wait, ..error });
            }
        }
        Err(CredentialsError { what: Wanted::Token, tried: Vec::new(), temporary: true, waited: None })
    }

    async fn send(&self, request: &Locator, token: &HeaderValue) -> Result<Document, Retry> {
        let mut http_request = HttpRequest::empty();
        http_request.set_uri(self.url(request)).map_err(|error| Refusal::Request(error.to_string()))?;
        http_request.headers_mut().insert(TOKEN_HEADER, token.clone());
        let mut response = self.http.call(http_request).await.map_err(|error| classify_connector_error(&error))?;
        let status = response.status().as_u16();
        match response.take_body().collect().await {
            Ok(body) => response::read(status, &body.to_bytes(), request),
            Err(_) => Err(malformed_response(status).into()),
        }
    }

    fn url(&self, Locator { id, version, .. }: &Locator) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let url = self.settings.url.as_str().trim_end_matches('/');
        let id = escaped(&id.to_string());
        let parameter = |name: &str, value: Option<&str>| {
            value.map(|value| format!("&{name}={}", escaped(value))).unwrap_or_default()
        };
        let (stage, version_id) = (parameter("versionStage", version.stage()), parameter("versionId", version.id()));
        format!("{url}/secretsmanager/get?secretId={id}{stage}{version_id}")
    }
}

fn refusal(locator: &Locator, limit: AgentLimit) -> (Locator, Answer) {
    let error = FetchError::Refused(Refusal::Agent(limit));
    (locator.clone(), Err(FetchFailure::new(locator.region.clone(), error)))
}

/// The name of a request in progress lines and traces.
fn name(request: &Locator) -> String {
    format!("{} {}", request.store, request.id)
}
