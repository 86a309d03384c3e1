//! HTTP/1.1 connections, direct or through a proxy. A connection carries one request at a time, and
//! there are at most [`MAX_CONNECTIONS`] connections to a host, including idle ones.
//!
//! A request waits for one of the host's permits. Then it uses an idle connection, a connection
//! that was opened in advance, or a new one. It returns the permit and the connection when the
//! response has been read:
//!
//! ```text
//!             ┌─ an idle connection ────────────────┐
//! request ────┼─ a connection opened in advance ────┼──▶ send ──▶ read the response ──▶ give_back ──▶ idle again
//! and permit  └─ a new connection ──────────────────┘      │
//!                                                          └─ fails on an old connection: once more, on a new one
//! ```
//!
//! A request holds a permit while it opens and uses a connection, and connections that are idle or
//! opened in advance count towards the same limit, so a host never has more than
//! [`MAX_CONNECTIONS`] connections. A server may close an idle connection just as a request is
//! written to it. That is why a request that fails on an old connection is sent once more, on a new
//! connection, without using up an attempt. If a connection is dropped before its response has been
//! read, it is closed, because the next request would otherwise read the rest of that response.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join;
use futures_util::stream::{Stream, StreamExt};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake as http_handshake};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::dns::DnsResolver;
use super::errors::{host_and_port, within};
use super::proxy::{Proxy, ProxyLogin, ProxySettings, open_tunnel};
use super::tls::{Tls, TrustSettings};
use crate::model::answer::FetchError;

/// The maximum number of connections to a host. It is also the maximum number of requests that a
/// backend has in flight, because each request has its own connection.
///
/// The number is higher than the 20 secrets of a usual launch, which would otherwise need further
/// round trips, and low enough not to flood a service.
pub const MAX_CONNECTIONS: usize = 32;

/// Runs requests, at most [`MAX_CONNECTIONS`] at the same time, and returns their results in the
/// order in which they end.
pub async fn in_flight<F: Future>(requests: impl Stream<Item = F>) -> Vec<F::Output> {
    requests.buffer_unordered(MAX_CONNECTIONS).collect().await
}

/// The connections of all hosts. Clones share them.
#[derive(Clone)]
pub struct Pool {
    pub connector: Connector,
    /// The connections by the scheme and authority of a URL.
    hosts: Arc<Mutex<HashMap<String, Arc<Host>>>>,
}

/// The connections to one host.
pub struct Host {
    /// One permit for each request that may be in flight.
    permits: Semaphore,
    spare: Mutex<Spare>,
}

/// Connections that no request uses.
#[derive(Default)]
struct Spare {
    idle: Vec<Connection>,
    /// Connections that are being opened in advance, the oldest first.
    preconnected: VecDeque<JoinHandle<Result<Connection, FetchError>>>,
}

/// A connection whose request is in flight, and the permit for it. Dropping this value without
/// calling [`Self::give_back`] closes the connection, and releases the permit.
pub struct InUse<'a> {
    host: &'a Host,
    connection: Connection,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    /// Returns a pool without connections.
    pub fn new(connector: Connector) -> Self {
        Self {
            connector,
            hosts: Arc::default(),
        }
    }

    /// Returns the connections to the host of a URL. The first call for a host creates an entry
    /// without connections.
    pub fn host(&self, to: &Uri) -> Arc<Host> {
        let authority = to.authority().map(ToString::to_string).unwrap_or_default();
        let key = format!("{}://{authority}", to.scheme_str().unwrap_or_default());
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Host {
                permits: Semaphore::new(MAX_CONNECTIONS),
                spare: Mutex::default(),
            })
        };
        Arc::clone(hosts.entry(key).or_insert_with(new))
    }

    /// Starts to open `count` connections for later requests, and returns immediately. The number
    /// of connections stays within [`MAX_CONNECTIONS`]. `limit` is as for [`Connector::connect`]. A
    /// connection that can't be opened isn't reported: the request that would have used it opens a
    /// new one.
    pub fn preconnect(&self, to: &Uri, count: usize, limit: Option<Duration>) {
        let host = self.host(to);
        let mut spare = host.lock_spare();
        let open = spare.idle.len() + spare.preconnected.len() + MAX_CONNECTIONS
            - host.permits.available_permits();
        for _ in 0..count.min(MAX_CONNECTIONS.saturating_sub(open)) {
            let (connector, to) = (self.connector.clone(), to.clone());
            let connecting = async move { connector.connect(&to, limit).await };
            spare.preconnected.push_back(tokio::spawn(connecting));
        }
    }
}

impl Host {
    /// Sends a request, and returns the head of the response with its connection. First waits until
    /// fewer than [`MAX_CONNECTIONS`] requests to the host are in flight. Uses a connection that is
    /// open already, if there is one, and opens a new one if that connection breaks. `to` is the
    /// request's whole URL, and `limit` is the time limit for a new connection.
    ///
    /// # Errors
    /// When a connection cannot be opened, or when a new one breaks before the head of the
    /// response.
    pub async fn send<'h>(
        &'h self,
        connector: &Connector,
        to: &Uri,
        limit: Option<Duration>,
        request: Request<Full<Bytes>>,
    ) -> Result<(InUse<'h>, Response<Incoming>), FetchError> {
        let host = host_and_port(to);
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|error| FetchError::from_exchange(error, &host))?;

        let (connection, response) = match self.send_on_spare(&request).await {
            Some(answered) => answered,
            None => {
                let mut connection = connector.connect(to, limit).await?;
                let sent = connection.send_request(request).await;
                let response = sent.map_err(|error| FetchError::from_exchange(error, &host))?;
                (connection, response)
            }
        };
        let in_use = InUse {
            host: self,
            connection,
            _permit,
        };
        Ok((in_use, response))
    }

    /// Sends a request on a connection that is already open. Returns `None` if there isn't one.
    /// Also returns `None` if the connection breaks before the head of the response: the server may
    /// have closed it while it was idle, so the caller sends the request again, on a new
    /// connection.
    async fn send_on_spare(
        &self,
        request: &Request<Full<Bytes>>,
    ) -> Option<(Connection, Response<Incoming>)> {
        let mut connection = self.spare_connection().await?;
        let response = connection.send_request(request.clone()).await.ok()?;
        Some((connection, response))
    }

    /// Returns a connection that was opened before and that no request uses. That is an idle
    /// connection or, if there isn't one, the oldest of those that are being opened in advance.
    /// This function waits until that connection is open. Drops idle connections that the server
    /// has closed.
    ///
    /// Returns `None` if there isn't such a connection. Also returns `None` if the connection in
    /// advance could not be opened: the caller then opens a new one, because the host may be
    /// reachable by now, and reports its error.
    async fn spare_connection(&self) -> Option<Connection> {
        loop {
            // This is a statement of its own, because the lock must not be held during an await.
            let idle = self.lock_spare().idle.pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }

        let opening = self.lock_spare().preconnected.pop_front()?;
        let opened = opening.await.ok()?;
        opened.ok()
    }

    /// Locks the connections that no request uses.
    fn lock_spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse<'_> {
    /// Returns the connection to its host, so that another request can use it. The response must
    /// have been read.
    pub fn give_back(self) {
        self.host.lock_spare().idle.push(self.connection);
    }
}

/// A stream of bytes: TCP or TLS, direct or through a proxy.
trait ByteStream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> ByteStream for T {}

/// An open connection, for one request after the other.
type Connection = SendRequest<Full<Bytes>>;

/// Opens connections. Clones share the root certificates and the DNS answers.
#[derive(Clone)]
pub struct Connector {
    pub dns: DnsResolver,
    tcp: HttpConnector<DnsResolver>,
    tls: Arc<Tls>,
    proxy: Arc<ProxySettings>,
    pub login: ProxyLogin,
    /// The time limit for each step of opening a connection.
    limit: Option<Duration>,
}

impl Connector {
    /// Creates a connector. It opens a connection, and reads the root certificates, only when they
    /// are needed.
    pub fn new(trust: &TrustSettings, proxy: &ProxySettings) -> Self {
        let dns = DnsResolver::default();
        let mut tcp = HttpConnector::new_with_resolver(dns.clone());
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self {
            dns,
            tcp,
            tls: Arc::new(Tls::new(trust.clone())),
            proxy: Arc::new(proxy.clone()),
            login: ProxyLogin::default(),
            limit: None,
        }
    }

    /// Returns the proxy for a URL, or `None` if the connection is direct.
    pub fn proxy(&self, to: &Uri) -> Option<Proxy> {
        self.proxy.proxy(to)
    }

    /// Opens a connection, up to the end of the TLS handshake, and starts a task that writes the
    /// requests to it and reads the responses. `limit` applies to each of these steps: DNS and TCP
    /// together, the tunnel through a proxy, and TLS.
    ///
    /// # Errors
    /// The failure of the first step that fails. The message names the host, or the proxy if the
    /// proxy is the reason.
    pub async fn connect(
        &self,
        to: &Uri,
        limit: Option<Duration>,
    ) -> Result<Connection, FetchError> {
        let mut connector = self.clone();
        connector.limit = limit;
        let stream = connector.open(to).await?;
        let (connection, exchanges) = http_handshake(stream)
            .await
            .map_err(|error| FetchError::from_exchange(error, &host_and_port(to)))?;
        tokio::spawn(exchanges);
        Ok(connection)
    }

    /// Opens a stream of bytes to a host, with TLS for an `https` URL. Reads the root certificates
    /// for TLS if they haven't been read before.
    ///
    /// # Errors
    /// The failure of the first step that fails.
    async fn open(&mut self, to: &Uri) -> Result<Box<dyn ByteStream>, FetchError> {
        if to.scheme() != Some(&Scheme::HTTPS) {
            return self.open_stream(to).await;
        }
        // The roots are read while DNS and TCP wait for the network.
        let tls = Arc::clone(&self.tls);
        let reading = async { tls.config() };
        let (stream, _) = try_join(self.open_stream(to), reading).await?;
        let mut peer = host_and_port(to);
        if let Some(proxy) = self.proxy(to) {
            peer = format!("{peer} through {proxy}");
        }
        self.open_tls(stream, to, &peer).await
    }

    /// Opens a stream to a host. If there is a proxy, the stream ends at the proxy for an `http`
    /// URL, and goes through a tunnel for an `https` URL.
    ///
    /// # Errors
    /// The failure of TCP, of TLS to the proxy, or of the tunnel.
    async fn open_stream(&mut self, to: &Uri) -> Result<Box<dyn ByteStream>, FetchError> {
        let Some(proxy) = self.proxy(to) else {
            return self.open_tcp(to, &host_and_port(to)).await;
        };
        // These futures are on the heap, because every launch would move them otherwise, and few
        // launches have a proxy.
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Box::pin(self.open_to_proxy(&proxy, to)).await;
        }

        let (login, limit) = (self.login.clone(), self.limit);
        let opening = async {
            let stream = self.open_to_proxy(&proxy, to).await?;
            let opened = within(limit, open_tunnel(stream, to, &proxy)).await;
            let late = FetchError::silent(proxy.intercept.uri(), &proxy.to_string());
            opened.unwrap_or_else(|_| Err(proxy.with_remedy(late, to)))
        };
        Box::pin(login.attempt(&proxy, opening)).await
    }

    /// Opens a stream to a proxy, with TLS if the proxy's URL is an `https` URL. `to` is the URL of
    /// the request, which the remedy names.
    ///
    /// # Errors
    /// When the proxy can't be reached. The failure has the remedy to correct the variable, or to
    /// reach `to` without the proxy.
    async fn open_to_proxy(
        &mut self,
        proxy: &Proxy,
        to: &Uri,
    ) -> Result<Box<dyn ByteStream>, FetchError> {
        let (uri, name) = (proxy.intercept.uri(), proxy.to_string());
        let opened = self.open_tcp(uri, &name).await;
        let stream = opened.map_err(|failure| proxy.with_remedy(failure, to))?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Ok(stream);
        }
        let opened = self.open_tls(stream, uri, &name).await;
        opened.map_err(|failure| failure.of_named_host(proxy.variable))
    }

    /// Looks up the host of a URL, and opens a TCP connection to it. Messages call the host `peer`.
    ///
    /// # Errors
    /// When the name doesn't resolve, or when the host can't be reached within the limit.
    async fn open_tcp(&mut self, to: &Uri, peer: &str) -> Result<Box<dyn ByteStream>, FetchError> {
        // hyper-util divides this timeout between the addresses of a name, so that an address that
        // never answers leaves time for the next.
        self.tcp.set_connect_timeout(self.limit);
        match within(self.limit, self.tcp.call(to.clone())).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(FetchError::from_connection(error, to, peer)),
            Err(_) if self.dns.is_looking_up(to.host().unwrap_or_default()) => Err(
                FetchError::unresolved(peer, "no answer to the lookup", None),
            ),
            Err(_) => Err(FetchError::silent(to, peer)),
        }
    }

    /// Makes the TLS handshake on an open stream to the host of a URL. Messages call the host
    /// `peer`.
    ///
    /// # Errors
    /// When the host doesn't answer within the limit or doesn't speak TLS, or when its certificate
    /// is not trusted.
    async fn open_tls(
        &self,
        stream: Box<dyn ByteStream>,
        to: &Uri,
        peer: &str,
    ) -> Result<Box<dyn ByteStream>, FetchError> {
        let failed = |error| FetchError::from_handshake(&error, peer);
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| failed(io::Error::other(error)))?;

        let connector = TlsConnector::from(self.tls.config()?);
        let connecting = connector.connect(name, TokioIo::new(stream));
        match within(self.limit, connecting).await {
            Ok(connected) => Ok(Box::new(TokioIo::new(connected.map_err(failed)?))),
            Err(_) => Err(failed(ErrorKind::TimedOut.into())),
        }
    }
}
