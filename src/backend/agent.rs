//! The client of the AWS Secrets Manager Agent, an HTTP service on this host that caches secrets.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream;
use http::{HeaderName, HeaderValue, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::Instant;

use super::aws::{
    Requests, Settings, VariableReader, apply_settings, code_and_message, distribute,
    error_response, malformed_response, read_secret,
};
use crate::backend::retry::{RetryBudget, retry};
use crate::model::answer::{
    Again, Answers, CredentialsError, Denial, Document, FetchError, FetchFailure, Outage,
    OutageKind, Refusal,
};
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::reference::{Locator, Store};
use crate::model::url::HttpUrl;
use crate::net::connections::{Connector, in_flight};
use crate::net::errors::host_and_port;
use crate::net::http::{Bytes, HttpClient, HttpTimeouts};
use crate::net::proxy::ProxySettings;
use crate::system::os_error;
use crate::time::Deadline;

/// The file with the agent's token, which its installation creates: the last source that is tried.
const AGENT_TOKEN_FILE: &str = "/var/run/awssmatoken";

/// The remedy without a token that the agent accepts.
const TOKEN_REMEDY: &str = "set AWS_TOKEN to the token that the agent uses, or to its file: AWS_TOKEN=file:///path/to/token";

/// The URL of the agent, and the token that it requires in each request, as a protection against server-side request forgery.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    pub url: HttpUrl,
    /// AWS_TOKEN: a token, or `file://` and the path of one.
    token: Option<String>,
    /// True with `--agent-fallback`.
    pub has_fallback: bool,
}

impl AgentSettings {
    /// Reads the variable that the agent's other clients read.
    ///
    /// # Errors
    /// AWS_TOKEN is not UTF-8.
    pub fn new(
        url: HttpUrl,
        has_fallback: bool,
        inherited: &Inherited,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = VariableReader::new(inherited);
        let token = reader.text("AWS_TOKEN");
        reader.finish(Self {
            url,
            token,
            has_fallback,
        })
    }

    /// Returns the token of AWS_TOKEN, or else of the file of the agent's installation.
    ///
    /// # Errors
    /// When there is none, with the reason of each source.
    pub fn find_token(&self) -> Result<HeaderValue, CredentialsError> {
        let file = self
            .token
            .as_deref()
            .and_then(|token| token.strip_prefix("file://"));
        let (source, found) = match (&self.token, file) {
            (Some(_), Some(file)) => (format!("{file} (AWS_TOKEN)"), read_token(file)),
            (Some(token), None) => ("AWS_TOKEN".to_owned(), Ok(token.clone())),
            (None, _) => (
                format!("AWS_TOKEN is not set, and {AGENT_TOKEN_FILE}"),
                read_token(AGENT_TOKEN_FILE),
            ),
        };
        found.and_then(header).map_err(|why| {
            let text = format!("there is no token for the Secrets Manager Agent: {source} {why}");
            let mut error = CredentialsError::new(text, Again::Later).help(TOKEN_REMEDY);
            error.problem.code = "no-token";
            error
        })
    }
}

/// Returns the text of a file, or what is wrong with the file.
fn read_token(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        let why = os_error::text_of_file(path.as_ref(), &error);
        format!("can't be read: {why}")
    })
}

fn header(token: String) -> Result<HeaderValue, String> {
    match HeaderValue::try_from(token.trim_end()) {
        Ok(mut token) if !token.is_empty() => {
            token.set_sensitive(true);
            Ok(token)
        }
        Ok(_) | Err(_) => Err("does not contain a token".to_owned()),
    }
}

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
            aws_settings.app_id.as_deref(),
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
        let request = self.aws_settings.with_defaults(locator);
        let has_external_id = request.role.is_some_and(|role| role.external_id.is_some());
        let is_elsewhere = self
            .aws_settings
            .region()
            .is_some_and(|configured| request.region.as_ref() != Some(configured));

        if has_external_id {
            Some("doesn't pass on the external ID of a role")
        } else if is_elsewhere {
            Some("reads only from its own region")
        } else if locator.store == Store::ParameterStore {
            Some("can't read parameters")
        } else {
            None
        }
    }

    async fn read_all(&self, requests: impl Iterator<Item = &Locator>) -> Answers {
        let awaited = self
            .budget
            .progress()
            .awaits("the token of the Secrets Manager Agent".to_owned());
        let token = match self.settings.find_token() {
            Ok(token) => Ok(token),
            Err(error) => Err(self.without_token(error).await),
        };
        let token = &token;
        drop(awaited);
        let reading = requests.map(async |request| {
            let _awaited = self.budget.progress().awaits(request.to_string());
            let found = match token {
                Err(error) => Err(error.clone()),
                Ok(token) => self.read(request, token).await,
            };
            (
                request.clone(),
                found.map_err(|error| FetchFailure::new(request.region.clone(), error)),
            )
        });
        in_flight(stream::iter(reading)).await
    }

    /// Returns the error of a missing token, or that of the connection if no agent listens, which then is the reason.
    async fn without_token(&self, error: CredentialsError) -> FetchError {
        let connecting = self.http.connect(self.settings.url.uri());
        match self.budget.within(connecting).await {
            Some(Err(failure)) => of_agent(failure.into()),
            Some(Ok(())) | None => error.into(),
        }
    }

    /// Reads one secret, with a fallback within half of the time.
    async fn read(&self, request: &Locator, token: &HeaderValue) -> Result<Document, FetchError> {
        let budget = if self.settings.has_fallback {
            self.budget.part(Instant::now(), 0, 2)
        } else {
            self.budget.clone()
        };
        let host = host_and_port(self.settings.url.uri());
        let budget = budget.for_request(host, format!("{request} of the agent"));
        retry(&budget, async || self.send(request, token).await)
            .await
            .map_err(of_agent)
    }

    async fn send(&self, request: &Locator, token: &HeaderValue) -> Result<Document, FetchError> {
        let http_request = Request::get(self.url(request))
            .header(TOKEN_HEADER, token)
            .body(Bytes::new())
            .map_err(|error| Refusal::Request(error.to_string().into()))?;
        let (head, body) = self.http.send(http_request).await?;
        let status = head.status.as_u16();
        match body {
            Ok(body) => read_response(status, &body, request),
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
        let role = role.as_ref().map(|role| role.arn.to_string());
        let stage = parameter("versionStage", version.stage());
        let version_id = parameter("versionId", version.id());
        let role = parameter("roleArn", role.as_deref());
        format!("{url}/secretsmanager/get?secretId={id}{stage}{version_id}{role}")
    }
}

/// Names the agent in an outage.
fn of_agent(error: FetchError) -> FetchError {
    match error {
        FetchError::Unavailable(outage) => {
            let (kind, failed) = match outage.kind {
                OutageKind::Connection | OutageKind::Lookup | OutageKind::Silent => (
                    OutageKind::AgentConnection,
                    "the Secrets Manager Agent can't be reached",
                ),
                kind => (
                    kind,
                    "the Secrets Manager Agent did not answer with the secret",
                ),
            };
            Outage { kind, ..outage }.of(failed).into()
        }
        error => error,
    }
}

/// Reads a response. Of its body, only a value and the code and message of AWS's own errors are kept.
///
/// # Errors
/// The meaning of AWS's error code, or else of the status.
fn read_response(status: u16, body: &[u8], request: &Locator) -> Result<Document, FetchError> {
    if status == 200 {
        return read_document(body, request);
    }
    let Ok(Value::Object(error)) = serde_json::from_slice(body) else {
        return Err(classify_text(status, request.role.is_some()));
    };
    let (code, _) = code_and_message(&error);
    if status == 403 && code.is_none() {
        return Err(FetchError::denied(
            "HTTP status 403",
            Denial::PolicyOrMissing,
        ));
    }
    if code == Some("MaxRolesExceeded") {
        let text = "the Secrets Manager Agent can't assume another role, because it has reached its maximum number of roles";
        let help = "raise max_roles in the agent's configuration, or restart the agent, which keeps each role until then";
        return Err(CredentialsError::refused("role-denied", text)
            .help(help)
            .into());
    }
    match error_response(status, |_| None, body) {
        // The agent's own words: every error of AssumeRole is a 403.
        FetchError::Denied { message, .. } if message.text.contains("caching client from role") => {
            let text = "the Secrets Manager Agent could not assume the role";
            let help = "allow sts:AssumeRole in the policy of the agent's role, and the agent's role in the trust policy of the assumed role";
            let error = CredentialsError::refused("role-denied", text);
            Err(error.aws_says(message).help(help).into())
        }
        // A 403 is a denial with every code: neither the agent nor AWS is tried again.
        FetchError::Unavailable(outage) if status == 403 && outage.again.is_here() => {
            Err(FetchError::denied(outage.reason, Denial::PolicyOrMissing))
        }
        classified => Err(classified),
    }
}

/// Reads a secret. The agent was not told the region, so that a secret of this name in another one would be taken for the requested one.
fn read_document(body: &[u8], request: &Locator) -> Result<Document, FetchError> {
    let document = read_secret(body, &request.id, &request.version)?;
    match (&request.region, &document.region) {
        (Some(asked), Some(found)) if asked != found => {
            Err(Refusal::Agent("reads only from its own region").into())
        }
        (Some(_), None) => Ok(Document {
            region: request.region.clone(),
            ..document
        }),
        (Some(_) | None, _) => Ok(document),
    }
}

/// Classifies an error that is not JSON. Agents before 2.1 answer a role with a 400.
fn classify_text(status: u16, has_role: bool) -> FetchError {
    match status {
        403 => {
            let text = "the Secrets Manager Agent does not accept the token";
            let error = CredentialsError::refused("token-refused", text);
            error.help(TOKEN_REMEDY).into()
        }
        429 => Outage::new(OutageKind::Throttled, "too many connections").into(),
        500.. => Outage::new(OutageKind::Service, format!("HTTP status {status}")).into(),
        400 if has_role => Refusal::Agent(
            "refused the role, or is older than 2.1, the first version that assumes roles",
        )
        .into(),
        _ => Refusal::Request(
            format!("HTTP status {status}; is it the Secrets Manager Agent that listens there?")
                .into(),
        )
        .into(),
    }
}
