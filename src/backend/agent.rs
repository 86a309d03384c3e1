//! The backend of `--agent`: it reads secrets from the AWS Secrets Manager Agent, an HTTP service
//! on this host that caches secrets for all programs.
//!
//! The agent has its own credentials. Instead of a signature, a request carries a token, which
//! protects the agent against server-side request forgery. The token is sent only to this host or
//! over https, and never through a proxy.
//!
//! The agent reads from only one region, can't read parameters, and assumes roles only since
//! version 2.1. If the agent can't read a secret, secrets-exec doesn't ask AWS instead.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream;
use http::{HeaderName, HeaderValue, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::aws::{
    LocatorsByRequest, Settings, apply_settings, code_and_message, distribute, malformed_response,
    not_sent, parse_secret, parse_service_error,
};
use crate::model::answer::{Answers, Document};
use crate::model::message::{
    Again, Cause, Denial, FetchError, FetchResult, Operation, OutageKind, Placed, Problem, Refusal,
};
use crate::model::reference::{Locator, Role, Store};
use crate::model::url::HttpUrl;
use crate::net::{Bytes, HttpClient, TimeLimits, host_and_port, in_flight};
use crate::system::os_error;
use crate::system::redaction::{conceal, redacted_line};
use crate::time::{Deadline, RetryBudget, Turns};

/// The file where the agent's installer stores the token.
const AGENT_TOKEN_FILE: &str = "/var/run/awssmatoken";

const TOKEN_REMEDY: &str = "set AWS_TOKEN to the token that the agent uses, or to its file: AWS_TOKEN=file:///path/to/token";

/// Finds the token, as a header value. `variable` is the value of AWS_TOKEN, if it is set: the
/// token itself, or `file:///path/to/token`.
fn find_token(variable: Option<&str>) -> FetchResult<HeaderValue> {
    let (source, token) = if let Some(text) = variable {
        match text.strip_prefix("file://") {
            Some(file) => (format!("{file} (AWS_TOKEN)"), read_token(file)),
            None => ("AWS_TOKEN".to_owned(), Ok(text.to_owned())),
        }
    } else {
        let source = format!("AWS_TOKEN isn't set, and {AGENT_TOKEN_FILE}");
        (source, read_token(AGENT_TOKEN_FILE))
    };

    token.and_then(token_header).map_err(|why| {
        let text =
            format!("there is no token for the Secrets Manager Agent, because {source} {why}");
        let error = FetchError::credentials_refused("no-token", text);
        // With `--wait`, the launch tries again: while a machine boots, the file may not exist yet.
        error.again(Again::Later).help(TOKEN_REMEDY)
    })
}

/// The error completes a sentence that begins with the file's name.
fn read_token(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| {
        let why = os_error::file_error_text(path.as_ref(), &error);
        format!("can't be read: {why}")
    })
}

/// Makes a header value of the token, without trailing white space, and keeps the token out of
/// messages. The error completes a sentence about the token's source.
fn token_header(token: String) -> Result<HeaderValue, String> {
    conceal([token.trim_end()]);
    let mut header = HeaderValue::try_from(token.trim_end())
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or("doesn't contain a token")?;
    header.set_sensitive(true);
    Ok(header)
}

const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-aws-parameters-secrets-token");

/// The time limit for each step of opening a connection, short because the agent usually runs on
/// this host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

pub struct Agent {
    url: Placed<HttpUrl>,
    /// Only the default region, the default role and the agent's token are used.
    settings: Settings,
    budget: RetryBudget<'static>,
    http: HttpClient,
    pub turns: Turns,
}

impl Agent {
    /// Creates a client for the agent that listens at `url`.
    pub fn new(url: Placed<HttpUrl>, settings: &Settings, deadline: &Deadline) -> Self {
        let limits = TimeLimits {
            connect: CONNECT_TIMEOUT,
            // There is no limit here, because the retry budget limits the request as a whole.
            read: Duration::MAX,
        };
        Self {
            url,
            budget: RetryBudget::new(deadline.clone(), settings.max_attempts),
            http: HttpClient::new(&settings.http, limits).without_proxy(),
            settings: settings.clone(),
            turns: Turns::default(),
        }
    }

    /// Answers each locator in `wanted`.
    ///
    /// Reads AWS's configuration files first, because the profile may set the region. Without a
    /// token, no secret is requested.
    pub async fn answers(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, Problem> {
        let progress = self.budget.progress();
        let awaited = progress.awaits("the AWS configuration files".to_owned());
        apply_settings(&mut self.settings, progress)?;
        drop(awaited);

        let mut answers = Answers::new();
        let mut grouped = LocatorsByRequest::<Locator>::new();
        for locator in wanted.iter().copied() {
            let located = self.settings.with_defaults(locator);
            if let Some(why) = self.unsupported_reason(&located) {
                answers.insert(
                    locator.clone(),
                    Err(self
                        .unsupported_error(why)
                        .in_region(locator.region.clone())),
                );
            } else {
                grouped.entry(located).or_default().push(locator);
            }
        }
        if grouped.is_empty() {
            return Ok(answers);
        }

        let found_token = self.token().await;
        let reading = grouped.keys().map(async |located| {
            let _awaited = progress.awaits(located.to_string());
            let found = match &found_token {
                Err(error) => Err(error.clone()),
                Ok(token) => self.read(located, token).await,
            };
            let answer = found.map_err(|error| error.in_region(located.region.clone()));
            (located.clone(), answer)
        });
        let answered = in_flight(stream::iter(reading)).await;
        answers.extend(distribute(grouped, answered));
        Ok(answers)
    }

    /// Why the agent can't read a secret, or `None` if it can. The reason completes a sentence
    /// about the agent.
    fn unsupported_reason(&self, located: &Locator) -> Option<&'static str> {
        let role = located.role.as_ref();
        let has_external_id = role.is_some_and(|role| role.external_id.is_some());
        // We assume that the agent reads from the region that is configured here. `parse_response`
        // checks the region of the secret that the agent returns.
        let configured = self.settings.region();
        let is_elsewhere = configured.is_some() && located.region.as_ref() != configured;

        if has_external_id {
            Some("doesn't pass on the external id of a role")
        } else if is_elsewhere {
            Some("reads only from its own region, and the ARN or alias names another one")
        } else if located.store == Store::ParameterStore {
            Some("reads only secrets")
        } else {
            None
        }
    }

    /// If there is no token, and the agent can't be reached either, the error is the connection
    /// error, because a token wouldn't help.
    async fn token(&self) -> FetchResult<HeaderValue> {
        let what = "the token of the Secrets Manager Agent";
        let _awaited = self.budget.progress().awaits(what.to_owned());
        let found = find_token(self.settings.agent_token.as_deref());
        if found.is_ok() {
            return found;
        }

        let connecting = self.http.connector.connect(self.url.value.uri());
        if let Some(Err(failure)) = self.budget.within(connecting).await {
            let failure = failure.for_host_named_in(&self.url.place);
            return Err(self.with_agent_headline(failure));
        }
        found
    }

    async fn read(&self, located: &Locator, token: &HeaderValue) -> FetchResult<Document> {
        let name = format!("{located} through the agent");
        let host = host_and_port(self.url.value.uri());
        let budget = self.budget.for_request(host, &name);
        let reading = budget.retry(&self.turns, async |_| self.read_once(located, token).await);
        reading
            .await
            .map_err(|error| self.with_agent_headline(error))
    }

    async fn read_once(&self, located: &Locator, token: &HeaderValue) -> FetchResult<Document> {
        let request = Request::get(self.request_url(located))
            .header(TOKEN_HEADER, token)
            .body(Bytes::new())
            .map_err(not_sent)?;
        let (response, body) = self
            .http
            .send(request)
            .await
            .map_err(|failure| failure.for_host_named_in(&self.url.place))?;
        let status = response.status.as_u16();
        // A body that breaks off or is too long is an outage, like a response that isn't from AWS.
        let body = body.map_err(|_| malformed_response(status, None))?;
        self.parse_response(status, &body, located)
    }

    /// The URL of a request, such as `http://localhost:2773/secretsmanager/get?secretId=…`. It
    /// doesn't name a region, because the agent always reads from its own region.
    fn request_url(&self, located: &Locator) -> String {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let base = self.url.value.text().trim_end_matches('/');
        let id = escaped(&located.id.to_string());
        let role = located.role.as_ref().map(|role| role.arn.to_string());

        let mut url = format!("{base}/secretsmanager/get?secretId={id}");
        for (name, value) in [
            ("versionStage", located.version.stage()),
            ("versionId", located.version.id()),
            ("roleArn", role.as_deref()),
        ] {
            if let Some(value) = value {
                url += &format!("&{name}={}", escaped(value));
            }
        }
        url
    }

    /// Says in an outage's headline that the agent was asked, not AWS. The help of a connection
    /// error or a malformed response is about the agent, too.
    fn with_agent_headline(&self, mut error: FetchError) -> FetchError {
        use OutageKind::{Connection, Lookup, Silent};
        let undo = self.url.place.undo();
        if let Cause::Outage(Connection | Lookup | Silent) = error.cause() {
            return error
                .or_outage_help(format!("start the agent at this address, or {undo}"))
                .with_outage_headline("the Secrets Manager Agent can't be reached");
        }
        if error.is_malformed() {
            error = error.or_outage_help(format!(
                "check that the Secrets Manager Agent listens at this address, not Lambda's extension, or {undo}"
            ));
        }
        error.with_outage_headline("the Secrets Manager Agent didn't answer with the secret")
    }

    fn unsupported_error(&self, why: &str) -> FetchError {
        let place = &self.url.place;
        let text =
            format!("can't be read through the Secrets Manager Agent ({place}), which {why}");
        FetchError::refused(Refusal::Agent, text).help(place.undo())
    }

    /// Refuses a secret from a region other than the requested one. If the response doesn't name a
    /// region, the document gets the requested one.
    fn parse_response(&self, status: u16, body: &[u8], located: &Locator) -> FetchResult<Document> {
        if status != 200 {
            return Err(parse_agent_error(status, body, located.role.as_ref()));
        }

        let document = parse_secret(body, &located.id, &located.version)?;
        let region = document.region.or_else(|| located.region.clone());
        // The agent may have found a secret with the same name in its own region.
        if located.region.is_some() && region != located.region {
            let why = "reads only from its own region, not from the region of this launch";
            return Err(self.unsupported_error(why));
        }
        Ok(Document { region, ..document })
    }
}

/// Parses an error of the agent, or one from AWS that the agent passes on. If the body has an error
/// code, messages quote the code and its message, but nothing else of the body.
///
/// If the message contains the ARN of `role`, which the request named, the agent couldn't assume
/// this role.
fn parse_agent_error(status: u16, body: &[u8], role: Option<&Role>) -> FetchError {
    let object = serde_json::from_slice(body).unwrap_or_default();
    let (Some(code), message) = code_and_message(&object) else {
        return error_without_code(status, body);
    };
    if let (Some(role), Some(message)) = (role, message)
        && message.contains(&role.arn.to_string())
    {
        // If the agent had assumed the role, AWS's refusal would contain the ARN of the role's
        // session instead.
        let text = "the Secrets Manager Agent couldn't assume the role";
        let error = FetchError::credentials_refused("role-denied", text);
        let reason = redacted_line(&format!("{code}: {message}"));
        return error.aws_says(reason);
    }

    let error = parse_service_error(status, NO_HEADERS, body);
    if status == 403 && error.next_try().is_here() {
        // Status 403 is a denial, even with an error code that usually calls for a retry.
        return FetchError::from(Cause::Denied(Denial::PolicyOrMissing(Operation::Read)))
            .explaining(error);
    }
    error
}

/// The agent puts an error's code and message in the body, so the parser needs no headers.
const NO_HEADERS: fn(&str) -> Option<&'static str> = |_| None;

/// Messages leave out a text from the agent that is longer than this many bytes.
const LONGEST_TEXT: usize = 200;

/// The error for a response without an error code. Such a response isn't from AWS. Status 403 means
/// that the agent refused the token. Any other status is an outage. For example, Lambda's extension
/// answers with status 400 and plain text until the function has started. Agents older than version
/// 2.1 do the same if a request names a role.
fn error_without_code(status: u16, body: &[u8]) -> FetchError {
    let text = redacted_line(&String::from_utf8_lossy(body));
    let is_page = text.starts_with('<');
    match status {
        403 => {
            let text = "the Secrets Manager Agent doesn't accept the token";
            FetchError::credentials_refused("token-refused", text).help(TOKEN_REMEDY)
        }
        // For status 429, and for 500 and above, `parse_service_error` returns an outage.
        429 | 500.. => parse_service_error(status, NO_HEADERS, &[]),
        _ if text.is_empty() || is_page || text.len() > LONGEST_TEXT => {
            FetchError::malformed(&format!("HTTP status {status}"))
        }
        _ => FetchError::malformed(&format!("HTTP status {status}: {text}")),
    }
}
