//! Opens connections to a host, directly or through an HTTP proxy: the DNS lookup, TCP, the tunnel
//! through the proxy, and the TLS handshake.
//!
//! The SDK's connector isn't used, because it always offers HTTP/2. Nothing was found upstream
//! about an option for HTTP/1.1 only.

use std::io::{self, ErrorKind};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::future::try_join;
use http::Uri;
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
use super::proxy::{
    Proxy, ProxyLogin, ProxySettings, host_and_port, is_https, open_tunnel, with_port,
};
use super::tls::{TlsConfig, TrustSettings, client_config};
use crate::model::message::{FetchError, FetchResult};

type Stream = Box<dyn ByteStream>;

trait ByteStream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> ByteStream for T {}

/// An HTTP connection, which carries one request at a time.
pub type Connection = SendRequest<Full<Bytes>>;

/// Clones share the root certificates, the DNS lookups, and the result of the proxy login.
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
    /// The root certificates are read only when a connection first needs them.
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

    /// Opens a connection to the host in `to`. Dropping the connection closes it.
    ///
    /// [`Self::limit`] applies to each step separately: DNS and TCP together, the tunnel through a
    /// proxy, and TLS.
    pub async fn connect(&self, to: &Uri) -> FetchResult<Connection> {
        // hyper-util's connector has to be mutable, so this uses a clone.
        let stream = self.clone().open(to).await?;
        let (connection, exchanges) = http_handshake(stream)
            .await
            .map_err(|error| FetchError::from_exchange(error, host_and_port(to)))?;
        tokio::spawn(exchanges);
        Ok(connection)
    }

    async fn open(&mut self, to: &Uri) -> FetchResult<Stream> {
        if !is_https(to) {
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

    /// Opens a stream, without a TLS handshake with the host itself. With a proxy, the stream ends
    /// at the proxy for an `http` URL, and is a tunnel to the host for an `https` URL.
    async fn open_stream(&mut self, to: &Uri) -> FetchResult<Stream> {
        let Some(proxy) = self.proxies.proxy(to) else {
            return self.open_tcp(to, host_and_port(to)).await;
        };
        // The futures are boxed, because most launches have no proxy and shouldn't reserve and move
        // memory for it.
        if !is_https(to) {
            return Box::pin(self.open_to_proxy(&proxy, to)).await;
        }

        let login = self.login.clone();
        let limit = self.limit;
        let opening = async {
            let stream = self.open_to_proxy(&proxy, to).await?;
            let Ok(opened) = timeout(limit, open_tunnel(stream, to, &proxy)).await else {
                let silent = FetchError::silent(proxy.intercept.uri(), &proxy.to_string());
                return Err(proxy.with_remedy(silent, to));
            };
            Ok(Box::new(opened?) as Stream)
        };
        // Opens only one tunnel at a time until the proxy has accepted the password.
        Box::pin(login.attempt(&proxy, opening)).await
    }

    /// If the proxy can't be reached, the help suggests reaching the host in `to` without the
    /// proxy.
    async fn open_to_proxy(&mut self, proxy: &Proxy, to: &Uri) -> FetchResult<Stream> {
        let uri = proxy.intercept.uri();
        let name = proxy.to_string();
        let stream = self
            .open_tcp(uri, &name)
            .await
            .map_err(|failure| proxy.with_remedy(failure, to))?;
        if !is_https(uri) {
            return Ok(stream);
        }
        self.open_tls(stream, uri, &name)
            .await
            .map_err(|failure| proxy.with_plain_remedy(failure))
    }

    /// `peer` is what messages call the host, here and in `open_tls`.
    async fn open_tcp(&mut self, to: &Uri, peer: &str) -> FetchResult<Stream> {
        // hyper-util divides this timeout among a host's addresses, so a silent address leaves time
        // for the next one.
        self.tcp.set_connect_timeout(Some(self.limit));
        let connecting = timeout(self.limit, self.tcp.call(to.clone()));
        let Ok(connected) = connecting.await else {
            if self.dns.is_looking_up(to.host().unwrap_or_default()) {
                let why = LookupError::Failed("no answer to the lookup".to_owned());
                return Err(FetchError::unresolved(peer, &why));
            }
            return Err(FetchError::silent(to, &with_port(to, peer)));
        };
        match connected {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match find_source(&error) {
                Some(why) => FetchError::unresolved(peer, why),
                None => FetchError::from_connection(&error, to, &with_port(to, peer)),
            }),
        }
    }

    async fn open_tls(&self, stream: Stream, to: &Uri, peer: &str) -> FetchResult<Stream> {
        let failed = |error| FetchError::from_handshake(&error, peer);
        // An IPv6 address in a URL is in brackets.
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
        // This fails for a host such as `127.1`: the system can resolve it, but TLS doesn't allow
        // it as a name.
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
    /// The application id in the User-Agent header, from AWS_SDK_UA_APP_ID or the profile's
    /// `sdk_ua_app_id`.
    pub app_id: Option<String>,
}
