//! The AWS Secrets Manager Agent, and Lambda's extension: an HTTP service on this host that caches secrets.

mod answer;
mod request;
mod settings;
mod token;

pub use settings::AgentSettings;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use futures_util::future::join_all;
use http::HeaderValue;
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::aws::{Settings, SetupError, apply_profile, classify_connector_error};
use super::fan_out::{FanOut, Permits};
use crate::model::answer::{
    AgentLimit, Answer, Answers, CredentialsError, Document, FetchError, FetchFailure, Outage, Refusal, Wanted,
};
use crate::model::reference::{Locator, Region, Store};
use crate::net::connector::Connector;
use crate::net::http::{HttpTimeouts, Transport};
use crate::net::proxy::ProxySettings;
use crate::time::deadline::{Deadline, Waiting};
use crate::time::retry::{Retry, RetryBudget, retry};
use request::AgentRequest;

/// A service of this host answers at once, or is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads secrets through the agent.
pub struct Agent {
    settings: AgentSettings,
    /// The configured region, and the role that the agent cannot assume.
    aws_settings: Settings,
    deadline: Deadline,
    budget: RetryBudget,
    http: SharedHttpConnector,
    report: fn(&Waiting),
    is_open: bool,
}

impl Agent {
    /// Reads and asks nothing before the first fetch. `report` is called for a long wait.
    pub fn new(settings: AgentSettings, aws_settings: Settings, deadline: Deadline, report: fn(&Waiting)) -> Self {
        let budget = RetryBudget::new(deadline.clone(), aws_settings.max_attempts);
        // With a fallback, `--wait` waits for AWS.
        let awaited = (!settings.has_fallback).then(|| deadline.clone());
        let connector = Connector::new(&aws_settings.trust, &ProxySettings::default(), awaited);
        let http = Transport::new(connector).connector(HttpTimeouts { connect: Some(CONNECT_TIMEOUT), read: None });
        Self { settings, aws_settings, deadline, budget, http, report, is_open: false }
    }

    /// Answers every one of `wanted`.
    ///
    /// # Errors
    /// When AWS's configuration files, or the profile in them, are wrong.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        if !self.is_open {
            apply_profile(&mut self.aws_settings).await?;
            self.is_open = true;
        }
        let mut answers = Vec::new();
        let mut requests = FanOut::new();
        for locator in wanted.iter().copied() {
            match self.request(locator) {
                Ok(request) => requests.add(request, locator),
                Err(limit) => {
                    let error = FetchError::Refused(Refusal::Agent(limit));
                    answers.push((locator.clone(), Err(FetchFailure::new(locator.region.clone(), error))));
                }
            }
        }
        let answered = self.deadline.reporting(self.report, self.read_all(requests.requests())).await;
        answers.extend(requests.distribute(answered));
        Ok(answers)
    }

    /// The request for a locator. The agent has one role and one region.
    fn request(&self, locator: &Locator) -> Result<AgentRequest, AgentLimit> {
        let configured = self.aws_settings.region.as_ref();
        let is_elsewhere = |region: &Region| configured.is_some_and(|configured| configured != region);
        if locator.role.is_some() || self.aws_settings.role.is_some() {
            Err(AgentLimit::Role)
        } else if locator.region.as_ref().is_some_and(is_elsewhere) {
            Err(AgentLimit::Region)
        } else if locator.store == Store::ParameterStore && !self.settings.in_lambda {
            Err(AgentLimit::Parameter)
        } else {
            let region = locator.region.as_ref().or(configured).cloned();
            let Locator { store, id, version, .. } = locator.clone();
            Ok(AgentRequest { store, id, version, region })
        }
    }

    async fn read_all(&self, requests: impl Iterator<Item = &AgentRequest>) -> Vec<(AgentRequest, Answer)> {
        let token = self.token().await;
        if !self.settings.has_fallback {
            self.deadline.mark_credentials_found();
        }
        let permits = Permits::new();
        let reading = requests.map(async |request| {
            let found = match &token {
                Err(error) => Err(FetchError::NoCredentials(error.clone())),
                Ok(token) => {
                    let found = permits.run(&self.budget, self.read(request, token)).await;
                    found.unwrap_or_else(|| Err(FetchError::Unavailable(Outage::unanswered())))
                }
            };
            (request.clone(), found.map_err(|error| FetchFailure::new(request.region.clone(), error)))
        });
        join_all(reading).await
    }

    /// Reads one secret. With a fallback the agent is asked once, within half of the budget.
    async fn read(&self, request: &AgentRequest, token: &HeaderValue) -> Result<Document, FetchError> {
        let attempt = async || self.send(request, token).await;
        let found = if self.settings.has_fallback {
            match self.budget.share(2).within(attempt()).await {
                Some(Ok(document)) => Ok(document),
                Some(Err(Retry::Permanent(error))) => Err(error),
                Some(Err(Retry::Transient(outage, _))) => Err(FetchError::Unavailable(outage)),
                None => Err(FetchError::Unavailable(Outage::unanswered())),
            }
        } else {
            retry(&self.budget, attempt).await
        };
        found.map_err(|error| match error {
            FetchError::Unavailable(outage) => {
                FetchError::Unavailable(outage.map_text(|why| format!("the Secrets Manager Agent: {why}")))
            }
            other => other,
        })
    }

    /// The token; with `--wait` and without a fallback, waits for it.
    async fn token(&self) -> Result<HeaderValue, CredentialsError> {
        for attempts in 1.. {
            let error = match token::find(&self.settings) {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            if let Some((source, why)) = error.tried.last() {
                self.deadline.note_wait_reason(&format!("{source}: {why}"));
            }
            let wait = self.deadline.wait().filter(|_| !self.settings.has_fallback);
            if wait.is_none() || !self.budget.pause(attempts, None, None).await {
                return Err(CredentialsError { temporary: wait.is_some(), waited: wait, ..error });
            }
        }
        Err(CredentialsError { what: Wanted::Token, tried: Vec::new(), temporary: true, waited: None })
    }

    async fn send(&self, request: &AgentRequest, token: &HeaderValue) -> Result<Document, Retry> {
        let mut http_request = HttpRequest::empty();
        let refused = |text: String| Retry::Permanent(FetchError::Refused(Refusal::Request(text)));
        http_request.set_uri(self.url(request)).map_err(|error| refused(error.to_string()))?;
        http_request.headers_mut().insert(token::HEADER, token.clone());
        let mut response = self.http.call(http_request).await.map_err(|error| classify_connector_error(&error))?;
        let status = response.status().as_u16();
        match response.take_body().collect().await {
            Ok(body) => answer::read(status, &body.to_bytes(), request),
            Err(_) => Err(answer::malformed(status)),
        }
    }

    fn url(&self, AgentRequest { store, id, version, .. }: &AgentRequest) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let url = self.settings.url.as_str().trim_end_matches('/');
        let id = escaped(&id.to_string());
        let parameter = |name: &str, value: Option<&str>| {
            value.map(|value| format!("&{name}={}", escaped(value))).unwrap_or_default()
        };
        match store {
            Store::SecretsManager => format!(
                "{url}/secretsmanager/get?secretId={id}{}{}",
                parameter("versionStage", version.stage()),
                parameter("versionId", version.id()),
            ),
            Store::ParameterStore => format!(
                "{url}/systemsmanager/parameters/get?name={id}&withDecryption=true{}{}",
                parameter("label", version.label()),
                parameter("version", version.id()),
            ),
        }
    }
}
