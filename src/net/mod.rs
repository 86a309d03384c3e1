//! The HTTP/1.1 client for our own requests and for the SDK's credential providers:
//!
//! ```text
//! HttpClient ─▶ connector ─▶ DNS ─▶ TCP ─▶ the proxy, if any ─▶ TLS, for https ─▶ the host
//! ```
//!
//! The client doesn't follow redirects, and repeats a request only as shown below.
//!
//! A connection carries one request at a time. A request waits for one of the host's permits, and
//! returns it with the connection when the response has been read:
//!
//! ```text
//!             ┌─ an idle connection ────────────────┐
//! request ────┼─ a connection opened in advance ────┼──▶ send ──▶ read the response ──▶ idle again
//! and permit  └─ a new connection ──────────────────┘      │
//!                                                          └─ fails on a spare connection:
//!                                                             once more, on a new one
//! ```
//!
//! A host has at most [`MAX_CONNECTIONS`] connections, including the spare ones, which are idle or
//! were opened in advance. A server can close a spare connection just as a request is written to
//! it. The request is then sent once more, on a new connection, without using up an attempt.
//!
//! The pool of the SDK has no limit (smithy-rs#4708 adds an optional one), and opens a connection
//! for each of the requests that start together, as hyper's client does (hyper#1485).
//! `client::legacy` of `hyper-util` could replace 22 of the pool's 69 lines, but needs 50 for our
//! connector, can't open connections in advance, and doesn't repeat a request if the server closes
//! the connection just as the request is written (hyper#2136).

mod connector;
mod dns;
mod errors;
mod proxy;
mod tls;

pub use connector::HttpSettings;
pub use errors::{BoxError, error_text, find_source};
pub use proxy::{ProxySettings, conceal_authorization, host_and_port};
pub use tls::TrustSettings;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use futures_util::stream::{Stream, StreamExt};
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::response::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
pub use hyper::body::Bytes;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::model::message::{FetchError, FetchResult, OutageKind};
use crate::system::lifecycle::locked;
use connector::{Connection, Connector};
use proxy::{Proxy, default_port, is_https};

/// The maximum number of connections to one host, and of a backend's requests in flight. It is
/// enough for a typical launch, which reads 20 secrets, and low enough not to flood a service.
const MAX_CONNECTIONS: usize = 32;

/// Runs requests, at most [`MAX_CONNECTIONS`] at a time. The results are in the order in which they
/// finish.
pub async fn in_flight<F: Future>(requests: impl Stream<Item = F>) -> Vec<F::Output> {
    requests.buffer_unordered(MAX_CONNECTIONS).collect().await
}

struct Host {
    permits: Semaphore,
    spare: Mutex<Spare>,
}

/// Connections that no request is using.
#[derive(Default)]
struct Spare {
    idle: Vec<Connection>,
    /// Connections opened in advance, the oldest one first.
    preconnected: VecDeque<JoinHandle<FetchResult<Connection>>>,
}

/// A request whose response has begun. Dropping this value closes the connection and releases the
/// permit.
struct Exchange<'a> {
    connection: Connection,
    permit: SemaphorePermit<'a>,
    response: Response<Incoming>,
}

impl Host {
    /// Takes an idle connection or, if there's none, the oldest connection opened in advance.
    ///
    /// If opening that connection fails while we wait for it, the request fails, too: if the host
    /// is silent, another attempt would exceed the request's own time limit. If opening it had
    /// failed earlier, the request opens a new connection, because the host may have come up since.
    async fn take_spare_connection(&self) -> FetchResult<Option<Connection>> {
        loop {
            // This is a statement of its own, so that the lock isn't held across an await.
            let idle = locked(&self.spare).idle.pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return Ok(Some(connection));
            }
        }

        let Some(opening) = locked(&self.spare).preconnected.pop_front() else {
            return Ok(None);
        };
        let had_ended = opening.is_finished();
        // This never fails, because the task isn't cancelled and doesn't panic.
        let Ok(opened) = opening.await else {
            return Ok(None);
        };
        if had_ended && opened.is_err() {
            return Ok(None);
        }
        opened.map(Some)
    }
}

/// What identifies a host.
type HostKey = (Option<Scheme>, Option<Authority>);

/// An HTTP client. Clones share the connections.
#[derive(Clone)]
pub struct HttpClient {
    pub connector: Connector,
    hosts: Arc<Mutex<HashMap<HostKey, Arc<Host>>>>,
    /// The client's [`TimeLimits::read`].
    read_limit: Duration,
    /// The User-Agent header, which CloudTrail records.
    user_agent: HeaderValue,
}

pub struct TimeLimits {
    /// The limit for each step of opening a connection.
    pub connect: Duration,
    /// The limit for the wait for a permit and a connection. [`HttpClient::send`] also applies it
    /// to the wait for the response's head and for each part of its body.
    pub read: Duration,
}

/// The maximum length of a response's body, in bytes. A secret is at most 64 KiB, but JSON escapes
/// can make it six times as long.
const MAX_BODY: usize = 1024 * 1024;

const PRODUCT: &str = concat!("secrets-exec/", env!("CARGO_PKG_VERSION"));

/// The application id in the User-Agent header, unless the user has set one.
const APP_ID: &str = concat!("secrets-exec-", env!("CARGO_PKG_VERSION"));

impl HttpClient {
    pub fn new(settings: &HttpSettings, limits: TimeLimits) -> Self {
        let written_id = settings.app_id.as_deref().unwrap_or(APP_ID);
        // Replaces characters that a header can't have, as the AWS CLI does.
        let app_id = written_id.replace(
            |c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)),
            "-",
        );
        let user_agent = HeaderValue::try_from(format!("{PRODUCT} app/{app_id}"));
        Self {
            connector: Connector::new(settings, limits.connect),
            hosts: Arc::default(),
            read_limit: limits.read,
            user_agent: user_agent.unwrap_or(HeaderValue::from_static(PRODUCT)),
        }
    }

    /// A client that never uses a proxy. It opens its own connections, because the existing ones
    /// may go through a proxy.
    pub fn without_proxy(mut self) -> Self {
        self.connector.proxies = Arc::default();
        self.hosts = Arc::default();
        self
    }

    pub fn with_limits(mut self, limits: TimeLimits) -> Self {
        self.connector.limit = limits.connect;
        self.read_limit = limits.read;
        self
    }

    fn host(&self, to: &Uri) -> Arc<Host> {
        let key = (to.scheme().cloned(), to.authority().cloned());
        let mut hosts = locked(&self.hosts);
        let host = hosts.entry(key).or_insert_with(|| {
            Arc::new(Host {
                permits: Semaphore::new(MAX_CONNECTIONS),
                spare: Mutex::default(),
            })
        });
        Arc::clone(host)
    }

    /// Starts opening up to `count` connections for later requests, and returns immediately.
    pub fn preconnect(&self, to: &Uri, count: usize) {
        let host = self.host(to);
        let mut spare = locked(&host.spare);
        let in_use = MAX_CONNECTIONS - host.permits.available_permits();
        let existing = in_use + spare.idle.len() + spare.preconnected.len();
        for _ in 0..count.min(MAX_CONNECTIONS.saturating_sub(existing)) {
            let connector = self.connector.clone();
            let to = to.clone();
            let connecting = async move { connector.connect(&to).await };
            spare.preconnected.push_back(tokio::spawn(connecting));
        }
    }

    /// Sends a request with [`Self::send_within`] and [`Self::read_limit`].
    pub async fn send(
        &self,
        request: Request<Bytes>,
    ) -> FetchResult<(Parts, FetchResult<Vec<u8>>)> {
        self.send_within(request, self.read_limit).await
    }

    /// Sends a request, and returns the response's head and body.
    ///
    /// The server may be silent for at most `silence` before the response, and before each part of
    /// the body. If the body breaks off or is longer than [`MAX_BODY`], the head is still returned,
    /// because its status may tell the caller enough.
    pub async fn send_within(
        &self,
        mut request: Request<Bytes>,
        silence: Duration,
    ) -> FetchResult<(Parts, FetchResult<Vec<u8>>)> {
        let uri = request.uri().clone();
        let proxy = self.set_request_target(&mut request, &uri);
        add_headers(request.headers_mut(), &uri, &self.user_agent);

        let host = self.host(&uri);
        let exchanging = self.exchange(&host, &uri, request.map(Full::new), silence);
        let exchanged = match proxy {
            None => exchanging.await,
            // The future is boxed, because most requests have no proxy and shouldn't reserve memory
            // for it.
            Some(proxy) => {
                let accepted = async {
                    let exchange = exchanging.await?;
                    if exchange.response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                        return Err(proxy.authentication_required());
                    }
                    Ok(exchange)
                };
                Box::pin(self.connector.login.attempt(&proxy, accepted)).await
            }
        };

        let Exchange {
            connection,
            permit: _permit,
            response,
        } = exchanged?;
        let (head, mut body) = response.into_parts();
        let whole = read_body(&mut body, &uri, silence).await?;
        // Don't reuse the connection after half a body: the next request would read the rest.
        if whole.is_ok() {
            locked(&host.spare).idle.push(connection);
        }
        Ok((head, whole))
    }

    async fn exchange<'h>(
        &self,
        host: &'h Host,
        to: &Uri,
        request: Request<Full<Bytes>>,
        silence: Duration,
    ) -> FetchResult<Exchange<'h>> {
        let broken = |error: BoxError| FetchError::from_exchange(error, host_and_port(to));
        let late = |_| FetchError::late(OutageKind::Timeout, host_and_port(to), silence);
        let waiting = async {
            // This never fails, because nothing closes the semaphore.
            let permit = host
                .permits
                .acquire()
                .await
                .map_err(|error| broken(error.into()))?;
            Ok((permit, host.take_spare_connection().await?))
        };
        let (permit, spare) = self.in_time(to, waiting).await?;

        // If this fails, use a new connection: the server may have closed the spare one while it
        // was idle.
        if let Some(mut connection) = spare {
            let sending = connection.send_request(request.clone());
            if let Ok(response) = timeout(silence, sending).await.map_err(late)? {
                return Ok(Exchange {
                    connection,
                    permit,
                    response,
                });
            }
        }
        let mut connection = self.in_time(to, self.connector.connect(to)).await?;
        let response = timeout(silence, connection.send_request(request))
            .await
            .map_err(late)?
            .map_err(|error| broken(error.into()))?;
        Ok(Exchange {
            connection,
            permit,
            response,
        })
    }

    /// Waits for a permit or a connection, for at most [`Self::read_limit`].
    async fn in_time<T>(
        &self,
        to: &Uri,
        opening: impl Future<Output = FetchResult<T>>,
    ) -> FetchResult<T> {
        timeout(self.read_limit, opening).await.unwrap_or_else(|_| {
            Err(FetchError::late(
                OutageKind::Silent,
                host_and_port(to),
                self.read_limit,
            ))
        })
    }

    /// The proxy, if any, that forwards requests to this URL and may answer them itself.
    pub fn forwarding_proxy(&self, to: &Uri) -> Option<Proxy> {
        // For an `https` URL, the proxy only provides a tunnel, and sees neither the target nor the
        // headers.
        if is_https(to) {
            return None;
        }
        self.connector.proxies.proxy(to)
    }

    /// Sets the request's target (RFC 9112, section 3.2): the whole URL for a proxy that forwards
    /// the request, otherwise the path and query. Adds the proxy's password, and returns the proxy.
    fn set_request_target(&self, request: &mut Request<Bytes>, uri: &Uri) -> Option<Proxy> {
        if let Some(proxy) = self.forwarding_proxy(uri) {
            if let Some(authorization) = proxy.intercept.basic_auth() {
                let headers = request.headers_mut();
                headers.insert(PROXY_AUTHORIZATION, authorization.clone());
            }
            return Some(proxy);
        }
        let path = uri
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = path.into();
        None
    }
}

/// The outer result is an error only if the server is silent for longer than `silence`. After any
/// other error, the caller can still use the response's head.
async fn read_body(
    body: &mut Incoming,
    uri: &Uri,
    silence: Duration,
) -> FetchResult<FetchResult<Vec<u8>>> {
    let host = host_and_port(uri);
    let mut limited = Limited::new(body, MAX_BODY);
    let mut whole = Vec::new();
    loop {
        let frame = timeout(silence, limited.frame()).await;
        match frame.map_err(|_| FetchError::late(OutageKind::Timeout, host, silence))? {
            // A trailers frame has no data.
            Some(Ok(frame)) => whole.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => return Ok(Err(FetchError::from_exchange(error, host))),
            None => return Ok(Ok(whole)),
        }
    }
}

/// Converts an SDK request, with its whole body in memory.
pub fn in_memory(request: HttpRequest) -> Result<Request<Bytes>, BoxError> {
    let (head, body) = request.try_into_http1x()?.into_parts();
    let body = body.bytes().ok_or("a request whose body is a stream")?;
    Ok(Request::from_parts(head, Bytes::copy_from_slice(body)))
}

/// Adds Host and User-Agent. User-Agent is set here, because the SDK's credential providers have no
/// setting for it. A signed request stays valid, because the signature doesn't cover this header.
fn add_headers(headers: &mut HeaderMap, to: &Uri, user_agent: &HeaderValue) {
    let host = if to.port_u16() == Some(default_port(to)) {
        to.host().unwrap_or_default()
    } else {
        host_and_port(to)
    };
    // This never fails, because a URL contains only visible ASCII characters.
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.entry(HOST).or_insert(host);
    }
    headers.insert(USER_AGENT, user_agent.clone());
}
