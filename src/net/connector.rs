//! Opens connections, directly or through a proxy: looks up the host, connects to it with TCP, asks
//! the proxy for a tunnel, and performs the TLS handshake.
//!
//! Names are looked up by the system's resolver (getaddrinfo(3)), which blocks and can't be
//! cancelled, so each lookup runs on its own thread. A launch opens up to 32 connections to a host
//! at the same time. They share one lookup, whose answer is reused for a few seconds.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use dns_lookup::{AddrFamily, AddrInfoHints, SockType, getaddrinfo};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, try_join};
use http::Uri;
use http::uri::Scheme;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake as http_handshake};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::errors::{LookupError, host_and_port};
use super::proxy::{AWS_DOMAINS, Proxy, ProxyLogin, ProxySettings, open_tunnel};
use super::tls::{TlsConfig, TrustSettings, tls_config};
use crate::model::answer::FetchError;
use crate::system::os_error;

/// A stream of bytes: TCP or TLS, direct or through a proxy.
trait ByteStream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> ByteStream for T {}

/// An open connection, which carries one request at a time.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens connections. Clones share the root certificates and the DNS answers.
#[derive(Clone)]
pub struct Connector {
    pub dns: DnsResolver,
    tcp: HttpConnector<DnsResolver>,
    tls: Arc<TlsConfig>,
    pub proxies: Arc<ProxySettings>,
    pub login: ProxyLogin,
    /// The time limit for each step of opening a connection.
    limit: Duration,
}

impl Connector {
    /// Creates a connector. It opens connections and reads the root certificates only when they are
    /// needed.
    pub fn new(trust: &TrustSettings, proxy: &ProxySettings) -> Self {
        let dns = DnsResolver::default();
        let mut tcp = HttpConnector::new_with_resolver(dns.clone());
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self {
            dns,
            tcp,
            tls: Arc::new(tls_config(trust.clone())),
            proxies: Arc::new(proxy.clone()),
            login: ProxyLogin::default(),
            // `connect` sets the limit.
            limit: Duration::MAX,
        }
    }

    /// Opens a connection, including the TLS handshake, and starts a task that writes requests to
    /// it and reads the responses. `limit` applies to each of these steps: DNS and TCP together,
    /// the tunnel through a proxy, and TLS.
    ///
    /// # Errors
    /// The failure of the first step that fails. The message names the host, or the proxy if the
    /// proxy caused the failure.
    pub async fn connect(&self, to: &Uri, limit: Duration) -> Result<Connection, FetchError> {
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
        let reading = async { LazyLock::force(&tls).clone() };
        let (stream, _) = try_join(self.open_stream(to), reading).await?;
        let mut peer = host_and_port(to);
        if let Some(proxy) = self.proxies.proxy(to) {
            peer = format!("{peer} through {proxy}");
        }
        self.open_tls(stream, to, &peer).await
    }

    /// Opens a stream to a host. If there is a proxy, the stream ends at the proxy for an `http`
    /// URL and goes through a tunnel for an `https` URL.
    ///
    /// # Errors
    /// The failure of TCP, of TLS to the proxy, or of the tunnel.
    async fn open_stream(&mut self, to: &Uri) -> Result<Box<dyn ByteStream>, FetchError> {
        let Some(proxy) = self.proxies.proxy(to) else {
            return self.open_tcp(to, &host_and_port(to)).await;
        };
        // Boxed, so that the many launches without a proxy don't reserve and move memory for these
        // futures.
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Box::pin(self.open_to_proxy(&proxy, to)).await;
        }

        let (login, limit) = (self.login.clone(), self.limit);
        let opening = async {
            let stream = self.open_to_proxy(&proxy, to).await?;
            let opened = timeout(limit, open_tunnel(stream, to, &proxy)).await;
            let late = FetchError::silent(proxy.intercept.uri(), &proxy.to_string());
            opened.unwrap_or_else(|_| Err(proxy.with_remedy(late, to)))
        };
        Box::pin(login.attempt(&proxy, opening)).await
    }

    /// Opens a stream to a proxy, with TLS if the proxy's URL is an `https` URL. `to` is the URL of
    /// the request, for the remedy.
    ///
    /// # Errors
    /// When the proxy can't be reached, or when the TLS handshake with it fails. If it can't be
    /// reached, the help says to correct the variable or to reach `to` without the proxy.
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
        opened.map_err(|failure| proxy.with_plain_remedy(failure))
    }

    /// Looks up a URL's host and opens a TCP connection to it. Messages call the host `peer`.
    ///
    /// # Errors
    /// When the name doesn't resolve, or when the host can't be reached within the limit.
    async fn open_tcp(&mut self, to: &Uri, peer: &str) -> Result<Box<dyn ByteStream>, FetchError> {
        // hyper-util divides this timeout among the addresses of a name, so that an address that
        // never answers leaves time for the next one.
        self.tcp.set_connect_timeout(Some(self.limit));
        match timeout(self.limit, self.tcp.call(to.clone())).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(FetchError::from_connection(error, to, peer)),
            Err(_) if self.dns.is_looking_up(to.host().unwrap_or_default()) => Err(
                FetchError::unresolved(peer, Some("no answer to the lookup")),
            ),
            Err(_) => Err(FetchError::silent(to, peer)),
        }
    }

    /// Performs the TLS handshake with a URL's host on an open stream. Messages call the host
    /// `peer`.
    ///
    /// # Errors
    /// When the root certificates can't be read, when the host doesn't answer within the limit or
    /// doesn't speak TLS, or when its certificate isn't trusted.
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

        let connector = TlsConnector::from(LazyLock::force(&self.tls).clone()?);
        let connecting = connector.connect(name, TokioIo::new(stream));
        match timeout(self.limit, connecting).await {
            Ok(connected) => Ok(Box::new(TokioIo::new(connected.map_err(failed)?))),
            Err(_) => Err(failed(ErrorKind::TimedOut.into())),
        }
    }
}

/// A resolver that calls getaddrinfo(3). Clones share their lookups.
///
/// If a lookup has not returned at the deadline, its thread remains until the process ends or calls
/// execve.
#[derive(Clone, Default)]
pub struct DnsResolver {
    /// The latest lookup of each host, running or finished, and when it started.
    lookups: Arc<Mutex<HashMap<String, (Instant, SharedLookup)>>>,
}

/// A lookup that all connections to a host share.
type SharedLookup = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, LookupError>>>;

/// How long an answer is reused.
const MAX_AGE: Duration = Duration::from_secs(5);

impl DnsResolver {
    /// True if a lookup of this host has been started and has not returned yet.
    fn is_looking_up(&self, host: &str) -> bool {
        let lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let lookup = lookups.get(host);
        lookup.is_some_and(|(_, lookup)| lookup.peek().is_none())
    }

    /// Returns the lookup of a host. Starts a new one unless a recent one is running or has
    /// succeeded.
    pub fn look_up(&self, host: &str) -> SharedLookup {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = lookups.get(host).filter(|(started, lookup)| {
            let has_failed = lookup.peek().is_some_and(Result::is_err);
            !has_failed && started.elapsed() < MAX_AGE
        });
        match fresh {
            Some((_, lookup)) => lookup.clone(),
            None => {
                let lookup = start_lookup(host.to_owned());
                lookups.insert(host.to_owned(), (Instant::now(), lookup.clone()));
                lookup
            }
        }
    }
}

/// Starts a lookup on its own thread and returns immediately. The returned future fails if the
/// thread can't be started, or if the name doesn't resolve.
fn start_lookup(host: String) -> SharedLookup {
    let (sender, receiver) = oneshot::channel();
    let started = thread::Builder::new().spawn(move || {
        // Sending fails once the deadline has passed. By then, nobody needs the answer any more.
        let _ = sender.send(resolve(&host));
    });
    let lookup = async move {
        started.map_err(|error| LookupError(Some(os_error::no_thread(&error))))?;
        let answered = receiver.await;
        answered.map_err(|error| LookupError(Some(error.to_string())))?
    };
    lookup.boxed().shared()
}

impl Service<Name> for DnsResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.look_up(name.as_str());
        Box::pin(async move { lookup.await.map(Vec::into_iter) })
    }
}

/// Looks up a host. This blocks until the system's resolver answers.
///
/// An AWS host is first looked up as an absolute name, with a dot at its end. Kubernetes sets
/// `ndots:5` in /etc/resolv.conf, so a resolver would first try every AWS host name in each search
/// domain, which takes four rounds of queries. Names in /etc/hosts don't have the dot, so a name
/// that is listed there is not made absolute. All other hosts are looked up the way the system does
/// it, with its search domains.
///
/// `localhost` is always this host, whatever a name server says (RFC 6761, section 6.3), because
/// the tokens for the agent and for a container's endpoint are sent there.
///
/// # Errors
/// The error of the resolver.
fn resolve(host: &str) -> Result<Vec<SocketAddr>, LookupError> {
    // Port 0 is a placeholder. hyper-util sets the real port.
    if host.eq_ignore_ascii_case("localhost") {
        let (ipv4, ipv6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        return Ok(vec![(ipv4, 0).into(), (ipv6, 0).into()]);
    }
    if AWS_DOMAINS.iter().any(|domain| host.ends_with(domain))
        && !is_in_hosts_file(host)
        && let Ok(found) = addresses_of(&format!("{host}."))
    {
        return Ok(found);
    }
    addresses_of(host)
}

/// Returns the IPv4 and IPv6 addresses of a name.
///
/// Some name servers answer the query for IPv6 addresses (AAAA) with an error, or not at all. In
/// that case, musl drops the IPv4 addresses, too. So if the query for both fails, each kind of
/// address is queried separately.
///
/// # Errors
/// The error of the query for both, if there isn't an address of either kind.
fn addresses_of(name: &str) -> Result<Vec<SocketAddr>, LookupError> {
    let ask = |family| {
        let hints = AddrInfoHints {
            address: family,
            socktype: SockType::Stream.into(),
            ..AddrInfoHints::default()
        };
        let found = getaddrinfo(Some(name), None, Some(hints))?;
        Ok(found.flatten().map(|found| found.sockaddr).collect())
    };
    ask(ANY_FAMILY).or_else(|error: LookupError| {
        let found = ask(AddrFamily::Inet.into()).or_else(|_| ask(AddrFamily::Inet6.into()));
        found.map_err(|_| error)
    })
}

/// AF_UNSPEC, which asks for both IPv4 and IPv6 addresses.
const ANY_FAMILY: i32 = 0;

/// True if /etc/hosts lists the host. False if that file can't be read.
fn is_in_hosts_file(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names = hosts.lines().flat_map(|line| {
        let entry = line.split('#').next().unwrap_or_default();
        entry.split_whitespace().skip(1)
    });
    names.any(|name| name.eq_ignore_ascii_case(host))
}
