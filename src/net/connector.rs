//! Opens connections of HTTP/1.1, direct or through a proxy.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join;
use http::Uri;
use http::uri::Scheme;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake as http_handshake};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::dns::DnsResolver;
use super::errors::{NetFailure, host_and_port, within};
use super::proxy::{ProxyLogin, ProxySettings, open_tunnel};
use super::tls::{Tls, TrustSettings};

/// A stream of bytes of any kind: TCP or TLS, direct or through a proxy.
trait Stream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Stream for T {}

/// An open connection, which takes one request at a time.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens connections. Clones share the roots and the DNS answers.
#[derive(Clone)]
pub struct Connector {
    tcp: HttpConnector<DnsResolver>,
    tls: Arc<Tls>,
    proxy: Arc<ProxySettings>,
    pub login: ProxyLogin,
}

impl Connector {
    pub fn new(trust: &TrustSettings, proxy: &ProxySettings) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(DnsResolver::default());
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self {
            tcp,
            tls: Arc::new(Tls::new(trust.clone())),
            proxy: Arc::new(proxy.clone()),
            login: ProxyLogin::default(),
        }
    }

    /// Returns the proxy for a URL.
    pub fn intercept(&self, to: &Uri) -> Option<Intercept> {
        self.proxy.intercept(to)
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
        let opened = opening.unwrap_or_else(|late| match late {
            NetFailure::Timeout(why) if in_handshake => Err(NetFailure::unanswered_handshake(&why)),
            late => Err(late),
        });
        let stream = opened.map_err(|failure| {
            let failure = match (failure, limit) {
                // The connect timeout of one address and the overall timeout race, and have the same message.
                (
                    NetFailure::Io {
                        kind: Some(ErrorKind::TimedOut),
                        ..
                    },
                    Some(limit),
                ) => NetFailure::late(limit),
                (failure, _) => failure,
            };
            failure.at(&self.host_and_proxy(to))
        })?;
        let (connection, exchanges) = http_handshake(stream)
            .await
            .map_err(|error| NetFailure::of(error).at(&host_and_port(to)))?;
        tokio::spawn(exchanges);
        Ok(connection)
    }

    /// Returns the host and port of a URL, and those of its proxy, as a message names them.
    fn host_and_proxy(&self, to: &Uri) -> String {
        let host = host_and_port(to);
        match self.proxy.intercept(to) {
            None => host,
            Some(proxy) => format!("{host} through the proxy {}", host_and_port(proxy.uri())),
        }
    }

    /// Opens a connection up to the end of the TLS handshake. Sets `in_handshake` when that begins.
    async fn open(
        mut self,
        to: &Uri,
        in_handshake: &mut bool,
    ) -> Result<Box<dyn Stream>, NetFailure> {
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
        Ok(Box::new(secured.map_err(NetFailure::of_handshake)?))
    }

    /// Opens a connection to a host, to the proxy for it, or through the tunnel of that proxy, which TLS needs.
    async fn open_stream(&mut self, to: &Uri, is_tls: bool) -> Result<Box<dyn Stream>, NetFailure> {
        let Some(proxy) = self.proxy.intercept(to) else {
            return self.open_tcp(to).await;
        };
        // On the heap, as every launch moves this future, and few have a proxy.
        if !is_tls {
            return Box::pin(self.open_to_proxy(&proxy)).await;
        }
        let login = self.login.clone();
        let opening = async { open_tunnel(self.open_to_proxy(&proxy).await?, to, &proxy).await };
        Box::pin(login.run(&proxy, opening)).await
    }

    async fn open_to_proxy(&mut self, proxy: &Intercept) -> Result<Box<dyn Stream>, NetFailure> {
        let stream = self.open_tcp(proxy.uri()).await?;
        if proxy.uri().scheme() != Some(&Scheme::HTTPS) {
            return Ok(stream);
        }
        let secured = handshake(self.tls.config()?, proxy.uri(), stream).await;
        Ok(Box::new(secured.map_err(NetFailure::of)?))
    }

    async fn open_tcp(&mut self, to: &Uri) -> Result<Box<dyn Stream>, NetFailure> {
        let stream = self.tcp.call(to.clone()).await;
        Ok(Box::new(stream.map_err(NetFailure::of)?))
    }
}

/// Begins TLS on an open stream.
async fn handshake(
    config: Arc<ClientConfig>,
    to: &Uri,
    stream: Box<dyn Stream>,
) -> io::Result<TokioIo<TlsStream<TokioIo<Box<dyn Stream>>>>> {
    let host = to
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let connecting = TlsConnector::from(config).connect(name, TokioIo::new(stream));
    Ok(TokioIo::new(connecting.await?))
}
