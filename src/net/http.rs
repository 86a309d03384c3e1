//! The HTTP/1.1 client of our own requests and the SDK's: connection pools, timeouts, and a limit on the size of a response.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::header::{HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::certificate::certificate_error;
use super::connector::Connector;
use super::errors::{BoxError, HostError, TimedOut, TrustError, find_source, host_and_port, proxy_error, within};
use super::proxy_login::authentication_required;

/// The time limits of a request.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct HttpTimeouts {
    pub connect: Option<Duration>,
    /// From the request to the head of its response.
    pub read: Option<Duration>,
}

/// An HTTP client with a pool of connections for each pair of timeouts.
pub struct Transport {
    connector: Connector,
    pools: Mutex<HashMap<HttpTimeouts, Arc<Pool>>>,
}

/// The limit for the body of a response, in bytes. A secret has at most 64 KiB, of which JSON's escapes can make six times as much.
const MAX_BODY: usize = 1024 * 1024;

/// The part of the User-Agent header that identifies this program in CloudTrail.
const APP: &str = concat!("app/secrets-exec-", env!("CARGO_PKG_VERSION"));

impl Transport {
    pub fn new(connector: Connector) -> Self {
        Self { connector, pools: Mutex::default() }
    }

    /// Converts the transport into a client for the SDK.
    pub fn into_client(self) -> SharedHttpClient {
        http_client_fn(move |settings, _| {
            let timeouts = HttpTimeouts { connect: settings.connect_timeout(), read: settings.read_timeout() };
            SharedHttpConnector::new(SdkConnector(self.pool(timeouts)))
        })
    }

    /// Returns the pool for these timeouts.
    pub fn pool(&self, timeouts: HttpTimeouts) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry(timeouts).or_insert_with(|| {
            let connector = self.connector.with_timeout(timeouts.connect);
            let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector.clone());
            Arc::new(Pool { client, connector, read_timeout: timeouts.read })
        });
        Arc::clone(pool)
    }
}

/// The connections that are opened and read with one pair of timeouts.
pub struct Pool {
    client: Client<Connector, SdkBody>,
    /// The connector of `client`, which knows the proxy of a request.
    connector: Connector,
    read_timeout: Option<Duration>,
}

impl Pool {
    /// Sends a request. The response's body ends with an error at [`MAX_BODY`].
    // No `async fn`, which would have room for the request.
    pub fn send(
        &self,
        mut request: Request<SdkBody>,
    ) -> impl Future<Output = Result<Response<Limited<Incoming>>, ConnectorError>> {
        let proxy = self.connector.forwarding_proxy(request.uri());
        if let Some(authorization) = proxy.as_ref().and_then(Intercept::basic_auth) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        add_user_agent(request.headers_mut());
        let uri = request.uri().clone();
        let answer = within(self.read_timeout, self.client.request(request));
        async move {
            let response = match proxy {
                None => answer.await,
                Some(proxy) => {
                    let checked = async {
                        let response = answer.await?;
                        match response.status() {
                            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(authentication_required(&proxy).into()),
                            _ => Ok(response),
                        }
                    };
                    // On the heap, as few requests have a proxy.
                    Box::pin(self.connector.login.run(&proxy, checked)).await
                }
            };
            let response = response.map_err(|error| connector_error(host_and_port(&uri), error))?;
            Ok(response.map(|body| Limited::new(body, MAX_BODY)))
        }
    }
}

/// A pool of connections for the SDK.
struct SdkConnector(Arc<Pool>);

impl fmt::Debug for SdkConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkConnector")
    }
}

impl HttpConnector for SdkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let pool = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = pool.send(request).await?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Adds [`APP`] to the User-Agent header. The SDK's credential providers have no setting for it; no signature covers the header.
fn add_user_agent(headers: &mut HeaderMap) {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if !agent.contains(APP)
        && let Ok(agent) = HeaderValue::try_from(format!("{agent} {APP}").trim_start())
    {
        headers.insert(USER_AGENT, agent);
    }
}

/// Classifies an error for the SDK, which retries I/O and timeouts: a certificate, a file of roots or a password would fail again.
fn connector_error(host: String, error: BoxError) -> ConnectorError {
    // Only the errors of a connector have the host already.
    let has_host = find_source::<HostError>(&*error).is_some();
    let error = if has_host { error } else { HostError::new(host, error).into() };
    if find_source::<TimedOut>(&*error).is_some() {
        ConnectorError::timeout(error)
    } else if find_source::<TrustError>(&*error).is_some()
        || certificate_error(&*error).is_some()
        || proxy_error(&*error).is_some()
    {
        ConnectorError::user(error)
    } else {
        ConnectorError::io(error)
    }
}
