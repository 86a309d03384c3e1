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
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Intercept;
use tokio::task::JoinHandle;
use tower_service::Service;

use super::connection::Stream;
use super::dns::DnsResolver;
use super::errors::{BoxError, HostError, TimedOut, host_and_port, is_connect_timeout, within};
use super::proxy::{ProxyRules, ProxySettings};
use super::proxy_login::{ProxyLogin, open_tunnel};
use super::tls::{Tls, TrustSettings};

/// The connector for TCP.
type Tcp = HttpConnector<DnsResolver>;

type TcpStream = <Tcp as Service<Uri>>::Response;

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
    /// Connections opened in advance, the oldest first, by [`host_key`].
    preconnected: Arc<Mutex<HashMap<String, VecDeque<Connecting>>>>,
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
            preconnected: Arc::default(),
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
        let connecting = (0..count).map(|_| tokio::spawn(self.clone().connect(to.clone())));
        self.preconnected().entry(host_key(to)).or_default().extend(connecting);
    }

    /// Returns the proxy that forwards a request and reads the Proxy-Authorization header in it. [`open_tunnel`] sends that header itself.
    pub fn forwarding_proxy(&self, to: &Uri) -> Option<Intercept> {
        let is_forwarded = to.scheme() != Some(&Scheme::HTTPS);
        is_forwarded.then(|| self.proxy.intercept(to)).flatten()
    }

    fn preconnected(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Connecting>>> {
        self.preconnected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(self, to: Uri) -> Result<Stream, BoxError> {
        let mut host = host_and_port(&to);
        if let Some(proxy) = self.proxy.intercept(&to) {
            host.push_str(&format!(" through the proxy {}", host_and_port(proxy.uri())));
        }
        let limit = self.timeout;
        match within(limit, self.open(to)).await {
            Ok(stream) => Ok(stream),
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
            (None, false) => Ok(Stream::new(MaybeHttpsStream::Http(self.tcp.call(to).await?))),
            (None, true) => {
                // The roots are read while DNS and TCP wait for the network.
                let connecting = self.tcp.call(to.clone()).map_err(BoxError::from);
                let reading = async { self.tls.config().map_err(BoxError::from) };
                let (stream, config) = try_join(connecting, reading).await?;
                let mut https = HttpsConnector::from((Preconnected(Some(stream)), config));
                Ok(Stream::new(https.call(to).await?))
            }
            (Some(proxy), true) => {
                let config = self.tls.config()?;
                let login = self.login.clone();
                let opening = async { open_tunnel(self.open_to_proxy(&proxy).await?, &to, &proxy).await };
                // On the heap, as every launch moves this future, and few have a proxy.
                let tunnel = Box::pin(login.run(&proxy, opening)).await?;
                let mut https = HttpsConnector::from((Preconnected(Some(tunnel)), config));
                Ok(Stream::new(https.call(to).await?))
            }
            (Some(proxy), false) => Ok(Stream::new(Box::pin(self.open_to_proxy(&proxy)).await?).forwarded()),
        }
    }

    async fn open_to_proxy(&mut self, proxy: &Intercept) -> Result<MaybeHttpsStream<TcpStream>, BoxError> {
        let to = proxy.uri().clone();
        if to.scheme() == Some(&Scheme::HTTPS) {
            HttpsConnector::from((self.tcp.clone(), self.tls.config()?)).call(to).await
        } else {
            Ok(MaybeHttpsStream::Http(self.tcp.call(to).await?))
        }
    }
}

/// A connector that returns an open stream, once: hyper-rustls takes a connector and not a stream.
struct Preconnected<S>(Option<S>);

impl<S> Service<Uri> for Preconnected<S> {
    type Response = S;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<S>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        std::future::ready(self.0.take().ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let preconnected = self.preconnected().get_mut(&host_key(&to)).and_then(VecDeque::pop_front);
        let connector = self.clone();
        Box::pin(async move {
            // After a preconnection that failed, the host may be reachable by now.
            if let Some(connecting) = preconnected
                && let Ok(Ok(stream)) = connecting.await
            {
                return Ok(stream);
            }
            connector.connect(to).await
        })
    }
}

/// The key of the pool: scheme and authority.
fn host_key(to: &Uri) -> String {
    let authority = to.authority().map(ToString::to_string).unwrap_or_default();
    format!("{}://{authority}", to.scheme_str().unwrap_or_default())
}
