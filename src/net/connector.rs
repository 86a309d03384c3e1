//! Opens connections to a host, directly or through an HTTP proxy. The steps are a lookup of the
//! host's addresses, TCP, the tunnel through the proxy, and the TLS handshake.
//!
//! The SDK's connector always offers HTTP/2, and nothing was found upstream about an option for
//! HTTP/1.1 only.

use std::io::{self, ErrorKind};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::future::try_join;
use http::Uri;
use http::uri::Scheme;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake as http_handshake};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::dns::DnsResolver;
use super::errors::{LookupError, find_source};
use super::proxy::{Proxy, ProxyLogin, ProxySettings, host_and_port, open_tunnel, with_port};
use super::tls::{TlsConfig, TrustSettings, client_config};
use crate::model::message::{FetchError, FetchResult};

/// A byte stream over TCP or TLS, either direct or through a proxy.
type Stream = Box<dyn ByteStream>;

trait ByteStream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> ByteStream for T {}

/// An open connection, which carries one request at a time.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens connections to hosts. Clones share the root certificates, the DNS lookups, and the result
/// of the proxy login.
#[derive(Clone)]
pub struct Connector {
    dns: DnsResolver,
    tcp: HttpConnector<DnsResolver>,
    tls: Arc<TlsConfig>,
    pub(super) proxies: Arc<ProxySettings>,
    pub(super) login: ProxyLogin,
    /// The time limit for each step of opening a connection.
    pub(super) limit: Duration,
}

impl Connector {
    /// Creates a connector. The root certificates are read only when a connection first needs them.
    pub fn new(settings: &HttpSettings, limit: Duration) -> Self {
        let dns = DnsResolver::default();
        let mut tcp = HttpConnector::new_with_resolver(dns.clone());
        tcp.set_nodelay(true);
        // By default, hyper-util refuses an `https` URL.
        tcp.enforce_http(false);
        let trust = settings.trust.clone();
        Self {
            dns,
            tcp,
            tls: Arc::new(LazyLock::new(Box::new(move || client_config(&trust)))),
            proxies: Arc::new(settings.proxy.clone()),
            login: ProxyLogin::default(),
            limit,
        }
    }

    /// Opens a connection to the host in `to`, with a TLS handshake for `https`.
    ///
    /// Spawns a task that sends requests on it and reads the responses. [`Self::limit`] applies to
    /// each step separately: DNS and TCP together, the tunnel through a proxy, and TLS. Dropping
    /// the connection closes it.
    pub async fn connect(&self, to: &Uri) -> FetchResult<Connection> {
        // hyper-util's connector has to be mutable, so open the stream with a clone.
        let stream = self.clone().open(to).await?;
        let (connection, exchanges) = http_handshake(stream)
            .await
            .map_err(|error| FetchError::from_exchange(error, host_and_port(to)))?;
        tokio::spawn(exchanges);
        Ok(connection)
    }

    /// Opens a byte stream to a host, using TLS for an `https` URL.
    async fn open(&mut self, to: &Uri) -> FetchResult<Stream> {
        if to.scheme() != Some(&Scheme::HTTPS) {
            return self.open_stream(to).await;
        }
        // Read the root certificates while DNS and TCP are waiting for the network.
        let tls = Arc::clone(&self.tls);
        let reading = async { LazyLock::force(&tls).clone() };
        let (stream, _) = try_join(self.open_stream(to), reading).await?;
        let mut peer = host_and_port(to).to_owned();
        if let Some(proxy) = self.proxies.proxy(to) {
            peer = format!("{peer} through {proxy}");
        }
        self.open_tls(stream, to, &peer).await
    }

    /// Opens a byte stream to a host, before any TLS handshake with the host itself.
    ///
    /// With a proxy, the stream for an `http` URL ends at the proxy. For an `https` URL, it is a
    /// tunnel through the proxy to the host.
    async fn open_stream(&mut self, to: &Uri) -> FetchResult<Stream> {
        let Some(proxy) = self.proxies.proxy(to) else {
            return self.open_tcp(to, host_and_port(to)).await;
        };
        // Boxed, because most launches have no proxy and shouldn't have to reserve and move memory
        // for these futures.
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Box::pin(self.open_to_proxy(&proxy, to)).await;
        }

        let login = self.login.clone();
        let limit = self.limit;
        let opening = async {
            let stream = self.open_to_proxy(&proxy, to).await?;
            let opened = timeout(limit, open_tunnel(stream, to, &proxy)).await;
            let silent = FetchError::silent(proxy.intercept.uri(), &proxy.to_string());
            let tunnel = opened.unwrap_or_else(|_| Err(proxy.with_remedy(silent, to)))?;
            Ok(Box::new(tunnel) as Stream)
        };
        // Until the proxy has accepted the password, `attempt` opens only one tunnel at a time, so
        // a wrong password can't lock the account.
        Box::pin(login.attempt(&proxy, opening)).await
    }

    /// Opens a stream to a proxy, using TLS if the proxy has an `https` URL.
    ///
    /// `to` is the URL of the request. If the proxy can't be reached, the help text suggests
    /// reaching the host in `to` without the proxy.
    async fn open_to_proxy(&mut self, proxy: &Proxy, to: &Uri) -> FetchResult<Stream> {
        let uri = proxy.intercept.uri();
        let name = proxy.to_string();
        let stream = self
            .open_tcp(uri, &name)
            .await
            .map_err(|failure| proxy.with_remedy(failure, to))?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Ok(stream);
        }
        self.open_tls(stream, uri, &name)
            .await
            .map_err(|failure| proxy.with_plain_remedy(failure))
    }

    /// Looks up a URL's host and opens a TCP connection to it. `peer` is the host's name in
    /// messages.
    async fn open_tcp(&mut self, to: &Uri, peer: &str) -> FetchResult<Stream> {
        // hyper-util divides this timeout among a host's addresses, so an address that never
        // answers leaves time for the next one.
        self.tcp.set_connect_timeout(Some(self.limit));
        match timeout(self.limit, self.tcp.call(to.clone())).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) if find_source::<LookupError>(&error).is_some() => {
                Err(FetchError::from_connection(&error, to, peer))
            }
            Ok(Err(error)) => {
                let peer = with_port(to, peer);
                Err(FetchError::from_connection(&error, to, &peer))
            }
            Err(_) if self.dns.is_looking_up(to.host().unwrap_or_default()) => {
                let why = Some("no answer to the lookup");
                Err(FetchError::unresolved(peer, why))
            }
            Err(_) => Err(FetchError::silent(to, &with_port(to, peer))),
        }
    }

    /// Performs the TLS handshake with a URL's host over an open stream. `peer` is the host's name
    /// in messages.
    async fn open_tls(&self, stream: Stream, to: &Uri, peer: &str) -> FetchResult<Stream> {
        let failed = |error| FetchError::from_handshake(&error, peer);
        // In a URL, an IPv6 address is in brackets.
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
        // A host such as `127.1` fails here: the system can resolve it, but it isn't a valid name
        // for TLS.
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

#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    pub trust: TrustSettings,
    pub proxy: ProxySettings,
    /// The application's name in the User-Agent header, from AWS_SDK_UA_APP_ID or the profile's
    /// `sdk_ua_app_id`.
    pub app_id: Option<String>,
}
