//! The HTTP/1.1 client, for our own requests to AWS and the agent, and for those of the SDK's
//! credential providers. A request goes in, and a response or a [`FetchError`] comes out:
//!
//! ```text
//! HttpClient ──▶ connector ──▶ DNS ──▶ TCP ──▶ the proxy, if there is one ──▶ TLS, for https ──▶ the host
//! ```
//!
//! The client adds time limits, a limit on the size of a response, the User-Agent header, and the
//! proxy's password. It doesn't follow redirects, and repeats a request only as shown below.
//!
//! A connection carries one request at a time. A request waits for one of the host's permits, uses
//! a connection, and returns both when the response has been read:
//!
//! ```text
//!             ┌─ an idle connection ────────────────┐
//! request ────┼─ a connection opened in advance ────┼──▶ send ──▶ read the response ──▶ idle again
//! and permit  └─ a new connection ──────────────────┘      │
//!                                                          └─ fails on an old connection: once more, on a new one
//! ```
//!
//! A host has at most [`MAX_CONNECTIONS`] connections, including idle ones and those opened in
//! advance. A server can close an idle connection just as a request is written to it. So a request
//! that fails on an old connection is sent once more, on a new connection, without using up an
//! attempt.
//!
//! The pool of the SDK has no limit (smithy-rs#4708 adds an optional one), and opens a connection
//! for each of the requests that start together, as hyper's client does (hyper#1485).
//! `client::legacy` of `hyper-util` could replace 22 of the pool's 69 lines, but needs 50 for our
//! connector. It can't open connections in advance, and doesn't repeat a request if the server
//! closes the connection just then (hyper#2136).

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

use crate::model::answer::{FetchError, FetchResult, OutageKind};
use crate::system::lifecycle::locked;
use connector::{Connection, Connector};
use proxy::Proxy;

/// The maximum number of connections to a host, and of the requests that a backend has in flight,
/// because each request has its own connection.
///
/// The number is higher than the 20 secrets of a typical launch, which would otherwise need more
/// round trips, and low enough not to flood a service.
const MAX_CONNECTIONS: usize = 32;

/// Runs requests, at most [`MAX_CONNECTIONS`] at the same time, and returns their results in the
/// order in which they finish.
pub async fn in_flight<F: Future>(requests: impl Stream<Item = F>) -> Vec<F::Output> {
    requests.buffer_unordered(MAX_CONNECTIONS).collect().await
}

/// The connections to one host.
struct Host {
    permits: Semaphore,
    spare: Mutex<Spare>,
}

/// Connections that no request is using.
#[derive(Default)]
struct Spare {
    idle: Vec<Connection>,
    /// The tasks that open connections in advance, the oldest first.
    preconnected: VecDeque<JoinHandle<FetchResult<Connection>>>,
}

/// A connection whose request is in flight, the permit of the request, and the response, whose body
/// hasn't been read. Dropping these values closes the connection and releases the permit.
type Exchange<'a> = (Connection, SemaphorePermit<'a>, Response<Incoming>);

impl Host {
    /// Takes a connection that no request is using: first an idle one, unless the server has closed
    /// it, and then the oldest of the connections that are being opened in advance, which may have
    /// to be waited for. Returns `None` if no connection is left.
    ///
    /// If a connection that is being opened fails while the request waits for it, the request
    /// fails, too. It doesn't open another connection, because a silent host would take the time of
    /// both, and the request's own time limit would end first. If the connection had already failed
    /// before the wait, the result is `None`, so that the request opens a new one: the host may
    /// have started in the meantime.
    async fn take_spare_connection(&self) -> FetchResult<Option<Connection>> {
        loop {
            // The idle connection is taken in a statement of its own, because the lock of `spare`
            // must not be held during an await.
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
        // The task isn't cancelled, so it always has a result.
        match opening.await.ok().transpose() {
            Err(_) if had_ended => Ok(None),
            opened => opened,
        }
    }
}

/// The scheme and authority of a URL, which identify a host.
type HostKey = (Option<Scheme>, Option<Authority>);

/// An HTTP client. Clones share the connections.
#[derive(Clone)]
pub struct HttpClient {
    pub connector: Connector,
    hosts: Arc<Mutex<HashMap<HostKey, Arc<Host>>>>,
    /// The time limit for the wait for a permit and a connection. In [`Self::send`], it also
    /// applies to the head of the response and to each part of the body.
    read_limit: Duration,
    /// The User-Agent header, which CloudTrail records.
    user_agent: HeaderValue,
}

/// The limit for the body of a response, in bytes. A secret has at most 64 KiB, which JSON's
/// escapes can make six times as long.
const MAX_BODY: usize = 1024 * 1024;

/// The name and version of this program in the User-Agent header.
const PRODUCT: &str = concat!("secrets-exec/", env!("CARGO_PKG_VERSION"));

/// The application id in the User-Agent header if the user has not set one.
const APP_ID: &str = concat!("secrets-exec-", env!("CARGO_PKG_VERSION"));

impl HttpClient {
    /// Creates a client. The two limits are [`Connector::limit`] and [`Self::read_limit`].
    pub fn new(settings: &HttpSettings, [connect_limit, read_limit]: [Duration; 2]) -> Self {
        let written_id = settings.app_id.as_deref().unwrap_or(APP_ID);
        // As in the AWS CLI, a character that isn't allowed here becomes a hyphen, so the header is
        // always valid.
        let app_id = written_id.replace(
            |c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)),
            "-",
        );
        let user_agent = HeaderValue::try_from(format!("{PRODUCT} app/{app_id}"));
        Self {
            connector: Connector::new(settings, connect_limit),
            hosts: Arc::default(),
            read_limit,
            user_agent: user_agent.unwrap_or(HeaderValue::from_static(PRODUCT)),
        }
    }

    /// Makes a client that never uses a proxy. The new client has connections of its own, because
    /// those of the original client may go through a proxy.
    pub fn without_proxy(mut self) -> Self {
        self.connector.proxies = Arc::default();
        self.hosts = Arc::default();
        self
    }

    /// The same client with other limits: [`Connector::limit`] and [`Self::read_limit`].
    pub fn with_limits(mut self, [connect_limit, read_limit]: [Duration; 2]) -> Self {
        self.connector.limit = connect_limit;
        self.read_limit = read_limit;
        self
    }

    /// The connections to the host of a URL.
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

    /// Starts opening `count` connections for later requests, and returns immediately. Opens fewer
    /// if the host would otherwise have more than [`MAX_CONNECTIONS`].
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

    /// Sends a request as [`Self::send_within`] does, with the client's limit for reading.
    pub async fn send(
        &self,
        request: Request<Bytes>,
    ) -> FetchResult<(Parts, FetchResult<Vec<u8>>)> {
        self.send_within(request, self.read_limit).await
    }

    /// Sends a request and returns the head of its response together with the body. Once the
    /// connection is open, the server may be silent for `silence`, before the response and before
    /// each part of the body. If the body ends with an error, for example because it is longer than
    /// [`MAX_BODY`], the head is returned with that error, because the status may say enough.
    ///
    /// # Errors
    /// If no response arrives, if a proxy requires a password or rejects it, or if part of the body
    /// is late.
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
            // Boxed, so that the many requests without a proxy don't reserve space for this future.
            Some(proxy) => {
                let accepted = async {
                    let exchange = exchanging.await?;
                    let (_, _, response) = &exchange;
                    if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                        return Err(proxy.authentication_required());
                    }
                    Ok(exchange)
                };
                Box::pin(self.connector.login.attempt(&proxy, accepted)).await
            }
        };

        let (connection, _permit, response) = exchanged?;
        let (head, mut body) = response.into_parts();
        let whole = read_body(&mut body, &uri, silence).await?;
        // Only a connection whose response was read completely is used again. After an incomplete
        // body, the next request on the connection would read the rest of that body.
        if whole.is_ok() {
            locked(&host.spare).idle.push(connection);
        }
        Ok((head, whole))
    }

    /// Sends a request to `to` and returns its response with the connection. First waits until
    /// fewer than [`MAX_CONNECTIONS`] requests to the host are in flight.
    async fn exchange<'h>(
        &self,
        host: &'h Host,
        to: &Uri,
        request: Request<Full<Bytes>>,
        silence: Duration,
    ) -> FetchResult<Exchange<'h>> {
        let broken = |error: BoxError| FetchError::from_exchange(error, host_and_port(to));
        let is_late = |_| FetchError::late(OutageKind::Timeout, host_and_port(to), silence);
        let waiting = async {
            // This can't fail, because nothing closes the semaphore.
            let permit = host
                .permits
                .acquire()
                .await
                .map_err(|error| broken(error.into()))?;
            Ok((permit, host.take_spare_connection().await?))
        };
        let (permit, spare) = self.in_time(to, waiting).await?;

        // If a spare connection breaks, the request is sent once more, on a new connection below,
        // because the server may have closed the spare one while it was idle.
        if let Some(mut connection) = spare {
            let sending = connection.send_request(request.clone());
            if let Ok(response) = timeout(silence, sending).await.map_err(is_late)? {
                return Ok((connection, permit, response));
            }
        }
        let mut connection = self.in_time(to, self.connector.connect(to)).await?;
        let response = timeout(silence, connection.send_request(request))
            .await
            .map_err(is_late)?
            .map_err(|error| broken(error.into()))?;
        Ok((connection, permit, response))
    }

    /// Waits for `opening`, which gets a permit or a connection to the host of `to`. Fails if
    /// `opening` isn't ready within [`Self::read_limit`].
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

    /// Sets the target of a request for `uri` to what its receiver expects: only the path and query
    /// for a server, or the whole URL for a proxy that forwards the request (RFC 9112, section
    /// 3.2). Such a proxy also gets its password in a header. Returns the proxy, or `None` if the
    /// request goes to the server directly or through a tunnel.
    fn set_request_target(&self, request: &mut Request<Bytes>, uri: &Uri) -> Option<Proxy> {
        // An `https` request goes through a tunnel, so the proxy sees neither the target nor the
        // headers.
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        if !is_https && let Some(proxy) = self.connector.proxies.proxy(uri) {
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

/// Reads the body of the response from `uri`, whose server may be silent for `silence` before each
/// part. The outer result is an error if a part is late. If the body is incomplete or longer than
/// [`MAX_BODY`], only the inner result is an error, because the head of the response may still say
/// enough.
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
            // A frame of trailers doesn't have data.
            Some(Ok(frame)) => whole.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => return Ok(Err(FetchError::from_exchange(error, host))),
            None => return Ok(Ok(whole)),
        }
    }
}

/// Converts a request of the SDK to our form, with a body that is completely in memory.
///
/// # Errors
/// If the request is invalid, or if its body is a stream. None of the SDK requests that we use has
/// a stream as its body.
pub fn in_memory(request: HttpRequest) -> Result<Request<Bytes>, BoxError> {
    let (head, body) = request.try_into_http1x()?.into_parts();
    let body = body.bytes().ok_or("a request whose body is a stream")?;
    Ok(Request::from_parts(head, Bytes::copy_from_slice(body)))
}

/// Adds a missing Host header, without the scheme's default port. Replaces the User-Agent header,
/// because the SDK's credential providers have no setting for it. A signed request stays valid,
/// because no signature covers User-Agent.
fn add_headers(headers: &mut HeaderMap, to: &Uri, user_agent: &HeaderValue) {
    let is_https = to.scheme() == Some(&Scheme::HTTPS);
    let default_port = if is_https { 443 } else { 80 };
    let host = if to.port_u16() == Some(default_port) {
        to.host().unwrap_or_default()
    } else {
        host_and_port(to)
    };
    // This can't fail, because a URL only has visible ASCII characters.
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.entry(HOST).or_insert(host);
    }
    headers.insert(USER_AGENT, user_agent.clone());
}
