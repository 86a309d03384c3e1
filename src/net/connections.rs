//! Connections of HTTP/1.1, direct or through a proxy: at most [`MAX_CONNECTIONS`] to each host, idle and busy together, each with one
//! request at a time.
//!
//! A request takes a permit, and then an idle connection, one that was opened in advance, or a new one; it gives both back once it has read
//! the response. It opens one only when none is idle, while it holds one of as many permits: so there are never more connections than
//! permits. A server may close an idle connection at the moment when a request is written to it. Such a request is sent once more, on a
//! new connection.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
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
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::dns::DnsResolver;
use super::errors::{NetFailure, host_and_port, within};
use super::proxy::{Proxy, ProxyLogin, ProxySettings, open_tunnel};
use super::tls::{Tls, TrustSettings};

/// The most connections to a host, which is also the most requests that a backend has in flight: each has a connection of its own.
///
/// A lower limit would cost round trips: it is above the 20 secrets of a usual launch, and low enough not to flood a service.
pub const MAX_CONNECTIONS: usize = 32;

/// Completes requests, as many at the same time as a host may have connections. Each is made when its turn comes.
pub async fn in_flight<F: Future>(requests: impl Stream<Item = F>) -> Vec<F::Output> {
    requests.buffer_unordered(MAX_CONNECTIONS).collect().await
}

/// The connections of all hosts. Clones share them.
#[derive(Clone)]
pub struct Pool {
    pub connector: Connector,
    /// By scheme and authority.
    hosts: Arc<Mutex<HashMap<String, Arc<Host>>>>,
}

/// The connections to one host.
pub struct Host {
    /// One for each request that may be sent.
    permits: Semaphore,
    spare: Mutex<Spare>,
}

/// Connections that no request uses.
#[derive(Default)]
struct Spare {
    idle: Vec<Connection>,
    /// Connections that are opened in advance, the oldest first.
    preconnected: VecDeque<JoinHandle<Result<Connection, NetFailure>>>,
}

/// A connection with its request. Dropping it before [`Self::give_back`] closes the connection.
pub struct InUse<'a> {
    host: &'a Host,
    connection: Connection,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub fn new(connector: Connector) -> Self {
        Self {
            connector,
            hosts: Arc::default(),
        }
    }

    /// Returns the connections to the host of a URL.
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

    /// Starts opening `count` connections for later requests, each within `limit`.
    pub fn preconnect(&self, to: &Uri, count: usize, limit: Option<Duration>) {
        let host = self.host(to);
        let mut spare = host.spare();
        let open = spare.idle.len() + spare.preconnected.len() + MAX_CONNECTIONS
            - host.permits.available_permits();
        for _ in 0..count.min(MAX_CONNECTIONS.saturating_sub(open)) {
            let (connector, to) = (self.connector.clone(), to.clone());
            spare.preconnected.push_back(tokio::spawn(async move {
                connector.connect(&to, limit).await
            }));
        }
    }
}

impl Host {
    /// Sends a request, and returns the head of the response with its connection. `to` is the request's whole URL, and `limit` that of a
    /// new connection.
    ///
    /// # Errors
    /// When no connection can be opened, or the request cannot be sent.
    pub async fn send<'h>(
        &'h self,
        connector: &Connector,
        to: &Uri,
        limit: Option<Duration>,
        request: Request<Full<Bytes>>,
    ) -> Result<(InUse<'h>, Response<Incoming>), NetFailure> {
        let host = host_and_port(to);
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|error| NetFailure::of_exchange(error, &host))?;
        if let Some(mut connection) = self.spare_connection().await
            && let Ok(response) = connection.send_request(request.clone()).await
        {
            return Ok((
                InUse {
                    host: self,
                    connection,
                    _permit,
                },
                response,
            ));
        }
        let mut connection = connector.connect(to, limit).await?;
        let response = connection.send_request(request).await;
        Ok((
            InUse {
                host: self,
                connection,
                _permit,
            },
            response.map_err(|error| NetFailure::of_exchange(error, &host))?,
        ))
    }

    /// Returns an open connection that no request uses. One that failed to open in advance is passed over: the host may be reachable by
    /// now.
    async fn spare_connection(&self) -> Option<Connection> {
        loop {
            let idle = self.spare().idle.pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
        let preconnected = self.spare().preconnected.pop_front()?;
        preconnected.await.ok()?.ok()
    }

    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse<'_> {
    /// Gives the connection back, whose response has been read.
    pub fn give_back(self) {
        self.host.spare().idle.push(self.connection);
    }
}

/// A stream of bytes of any kind: TCP or TLS, direct or through a proxy.
trait ByteStream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> ByteStream for T {}

/// An open connection, which takes one request at a time.
type Connection = SendRequest<Full<Bytes>>;

/// Opens connections. Clones share the roots and the DNS answers.
#[derive(Clone)]
pub struct Connector {
    dns: DnsResolver,
    tcp: HttpConnector<DnsResolver>,
    tls: Arc<Tls>,
    proxy: Arc<ProxySettings>,
    pub login: ProxyLogin,
}

impl Connector {
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
        }
    }

    /// Returns the proxy for a URL.
    pub fn proxy(&self, to: &Uri) -> Option<Proxy> {
        self.proxy.proxy(to)
    }

    /// Opens a connection. `limit` bounds all of DNS, TCP, proxy and TLS.
    pub async fn connect(
        &self,
        to: &Uri,
        limit: Option<Duration>,
    ) -> Result<Connection, NetFailure> {
        let mut connector = self.clone();
        // hyper-util divides this timeout among a name's addresses, so that one that never answers leaves time for the next.
        connector.tcp.set_connect_timeout(limit);
        let mut in_handshake = false;
        let opening = within(limit, connector.open(to, &mut in_handshake)).await;
        let stream = match opening {
            Ok(opened) => opened?,
            Err(_) if in_handshake => {
                let peer = self.peer_of_tls(to);
                let why = format!("{peer} did not answer the first message of TLS in time");
                return Err(NetFailure::Handshake(why));
            }
            Err(_) => return Err(self.not_opened(to)),
        };
        let (connection, exchanges) = http_handshake(stream)
            .await
            .map_err(|error| NetFailure::of_exchange(error, &host_and_port(to)))?;
        tokio::spawn(exchanges);
        Ok(connection)
    }

    /// Returns the failure of a connection that was not opened in time.
    fn not_opened(&self, to: &Uri) -> NetFailure {
        match self.proxy(to) {
            None => self.unanswered(to, &host_and_port(to)),
            Some(proxy) => {
                let failure = self.unanswered(proxy.intercept.uri(), &proxy.to_string());
                proxy.unreachable(to, failure.to_string())
            }
        }
    }

    /// Returns the failure of a host, or of a proxy, that does not answer the request for a connection.
    fn unanswered(&self, uri: &Uri, peer: &str) -> NetFailure {
        let host = uri.host().unwrap_or_default();
        if self.dns.is_looking_up(host) {
            return NetFailure::unresolved(peer, "no answer to the lookup");
        }
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let but = if is_address {
            ""
        } else {
            ", although its name resolves"
        };
        NetFailure::Silent(format!("{peer} does not answer{but}"))
    }

    /// Returns the host and port of a URL, and its proxy, as a message names the other end of TLS.
    fn peer_of_tls(&self, to: &Uri) -> String {
        let host = host_and_port(to);
        match self.proxy(to) {
            None => host,
            Some(proxy) => format!("{host} through {proxy}"),
        }
    }

    /// Opens a connection up to the end of the TLS handshake. Sets `in_handshake` when that begins.
    async fn open(
        mut self,
        to: &Uri,
        in_handshake: &mut bool,
    ) -> Result<Box<dyn ByteStream>, NetFailure> {
        let is_tls = to.scheme() == Some(&Scheme::HTTPS);
        let tls = Arc::clone(&self.tls);
        // The roots are read while DNS and TCP wait for the network.
        let reading = async { is_tls.then(|| tls.config()).transpose() };
        let (stream, config) = try_join(self.open_stream(to, is_tls), reading).await?;
        let Some(config) = config else {
            return Ok(stream);
        };

        *in_handshake = true;
        let secured = handshake(config, to, stream).await;
        let failed = |error| NetFailure::of_handshake(&error, &self.peer_of_tls(to));
        Ok(Box::new(secured.map_err(failed)?))
    }

    /// Opens a connection to a host, to the proxy for it, or through the tunnel of that proxy, which TLS needs.
    async fn open_stream(
        &mut self,
        to: &Uri,
        is_tls: bool,
    ) -> Result<Box<dyn ByteStream>, NetFailure> {
        let Some(proxy) = self.proxy(to) else {
            return self.open_tcp(to, &host_and_port(to)).await;
        };
        // On the heap, as every launch moves this future, and few have a proxy.
        if !is_tls {
            return Box::pin(self.open_to_proxy(&proxy, to)).await;
        }
        let login = self.login.clone();
        let opening =
            async { open_tunnel(self.open_to_proxy(&proxy, to).await?, to, &proxy).await };
        Box::pin(login.run(&proxy, opening)).await
    }

    async fn open_to_proxy(
        &mut self,
        proxy: &Proxy,
        to: &Uri,
    ) -> Result<Box<dyn ByteStream>, NetFailure> {
        let opened = self
            .open_tcp(proxy.intercept.uri(), &proxy.to_string())
            .await;
        let stream = opened.map_err(|failure| proxy.unreachable(to, failure.to_string()))?;
        if proxy.intercept.uri().scheme() != Some(&Scheme::HTTPS) {
            return Ok(stream);
        }
        let secured = handshake(self.tls.config()?, proxy.intercept.uri(), stream).await;
        let failed = |error| NetFailure::of_handshake(&error, &proxy.to_string());
        Ok(Box::new(secured.map_err(failed)?))
    }

    /// Opens a connection to the host and port of a URL, which a message calls `peer`.
    async fn open_tcp(&mut self, to: &Uri, peer: &str) -> Result<Box<dyn ByteStream>, NetFailure> {
        match self.tcp.call(to.clone()).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => match NetFailure::of_connection(error, peer) {
                // The last address did not answer in its share of the time.
                NetFailure::Io {
                    kind: Some(ErrorKind::TimedOut),
                    ..
                } => Err(self.unanswered(to, peer)),
                failure => Err(failure),
            },
        }
    }
}

/// Begins TLS on an open stream.
async fn handshake(
    config: Arc<ClientConfig>,
    to: &Uri,
    stream: Box<dyn ByteStream>,
) -> io::Result<TokioIo<TlsStream<TokioIo<Box<dyn ByteStream>>>>> {
    let host = to
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let connecting = TlsConnector::from(config).connect(name, TokioIo::new(stream));
    Ok(TokioIo::new(connecting.await?))
}
