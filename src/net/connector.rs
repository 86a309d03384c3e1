//! Where secrets come from; the only module that names the SDK.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::try_join;
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tower_service::Service;

use super::connection::Stream;
use super::dns::DnsResolver;
use super::errors::{BoxError, TimedOut, TrustError, Unreached, host_and_port, took_too_long, within};
use super::proxy::{ProxyRules, ProxySettings};
use super::proxy_connector::{Preconnected, ProxyConnector, Tcp};
use super::tls::{Tls, TrustSettings};
use crate::model::library_text::{is_proxy_authorization_required, is_tunnel_refused};
use crate::time::deadline::Deadline;

/// How many requests are under way together, and how many connections to one host there are. Each request has a connection
/// of its own, so a cap costs round trips; 20 secrets must not meet it, and a service must not meet a flood.
pub const MAX_CONNECTIONS: usize = 32;

/// Makes connections.
#[derive(Clone)]
pub struct Connector {
    tcp: Tcp,
    tls: Arc<Tls>,
    proxy: Arc<ProxyRules>,
    /// For the whole way to a connection: names, TCP, proxy and TLS.
    timeout: Option<Duration>,
    /// Is told when a request has a connection.
    deadline: Option<Deadline>,
    /// What is known of each host that was connected to.
    hosts: Arc<Mutex<HashMap<String, Host>>>,
}

/// One host, and its connections.
struct Host {
    /// One for each connection that there may be at once.
    places: Arc<Semaphore>,
    /// Connections that are made before anybody has something to ask.
    preconnected: VecDeque<JoinHandle<Result<Stream, BoxError>>>,
}

impl Default for Host {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_CONNECTIONS)), preconnected: VecDeque::new() }
    }
}

impl Connector {
    pub fn new(trust: &TrustSettings, proxy: &ProxySettings, deadline: Option<Deadline>) -> Self {
        let mut tcp = Tcp::new_with_resolver(DnsResolver::default());
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let tls = Tls { settings: trust.clone(), config: OnceLock::new() };
        Self {
            tcp,
            tls: Arc::new(tls),
            proxy: Arc::new(ProxyRules::new(proxy)),
            timeout: None,
            deadline,
            hosts: Arc::default(),
        }
    }

    /// The same with another limit; the roots that are read, once they are, are shared.
    pub fn within(&self, timeout: Option<Duration>) -> Self {
        let mut connector = Self { timeout, ..self.clone() };
        // Shared out among the addresses of a name, so that one that swallows everything leaves time for the next.
        connector.tcp.set_connect_timeout(timeout);
        connector
    }

    /// Begins to make so many connections, for requests that will come.
    pub fn preconnect(&self, to: &Uri, count: usize) {
        let host = host_of(to);
        for _ in 0..count.min(MAX_CONNECTIONS) {
            let connecting = tokio::spawn(self.clone().connect(to.clone()));
            self.with_host(&host, |host| host.preconnected.push_back(connecting));
        }
    }

    fn with_host<T>(&self, name: &str, use_it: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(hosts.entry(name.to_owned()).or_default())
    }

    /// A connection, when the host may have one more: whoever asks for one meanwhile gets one that has become free.
    async fn connect(self, to: Uri) -> Result<Stream, BoxError> {
        let places = self.with_host(&host_of(&to), |host| Arc::clone(&host.places));
        // The semaphore is never closed.
        let place = places.acquire_owned().await.ok();
        let mut host = host_and_port(&to);
        if let Some(proxy) = self.proxy.intercept(&to) {
            host.push_str(&format!(" by way of the proxy {}", host_and_port(proxy.uri())));
        }
        let limit = self.timeout;
        match within(limit, self.open(to)).await {
            Ok(stream) => Ok(stream.at(place)),
            // Which of the two limits is first is chance.
            Err(source) => Err(match limit {
                Some(limit) if took_too_long(&*source) => Unreached::new(host, TimedOut(limit).into()).into(),
                _ => Unreached::new(host, source).into(),
            }),
        }
    }

    /// What a proxy that forwards a request is to be shown with it. One that opens a tunnel is shown it by [`Tunnel`].
    pub fn authorization(&self, to: &Uri) -> Option<HeaderValue> {
        let forwarded = to.scheme() != Some(&Scheme::HTTPS);
        forwarded.then(|| self.proxy.intercept(to)).flatten()?.basic_auth().cloned()
    }

    async fn open(mut self, to: Uri) -> Result<Stream, BoxError> {
        let secure = to.scheme() == Some(&Scheme::HTTPS);
        match (self.proxy.intercept(&to), secure) {
            (None, false) => Ok(Stream::new(MaybeHttpsStream::Http(self.tcp.call(to).await?))),
            (None, true) => {
                // The roots are read while the name is looked up and the connection made.
                let connecting = self.tcp.call(to.clone()).map_err(BoxError::from);
                let reading = async { self.tls.config().map_err(BoxError::from) };
                let (stream, config) = try_join(connecting, reading).await?;
                let mut https = HttpsConnector::from((Preconnected(Some(stream)), config));
                Ok(Stream::new(https.call(to).await?))
            }
            (Some(proxy), true) => {
                let tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy(&proxy)?);
                let tunnel = match proxy.basic_auth() {
                    Some(authorization) => tunnel.with_auth(authorization.clone()),
                    None => tunnel,
                };
                Ok(Stream::new(self.tls.over(tunnel)?.call(to).await.map_err(refusal)?))
            }
            (Some(proxy), false) => {
                let stream = self.to_proxy(&proxy)?.call(proxy.uri().clone()).await?;
                Ok(Stream::new(stream).proxied())
            }
        }
    }

    fn to_proxy(&self, proxy: &Intercept) -> Result<ProxyConnector, TrustError> {
        if proxy.uri().scheme() == Some(&Scheme::HTTPS) {
            self.tls.over(self.tcp.clone()).map(|https| ProxyConnector::Https(Box::new(https)))
        } else {
            Ok(ProxyConnector::Http(self.tcp.clone()))
        }
    }
}

/// Words hyper-util's error about a proxy that opens no tunnel. Its type is private.
fn refusal(error: BoxError) -> BoxError {
    match error.to_string() {
        text if is_tunnel_refused(&text) => {
            "the proxy refuses the tunnel, wants another password, or gets no further".into()
        }
        text if is_proxy_authorization_required(&text) => "the proxy wants a name and a password in its URL".into(),
        _ => error,
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
        let preconnected = self.with_host(&host_of(&to), |host| host.preconnected.pop_front());
        let connector = self.clone();
        Box::pin(async move {
            let connected = match preconnected {
                Some(connecting) => connecting.await.ok().and_then(Result::ok),
                None => None,
            };
            // One that a server may have grown tired of gives its place back before another takes it.
            let fresh = connected.filter(|stream| stream.age() < FRESH);
            let deadline = connector.deadline.clone();
            let stream = match fresh {
                Some(stream) => stream,
                // What could not be made then may be there now.
                None => connector.connect(to).await?,
            };
            if let Some(deadline) = deadline {
                deadline.mark_reachable();
            }
            Ok(stream)
        })
    }
}

/// How long a connection is kept for a first request.
const FRESH: Duration = Duration::from_secs(1);

/// Scheme, name and port: what connections can be shared for.
fn host_of(to: &Uri) -> String {
    let authority = to.authority().map(ToString::to_string).unwrap_or_default();
    format!("{}://{authority}", to.scheme_str().unwrap_or_default())
}
