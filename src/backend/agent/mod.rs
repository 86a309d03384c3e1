//! The AWS Secrets Manager Agent, and Lambda's extension: a cache for all of a host that speaks HTTP next to us.

mod answer;
mod settings;
mod token;

pub use settings::AgentSettings;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use futures_util::future::join_all;
use http::HeaderValue;
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;

use crate::backend::aws;
use crate::backend::aws::{ArnScope, Aws, Settings, SetupError, classify_connector_error};
use crate::model::answer::{
    Answers, BeyondAgent, CredentialsError, Document, FetchError, FetchFailure, Outage, Refusal, Wanted,
};
use crate::model::reference::{Locator, Region, SecretId, Store, Version};
use crate::net::connector::{Connector, MAX_CONNECTIONS};
use crate::net::http::Transport;
use crate::net::proxy::ProxySettings;
use crate::time::deadline::{Deadline, Waiting};
use crate::time::retry::{Retry, RetryBudget, retry};

/// The agent is next to us, or not there at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads secrets through the agent.
pub struct Agent {
    settings: AgentSettings,
    /// The configured region, and the role that it cannot take.
    aws_settings: Settings,
    /// What is asked when the agent cannot be (`--agent-fallback`).
    fallback: Option<Aws>,
    deadline: Deadline,
    budget: RetryBudget,
    http: SharedHttpConnector,
    tell: fn(&Waiting),
    is_open: bool,
}

/// A request to the agent, without region and role: those are the agent's own.
type Request = (Store, SecretId, Version);

impl Agent {
    /// Nothing is read or asked before the first secret is wanted. `tell` is told what a long wait is for.
    pub fn new(settings: AgentSettings, aws_settings: Settings, tell: fn(&Waiting)) -> Self {
        let deadline = Deadline::new(aws_settings.timeout, aws_settings.wait);
        let fallback = settings.fallback.then(|| Aws::within(aws_settings.clone(), deadline.clone(), tell));
        let budget = RetryBudget::new(deadline.clone(), aws_settings.max_attempts);
        // Where AWS is there to be asked, it is what is waited for.
        let awaiting = fallback.is_none().then(|| deadline.clone());
        let dialer = Connector::new(&aws_settings.trust, &ProxySettings::default(), awaiting);
        let http = Transport::new(dialer).connector((Some(CONNECT_TIMEOUT), None));
        Self { settings, aws_settings, fallback, deadline, budget, http, tell, is_open: false }
    }

    pub fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        if !self.is_open {
            aws::apply(&mut self.aws_settings).await?;
            self.is_open = true;
        }
        let mut answers = Vec::new();
        let mut requests: BTreeMap<Request, Vec<&Locator>> = BTreeMap::new();
        for locator in wanted.iter().copied() {
            match self.beyond(locator) {
                Some(beyond) => {
                    let failure =
                        FetchFailure::new(locator.region.clone(), FetchError::Refused(Refusal::Agent(beyond)));
                    answers.push((locator.clone(), Err(failure)));
                }
                None => requests
                    .entry((locator.store, locator.id.clone(), locator.version.clone()))
                    .or_default()
                    .push(locator),
            }
        }
        let found = self.deadline.reporting(self.tell, self.read_all(requests.keys())).await;
        let mut unanswered = BTreeSet::new();
        for (locators, found) in requests.values().zip(found) {
            match &found {
                Err(error) if self.fallback.is_some() && is_unanswered(error) => unanswered.extend(locators),
                _ => answers.extend(locators.iter().map(|locator| {
                    let region = locator.region.as_ref().or(self.aws_settings.region.as_ref());
                    let found = found.as_ref().map_err(Clone::clone).and_then(|document| in_region(document, region));
                    ((*locator).clone(), found.map_err(|error| FetchFailure::new(region.cloned(), error)))
                })),
            }
        }
        match &mut self.fallback {
            Some(aws) if !unanswered.is_empty() => answers.extend(aws.fetch(&unanswered).await?),
            Some(_) | None => {}
        }
        Ok(answers)
    }
}

/// A copy of the agent's answer, unless the agent reads in another region than the one that is wanted.
fn in_region(document: &Document, wanted: Option<&Region>) -> Result<Document, FetchError> {
    let origin = |region: Option<&Region>| ArnScope { region: region.cloned(), account: None };
    origin(wanted).accepts(&origin(document.region.as_ref())).map(|()| document.copy())
}

/// Whether the agent said nothing of the secret, so that AWS may be asked itself. A denial of any kind is an answer, and a clock
/// that is wrong is wrong for both.
fn is_unanswered(error: &FetchError) -> bool {
    match error {
        FetchError::Unavailable(Outage::ClockSkew(_)) => false,
        FetchError::Unavailable(_) | FetchError::NoCredentials(_) => true,
        FetchError::NotFound { .. } | FetchError::Denied { .. } | FetchError::Refused(_) | FetchError::NoRegion => {
            false
        }
    }
}

impl Agent {
    /// Why the agent cannot read something: it has one role and one region, whatever is asked of it.
    fn beyond(&self, locator: &Locator) -> Option<BeyondAgent> {
        let configured = self.aws_settings.region.as_ref();
        let is_elsewhere = |region: &Region| configured.is_some_and(|configured| configured != region);
        if locator.role.is_some() || self.aws_settings.role.is_some() {
            Some(BeyondAgent::Role)
        } else if locator.region.as_ref().is_some_and(is_elsewhere) {
            Some(BeyondAgent::Region)
        } else if locator.store == Store::ParameterStore && !self.settings.in_lambda {
            Some(BeyondAgent::Parameter)
        } else {
            None
        }
    }

    async fn read_all(&self, requests: impl Iterator<Item = &Request>) -> Vec<Result<Document, FetchError>> {
        let token = self.token().await;
        if self.fallback.is_none() {
            self.deadline.mark_credentials_found();
        }
        let places = Semaphore::new(MAX_CONNECTIONS);
        let reading = requests.map(|request| {
            let (token, places) = (&token, &places);
            async move {
                let token = token.as_ref().map_err(|error| FetchError::NoCredentials(error.clone()))?;
                match self.budget.within(places.acquire()).await {
                    Some(Ok(_place)) => self.read(request, token).await,
                    // The semaphore is never closed.
                    Some(Err(_)) | None => Err(FetchError::Unavailable(Outage::unanswered())),
                }
            }
        });
        join_all(reading).await
    }

    /// With somebody else to ask the agent is asked once, in half of the time; else until it answers.
    async fn read(&self, request: &Request, token: &HeaderValue) -> Result<Document, FetchError> {
        let attempt = async || self.send(request, token).await;
        let found =
            if self.fallback.is_none() { retry(&self.budget, attempt).await } else { self.ask_once(attempt()).await };
        found.map_err(|error| match error {
            FetchError::Unavailable(outage) => {
                FetchError::Unavailable(outage.map_text(|why| format!("the Secrets Manager Agent: {why}")))
            }
            other => other,
        })
    }

    async fn ask_once(&self, attempt: impl Future<Output = Result<Document, Retry>>) -> Result<Document, FetchError> {
        match self.budget.share(2).within(attempt).await {
            Some(Ok(document)) => Ok(document),
            Some(Err(Retry::Permanent(error))) => Err(error),
            Some(Err(Retry::Transient(outage, _))) => Err(FetchError::Unavailable(outage)),
            None => Err(FetchError::Unavailable(Outage::unanswered())),
        }
    }

    async fn token(&self) -> Result<HeaderValue, CredentialsError> {
        for attempts in 1.. {
            let error = match token::find(&self.settings) {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            if let Some((source, why)) = error.tried.last() {
                self.deadline.note_wait_reason(&format!("{source}: {why}"));
            }
            let waits = self.deadline.is_waiting() && self.fallback.is_none();
            if !waits || !self.budget.pause(attempts, None, None).await {
                let waited = self.aws_settings.wait.filter(|_| waits);
                return Err(CredentialsError { temporary: waited.is_some(), waited, ..error });
            }
        }
        Err(CredentialsError { what: Wanted::Token, tried: Vec::new(), temporary: true, waited: None })
    }

    async fn send(&self, request: &Request, token: &HeaderValue) -> Result<Document, Retry> {
        let mut asking = HttpRequest::empty();
        let refused = |text: String| Retry::Permanent(FetchError::Refused(Refusal::Request(text)));
        asking.set_uri(self.url(request)).map_err(|error| refused(error.to_string()))?;
        asking.headers_mut().insert(token::HEADER, token.clone());
        let mut response = self.http.call(asking).await.map_err(|error| classify_connector_error(&error))?;
        let status = response.status().as_u16();
        match response.take_body().collect().await {
            Ok(body) => answer::read(status, &body.to_bytes(), &request.1, &request.2),
            Err(_) => Err(answer::unreadable(status)),
        }
    }

    fn url(&self, (store, id, version): &Request) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let url = self.settings.url.trim_end_matches('/');
        let parameter = |name: &str, value: Option<&str>| {
            value.map(|value| format!("&{name}={}", escaped(value))).unwrap_or_default()
        };
        match store {
            Store::SecretsManager => format!(
                "{url}/secretsmanager/get?secretId={}{}{}",
                escaped(id.as_str()),
                parameter("versionStage", version.stage()),
                parameter("versionId", version.id()),
            ),
            Store::ParameterStore => format!(
                "{url}/systemsmanager/parameters/get?name={}&withDecryption=true{}{}",
                escaped(id.as_str().strip_prefix("ssm:").unwrap_or(id.as_str())),
                parameter("label", version.label()),
                parameter("version", version.id()),
            ),
        }
    }
}
