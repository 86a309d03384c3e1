//! The client of the AWS Secrets Manager Agent, an HTTP service on this host that caches secrets.

mod response;
mod settings;

pub use settings::AgentSettings;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream;
use http::{HeaderName, HeaderValue, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use super::aws::{Requests, Settings, apply_settings, distribute, malformed_response};
use crate::backend::retry::{RetryBudget, retry};
use crate::model::answer::{Answers, Document, FetchError, FetchFailure, OutageKind, Refusal};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, Store};
use crate::net::connector::Connector;
use crate::net::errors::host_and_port;
use crate::net::http::{Bytes, HttpClient, HttpTimeouts};
use crate::net::pool::in_flight;
use crate::net::proxy::ProxySettings;
use crate::time::Deadline;

/// The name of the header with the token.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-aws-parameters-secrets-token");

/// The agent is on this host, where a connection opens or fails at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads secrets through the agent.
pub struct Agent {
    settings: AgentSettings,
    /// AWS's settings. Only the region, role, attempts and roots are used.
    aws_settings: Settings,
    budget: RetryBudget,
    http: HttpClient,
    /// True once `aws_settings` include the profile's.
    has_profile: bool,
}

impl Agent {
    /// Opens no file or connection before the first fetch.
    pub fn new(settings: AgentSettings, aws_settings: Settings, deadline: Deadline) -> Self {
        // With a fallback there is one attempt.
        let max_attempts = if settings.has_fallback {
            Some(1)
        } else {
            aws_settings.max_attempts
        };
        let budget = RetryBudget::new(deadline, max_attempts);
        let connector = Connector::new(&aws_settings.trust, &ProxySettings::default());
        let http = HttpClient::new(
            connector,
            HttpTimeouts {
                connect: Some(CONNECT_TIMEOUT),
                read: None,
            },
        );
        Self {
            settings,
            aws_settings,
            budget,
            http,
            has_profile: false,
        }
    }

    /// Returns the errors of those locators that the agent can never read by the settings, which have the profile's after
    /// [`Self::read_profile`].
    pub fn unsupported(&self, locators: &BTreeSet<&Locator>) -> Answers {
        let refused = locators.iter().filter_map(|locator| {
            let error = FetchError::Refused(Refusal::Agent(self.limit(locator)?));
            Some((
                (*locator).clone(),
                Err(FetchFailure::new(locator.region.clone(), error)),
            ))
        });
        refused.collect()
    }

    /// Completes the settings with those of the profile.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub fn read_profile(&mut self) -> Result<(), Problem> {
        if !self.has_profile {
            let progress = self.budget.progress();
            let _awaited = progress.awaits("the AWS configuration files".to_owned());
            apply_settings(&mut self.aws_settings, progress)?;
            self.has_profile = true;
        }
        Ok(())
    }

    /// Returns one answer for each of `wanted`, all of which the agent supports.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, Problem> {
        self.read_profile()?;
        let mut requests = Requests::new();
        for locator in wanted.iter().copied() {
            requests
                .entry(self.aws_settings.with_defaults(locator))
                .or_default()
                .push(locator);
        }
        let answered = self.read_all(requests.keys()).await;
        Ok(distribute(&requests, answered))
    }

    /// Returns the reason why the agent cannot read a locator: it reads in one region, assumes roles without an external id, and reads no
    /// parameters.
    fn limit(&self, locator: &Locator) -> Option<&'static str> {
        let configured = self.aws_settings.region.as_ref();
        if self
            .aws_settings
            .with_defaults(locator)
            .role
            .is_some_and(|role| role.external_id.is_some())
        {
            Some("passes on no external id for a role")
        } else if locator
            .region
            .as_ref()
            .zip(configured)
            .is_some_and(|(region, configured)| region != configured)
        {
            Some("reads only in its own region")
        } else if locator.store == Store::ParameterStore {
            Some("reads no parameters")
        } else {
            None
        }
    }

    async fn read_all(&self, requests: impl Iterator<Item = &Locator>) -> Answers {
        let awaited = self
            .budget
            .progress()
            .awaits("the token of the Secrets Manager Agent".to_owned());
        let token = &self.settings.find_token();
        drop(awaited);
        let reading = requests.map(async |request| {
            let _awaited = self.budget.progress().awaits(request.to_string());
            let found = match token {
                Err(error) => Err(FetchError::NoCredentials(error.clone())),
                Ok(token) => self.read(request, token).await,
            };
            (
                request.clone(),
                found.map_err(|error| FetchFailure::new(request.region.clone(), error)),
            )
        });
        in_flight(stream::iter(reading)).await
    }

    /// Reads one secret, with a fallback within half of the time.
    async fn read(&self, request: &Locator, token: &HeaderValue) -> Result<Document, FetchError> {
        let budget = if self.settings.has_fallback {
            self.budget.part(Instant::now(), 0, 2)
        } else {
            self.budget.clone()
        };
        let budget = budget.for_request(|| {
            format!(
                "{request} of the agent at {}",
                host_and_port(self.settings.url.uri())
            )
        });
        retry(&budget, async || self.send(request, token).await)
            .await
            .map_err(|error| match error {
                FetchError::Unavailable(mut outage) => {
                    if outage.kind == OutageKind::Connection {
                        outage.kind = OutageKind::AgentConnection;
                    }
                    outage.of("the Secrets Manager Agent").into()
                }
                error => error,
            })
    }

    async fn send(&self, request: &Locator, token: &HeaderValue) -> Result<Document, FetchError> {
        let http_request = Request::get(self.url(request))
            .header(TOKEN_HEADER, token)
            .body(Bytes::new());
        let http_request =
            http_request.map_err(|error| Refusal::Request(error.to_string().into()))?;
        let (head, body) = self.http.send(http_request).await?;
        let status = head.status.as_u16();
        match body {
            Ok(body) => response::parse(status, &body, request),
            Err(_) => Err(malformed_response(status, None).into()),
        }
    }

    fn url(
        &self,
        Locator {
            id, version, role, ..
        }: &Locator,
    ) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let url = self.settings.url.as_str().trim_end_matches('/');
        let id = escaped(&id.to_string());
        let parameter = |name: &str, value: Option<&str>| {
            value
                .map(|value| format!("&{name}={}", escaped(value)))
                .unwrap_or_default()
        };
        let (stage, version_id) = (
            parameter("versionStage", version.stage()),
            parameter("versionId", version.id()),
        );
        let role = parameter(
            "roleArn",
            role.as_ref().map(|role| role.arn.to_string()).as_deref(),
        );
        format!("{url}/secretsmanager/get?secretId={id}{stage}{version_id}{role}")
    }
}
