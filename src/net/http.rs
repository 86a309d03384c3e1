//! HTTP/1.1 over a pool of connections, each with its limits of time and size: for our own requests and the SDK's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::HeaderMap;
use http::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http_body_util::Limited;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::Connector;
use super::errors::{
    BoxError, TimedOut, TrustError, Unavailable, Unreached, certificate_error, find_source, host_and_port, within,
};

/// How long connecting, and waiting for an answer's head, may take.
pub type Limits = (Option<Duration>, Option<Duration>);

/// A pool of connections for each pair of time limits that is asked for.
pub struct Transport {
    connector: Connector,
    connectors: Mutex<HashMap<Limits, SharedHttpConnector>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector((settings.connect_timeout(), settings.read_timeout()))
    }
}

impl Transport {
    pub fn new(connector: Connector) -> Self {
        Self { connector, connectors: Mutex::default() }
    }

    /// Sends requests within these limits.
    pub fn connector(&self, limits: Limits) -> SharedHttpConnector {
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(limits).or_insert_with(|| {
            let connector = self.connector.within(limits.0);
            let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector.clone());
            SharedHttpConnector::new(Pool { client, connector, read_timeout: limits.1 })
        });
        connector.clone()
    }
}

/// A secret is 64 KiB at most; what is longer than this in JSON is no answer of AWS.
const LARGEST: usize = 1024 * 1024;

struct Pool {
    client: Client<Connector, SdkBody>,
    /// Knows which requests a proxy forwards.
    connector: Connector,
    read_timeout: Option<Duration>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        if let Some(authorization) = self.connector.authorization(request.uri()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        name_us(request.headers_mut());
        let host = host_and_port(request.uri());
        let is_token = request.uri().path() == "/latest/api/token";
        let answer = self.client.request(request);
        let limit = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let response = within(limit, answer).await.map_err(|error| connector_error(host, error))?;
            let mut response = response;
            let status = response.status();
            if is_token && status.is_server_error() {
                return Err(ConnectorError::io(Unavailable(status.as_u16()).into()));
            }
            bound_lifetime(response.headers_mut());
            let response = response.map(|body| SdkBody::from_body_1_x(Limited::new(body, LARGEST)));
            let response = HttpResponse::try_from(response);
            response.map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A metadata token lives for six hours at most; the SDK panics over a lifetime that no clock can hold.
fn bound_lifetime(headers: &mut HeaderMap) {
    const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
    let seconds = headers.get(LIFETIME).and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
    if seconds.is_some_and(|seconds| seconds > 21_600) {
        headers.insert(LIFETIME, HeaderValue::from_static("21600"));
    }
}

/// What CloudTrail shows of whoever asks.
const APP: &str = concat!("app/secrets-exec-", env!("CARGO_PKG_VERSION"));

/// Every request says who asks; the SDK's sources of credentials have no setting for it. No signature covers this.
fn name_us(headers: &mut HeaderMap) {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if !agent.contains(APP)
        && let Ok(agent) = HeaderValue::try_from(format!("{agent} {APP}").trim_start())
    {
        headers.insert(USER_AGENT, agent);
    }
}

/// What the SDK retries is I/O and time; a certificate or a file of roots will be the same next time.
fn connector_error(host: String, error: BoxError) -> ConnectorError {
    // What goes wrong on a connection that there is does not say where it leads.
    let told = find_source::<Unreached>(&*error).is_some();
    let error = if told { error } else { Unreached::new(host, error).into() };
    if find_source::<TimedOut>(&*error).is_some() {
        ConnectorError::timeout(error)
    } else if find_source::<TrustError>(&*error).is_some() || certificate_error(&*error).is_some() {
        ConnectorError::user(error)
    } else {
        ConnectorError::io(error)
    }
}
