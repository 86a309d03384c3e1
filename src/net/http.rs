//! The HTTP/1.1 client of our own requests and the SDK's: timeouts, and a limit on the size of a response.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures_util::FutureExt;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::response::Parts;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
pub use hyper::body::Bytes;

use super::connections::{Connector, Pool};
use super::errors::{BoxError, NetFailure, host_and_port, within};

/// The time limits of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpTimeouts {
    pub connect: Option<Duration>,
    /// From the request to the head of its response, and for each further part.
    pub read: Option<Duration>,
}

/// An HTTP client. Clones share the connections.
#[derive(Clone)]
pub struct HttpClient {
    pool: Pool,
    timeouts: HttpTimeouts,
    /// The part of the User-Agent header that identifies this program, which CloudTrail records.
    user_agent: HeaderValue,
}

/// The answer to a request of the SDK's.
pub type SdkAnswer = Result<HttpResponse, ConnectorError>;

type Inspect = dyn Fn(&str, SdkAnswer) -> SdkAnswer + Send + Sync;

/// The limit for the body of a response, in bytes. A secret has at most 64 KiB, of which JSON's escapes can make six times as much.
const MAX_BODY: usize = 1024 * 1024;

/// The name and version of this program in the User-Agent header.
const PRODUCT: &str = concat!("secrets-exec/", env!("CARGO_PKG_VERSION"));

/// The User-Agent header of a program that has no application id.
const USER_AGENT_WITHOUT_ID: &str = concat!(
    "secrets-exec/",
    env!("CARGO_PKG_VERSION"),
    " app/secrets-exec-",
    env!("CARGO_PKG_VERSION")
);

impl HttpClient {
    /// `app_id` is the application id in the User-Agent header, if the user has set one.
    pub fn new(connector: Connector, timeouts: HttpTimeouts, app_id: Option<&str>) -> Self {
        let user_agent = app_id.and_then(|id| {
            HeaderValue::try_from(format!("{PRODUCT} app/{}", sanitized_app_id(id))).ok()
        });
        Self {
            pool: Pool::new(connector),
            timeouts,
            user_agent: user_agent.unwrap_or(HeaderValue::from_static(USER_AGENT_WITHOUT_ID)),
        }
    }

    /// Returns a client for the SDK, with the SDK's timeouts. The SDK gets what `inspect` returns for the URL of a request and its answer.
    pub fn for_sdk(
        &self,
        inspect: impl Fn(&str, SdkAnswer) -> SdkAnswer + Send + Sync + 'static,
    ) -> SharedHttpClient {
        let (own, inspect): (_, Arc<Inspect>) = (self.clone(), Arc::new(inspect));
        http_client_fn(move |settings, _| {
            let timeouts = HttpTimeouts {
                connect: settings.connect_timeout(),
                read: settings.read_timeout(),
            };
            let client = HttpClient {
                timeouts,
                ..own.clone()
            };
            SharedHttpConnector::new(SdkConnector {
                client,
                inspect: Arc::clone(&inspect),
            })
        })
    }

    /// Starts opening `count` connections for later requests.
    pub fn preconnect(&self, to: &Uri, count: usize) {
        self.pool.preconnect(to, count, self.timeouts.connect);
    }

    /// Opens a connection, and closes it.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn connect(&self, to: &Uri) -> Result<(), NetFailure> {
        let connecting = self.pool.connector.connect(to, self.timeouts.connect);
        connecting.await.map(drop)
    }

    /// Sends a request, and returns the head of its response with the body, or with the error that ended the body, for example a length
    /// over [`MAX_BODY`].
    ///
    /// # Errors
    /// When there is no response.
    pub async fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<(Parts, Result<Vec<u8>, NetFailure>), NetFailure> {
        let uri = request.uri().clone();
        // A proxy reads its password in a request that it forwards; a tunnel has it in its own.
        let proxy = (uri.scheme() != Some(&Scheme::HTTPS))
            .then(|| self.pool.connector.proxy(&uri))
            .flatten();
        if let Some(authorization) = proxy
            .as_ref()
            .and_then(|proxy| proxy.intercept.basic_auth())
        {
            request
                .headers_mut()
                .insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        if proxy.is_none() {
            // The form that a server expects, RFC 9112, 3.2.1; a proxy expects the absolute one, 3.2.2.
            let path = uri
                .path_and_query()
                .cloned()
                .unwrap_or_else(|| PathAndQuery::from_static("/"));
            *request.uri_mut() = path.into();
        }
        add_headers(request.headers_mut(), &uri, &self.user_agent);
        let host = self.pool.host(&uri);
        let sending = host.send(
            &self.pool.connector,
            &uri,
            self.timeouts.connect,
            request.map(Full::new),
        );
        let late = || NetFailure::late(&host_and_port(&uri), self.timeouts.read);
        let answer =
            within(self.timeouts.read, sending).map(|sent| sent.unwrap_or_else(|_| Err(late())));
        let answered = match proxy {
            None => answer.await,
            // On the heap, as few requests have a proxy.
            Some(proxy) => {
                let accepted = async {
                    let (in_use, response) = answer.await?;
                    match response.status() {
                        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                            Err(proxy.authentication_required())
                        }
                        _ => Ok((in_use, response)),
                    }
                };
                Box::pin(self.pool.connector.login.run(&proxy, accepted)).await
            }
        };
        let (in_use, response) = answered?;
        let (head, body) = response.into_parts();
        let mut body = Limited::new(body, MAX_BODY);
        let mut whole = Vec::new();
        loop {
            let frame = within(self.timeouts.read, body.frame()).await;
            match frame.map_err(|_| late())? {
                Some(Ok(frame)) => whole.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) => {
                    let failure = NetFailure::of_exchange(error, &host_and_port(&uri));
                    return Ok((head, Err(failure)));
                }
                None => break,
            }
        }
        in_use.give_back();
        Ok((head, Ok(whole)))
    }
}

/// A client for the SDK.
struct SdkConnector {
    client: HttpClient,
    inspect: Arc<Inspect>,
}

impl fmt::Debug for SdkConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkConnector")
    }
}

impl HttpConnector for SdkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, inspect) = (self.client.clone(), Arc::clone(&self.inspect));
        HttpConnectorFuture::new(async move {
            let url = request.uri().to_owned();
            inspect(&url, answer(&client, request).await)
        })
    }
}

async fn answer(client: &HttpClient, request: HttpRequest) -> SdkAnswer {
    let request = in_memory(request).map_err(ConnectorError::user)?;
    let (head, body) = client.send(request).await.map_err(connector_error)?;
    let body = body.map_err(connector_error)?;
    let response = Response::from_parts(head, SdkBody::from(body));
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// Returns a request of the SDK's, none of which streams its body here.
pub fn in_memory(request: HttpRequest) -> Result<Request<Bytes>, BoxError> {
    let (head, body) = request.try_into_http1x()?.into_parts();
    let body = body.bytes().ok_or("a request whose body is a stream")?;
    Ok(Request::from_parts(head, Bytes::copy_from_slice(body)))
}

/// Replaces each character that can't be part of a word in the User-Agent header by a hyphen, as the AWS CLI does.
fn sanitized_app_id(id: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    id.chars()
        .map(|c| if is_allowed(c) { c } else { '-' })
        .collect()
}

/// Adds the Host header, and `user_agent` to the User-Agent header. The SDK's credential providers have no setting for the latter; no
/// signature covers it.
fn add_headers(headers: &mut HeaderMap, to: &Uri, user_agent: &HeaderValue) {
    let default_port = if to.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let port = to
        .port_u16()
        .filter(|port| *port != default_port)
        .map(|port| format!(":{port}"));
    let host = format!(
        "{}{}",
        to.host().unwrap_or_default(),
        port.unwrap_or_default()
    );
    if let Ok(host) = HeaderValue::try_from(host) {
        headers.entry(HOST).or_insert(host);
    }
    let of_sdk = headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    let user_agent = match of_sdk {
        Some(of_sdk) => HeaderValue::from_bytes(&[of_sdk, user_agent.as_bytes()].join(&b' ')).ok(),
        None => Some(user_agent.clone()),
    };
    if let Some(user_agent) = user_agent {
        headers.insert(USER_AGENT, user_agent);
    }
}

/// Returns a failure as the SDK's providers expect it, which retry I/O and timeouts: a certificate, a file of roots or a password would fail
/// again.
fn connector_error(failure: NetFailure) -> ConnectorError {
    match failure {
        NetFailure::Trust(_) | NetFailure::Certificate { .. } | NetFailure::Proxy { .. } => {
            ConnectorError::user(failure.into())
        }
        NetFailure::Timeout(_) | NetFailure::Silent(_) => ConnectorError::timeout(failure.into()),
        NetFailure::BrokenProxy { .. }
        | NetFailure::Lookup(_)
        | NetFailure::Handshake(_)
        | NetFailure::Io { .. } => ConnectorError::io(failure.into()),
    }
}
