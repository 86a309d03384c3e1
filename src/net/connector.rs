//! The connector of the HTTP client: connections direct or through a proxy, and opened in advance.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::try_join;
use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::connection::Stream;
use super::dns::DnsResolver;
use super::errors::{BoxError, HostError, TimedOut, host_and_port, is_connect_timeout, within};
use super::proxy::{ProxyRules, ProxySettings};
use super::proxy_login::{ProxyLogin, open_tunnel};
use super::tls::{Tls, TrustSettings};

/// The connector for TCP.
type Tcp = HttpConnector<DnsResolver>;

/// TLS over a stream.
type TlsIo<S> = TokioIo<TlsStream<TokioIo<S>>>;

/// A connection that is being opened.
type Connecting = JoinHandle<Result<Stream, BoxError>>;

/// Opens connections. Clones share the roots, the DNS answers and the connections opened in advance.
#[derive(Clone)]
pub struct Connector {
    tcp: Tcp,
    tls: Arc<Tls>,
    proxy: Arc<ProxyRules>,
    pub login: ProxyLogin,
    /// The limit for all of DNS, TCP, proxy and TLS.
    timeout: Option<Duration>,
    /// By [`host_key`].
    hosts: Arc<Mutex<HashMap<String, HostConnections>>>,
}

/// The most connections to a host. A request starts before hyper's pool has the connection of the last one back, and would open another.
const MAX_CONNECTIONS: usize = 32;

struct HostConnections {
    /// One for each connection that may be open.
    slots: Arc<Semaphore>,
    /// Connections opened in advance, the oldest first.
    preconnected: VecDeque<Connecting>,
}

impl Default for HostConnections {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)), preconnected: VecDeque::new() }
    }
}

impl Connector {
    pub fn new(trust: &TrustSettings, proxy: &ProxySettings) -> Self {
        let mut tcp = Tcp::new_with_resolver(DnsResolver::default());
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self {
            tcp,
            tls: Arc::new(Tls::new(trust.clone())),
            proxy: Arc::new(ProxyRules::new(proxy)),
            login: ProxyLogin::default(),
            timeout: None,
            hosts: Arc::default(),
        }
    }

    /// Returns a clone with another timeout.
    pub fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        let mut connector = Self { timeout, ..self.clone() };
        // hyper-util divides this timeout among a name's addresses, so that one that never answers leaves time for the next.
        connector.tcp.set_connect_timeout(timeout);
        connector
    }

    /// Starts opening `count` connections for later requests.
    pub fn preconnect(&self, to: &Uri, count: usize) {
        let mut hosts = self.hosts();
        let HostConnections { slots, preconnected } = hosts.entry(host_key(to)).or_default();
        preconnected.extend((0..count).map(|_| tokio::spawn(self.clone().connect(to.clone(), slots.clone()))));
    }

    /// Returns the proxy that forwards a request and reads the Proxy-Authorization header in it. [`open_tunnel`] sends that header itself.
    pub fn forwarding_proxy(&self, to: &Uri) -> Option<Intercept> {
        let is_forwarded = to.scheme() != Some(&Scheme::HTTPS);
        is_forwarded.then(|| self.proxy.intercept(to)).flatten()
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, HostConnections>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(self, to: Uri, slots: Arc<Semaphore>) -> Result<Stream, BoxError> {
        let slot = slots.acquire_owned().await?;
        let mut host = host_and_port(&to);
        if let Some(proxy) = self.proxy.intercept(&to) {
            host.push_str(&format!(" through the proxy {}", host_and_port(proxy.uri())));
        }
        let limit = self.timeout;
        match within(limit, self.open(to)).await {
            Ok(stream) => Ok(stream.holding(slot)),
            // The connect timeout of one address and the overall timeout race; report either the same way.
            Err(source) => Err(match limit {
                Some(limit) if is_connect_timeout(&*source) => HostError::new(host, TimedOut(limit).into()).into(),
                _ => HostError::new(host, source).into(),
            }),
        }
    }

    async fn open(mut self, to: Uri) -> Result<Stream, BoxError> {
        let is_tls = to.scheme() == Some(&Scheme::HTTPS);
        match (self.proxy.intercept(&to), is_tls) {
            (None, false) => Ok(Stream::new(self.tcp.call(to).await?)),
            (None, true) => {
                // The roots are read while DNS and TCP wait for the network.
                let connecting = self.tcp.call(to.clone()).map_err(BoxError::from);
                let reading = async { self.tls.config().map_err(BoxError::from) };
                let (stream, config) = try_join(connecting, reading).await?;
                Ok(Stream::new(handshake(config, &to, stream).await?))
            }
            (Some(proxy), true) => {
                let config = self.tls.config()?;
                let login = self.login.clone();
                let opening = async { open_tunnel(self.open_to_proxy(&proxy).await?, &to, &proxy).await };
                // On the heap, as every launch moves this future, and few have a proxy.
                let tunnel = Box::pin(login.run(&proxy, opening)).await?;
                Ok(Stream::new(handshake(config, &to, tunnel).await?))
            }
            (Some(proxy), false) => Ok(Box::pin(self.open_to_proxy(&proxy)).await?.forwarded()),
        }
    }

    async fn open_to_proxy(&mut self, proxy: &Intercept) -> Result<Stream, BoxError> {
        let stream = self.tcp.call(proxy.uri().clone()).await?;
        Ok(match proxy.uri().scheme() == Some(&Scheme::HTTPS) {
            true => Stream::new(handshake(self.tls.config()?, proxy.uri(), stream).await?),
            false => Stream::new(stream),
        })
    }
}

/// Begins TLS on an open stream.
async fn handshake<S: Read + Write + Unpin>(config: Arc<ClientConfig>, to: &Uri, stream: S) -> io::Result<TlsIo<S>> {
    let host = to.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(TokioIo::new(TlsConnector::from(config).connect(name, TokioIo::new(stream)).await?))
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut hosts = self.hosts();
        let HostConnections { slots, preconnected } = hosts.entry(host_key(&to)).or_default();
        let (slots, preconnected) = (slots.clone(), preconnected.pop_front());
        let connector = self.clone();
        Box::pin(async move {
            // After a preconnection that failed, the host may be reachable by now.
            if let Some(connecting) = preconnected
                && let Ok(Ok(stream)) = connecting.await
            {
                return Ok(stream);
            }
            connector.connect(to, slots).await
        })
    }
}

/// The key of the pool: scheme and authority.
fn host_key(to: &Uri) -> String {
    let authority = to.authority().map(ToString::to_string).unwrap_or_default();
    format!("{}://{authority}", to.scheme_str().unwrap_or_default())
}
