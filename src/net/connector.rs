//! Opens connections of HTTP/1.1, direct or through a proxy.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryFutureExt;
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
use super::errors::{
    BoxError, HandshakeError, HostError, TimedOut, find_source, host_and_port, is_connect_timeout,
    within,
};
use super::proxy::{ProxyRules, ProxySettings};
use super::proxy_login::{ProxyLogin, open_tunnel};
use super::tls::{Tls, TrustSettings};

/// The connector for TCP.
type Tcp = HttpConnector<DnsResolver>;

/// TLS over a stream.
type TlsIo<S> = TokioIo<TlsStream<TokioIo<S>>>;

/// A stream of bytes of any kind: TCP or TLS, direct or through a proxy.
trait Stream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Stream for T {}

/// An open connection, which takes one request at a time.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens connections. Clones share the roots and the DNS answers.
#[derive(Clone)]
pub struct Connector {
    tcp: Tcp,
    tls: Arc<Tls>,
    proxy: Arc<ProxyRules>,
    pub login: ProxyLogin,
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
        }
    }

    /// Returns the proxy for a URL.
    pub fn intercept(&self, to: &Uri) -> Option<Intercept> {
        self.proxy.intercept(to)
    }

    /// Opens a connection. `limit` bounds all of DNS, TCP, proxy and TLS.
    pub async fn connect(&self, to: &Uri, limit: Option<Duration>) -> Result<Connection, BoxError> {
        let mut connector = self.clone();
        // hyper-util divides this timeout among a name's addresses, so that one that never answers leaves time for the next.
        connector.tcp.set_connect_timeout(limit);
        let mut in_handshake = false;
        let opened = within(limit, connector.open(to, &mut in_handshake)).await;
        let stream = opened.map_err(|source| {
            let is_unanswered = in_handshake && find_source::<rustls::Error>(&*source).is_none();
            let source = if is_unanswered {
                HandshakeError { source }.into()
            } else {
                source
            };
            let mut host = host_and_port(to);
            if let Some(proxy) = self.proxy.intercept(to) {
                host.push_str(&format!(
                    " through the proxy {}",
                    host_and_port(proxy.uri())
                ));
            }
            // The connect timeout of one address and the overall timeout race; both are reported alike.
            match limit {
                Some(limit) if is_connect_timeout(&*source) => {
                    HostError::new(host, TimedOut(limit).into())
                }
                _ => HostError::new(host, source),
            }
        })?;
        let (connection, exchanges) = http_handshake(stream).await?;
        tokio::spawn(exchanges);
        Ok(connection)
    }

    /// Sets `in_handshake` while TLS begins.
    async fn open(
        mut self,
        to: &Uri,
        in_handshake: &mut bool,
    ) -> Result<Box<dyn Stream>, BoxError> {
        let is_tls = to.scheme() == Some(&Scheme::HTTPS);
        match (self.proxy.intercept(to), is_tls) {
            (None, false) => Ok(Box::new(self.tcp.call(to.clone()).await?)),
            (None, true) => {
                // The roots are read while DNS and TCP wait for the network.
                let connecting = self.tcp.call(to.clone()).map_err(BoxError::from);
                let reading = async { self.tls.config().map_err(BoxError::from) };
                let (stream, config) = try_join(connecting, reading).await?;
                *in_handshake = true;
                Ok(Box::new(handshake(config, to, stream).await?))
            }
            (Some(proxy), true) => {
                let config = self.tls.config()?;
                let login = self.login.clone();
                let opening =
                    async { open_tunnel(self.open_to_proxy(&proxy).await?, to, &proxy).await };
                // On the heap, as every launch moves this future, and few have a proxy.
                let tunnel = Box::pin(login.run(&proxy, opening)).await?;
                *in_handshake = true;
                Ok(Box::new(handshake(config, to, tunnel).await?))
            }
            (Some(proxy), false) => Box::pin(self.open_to_proxy(&proxy)).await,
        }
    }

    async fn open_to_proxy(&mut self, proxy: &Intercept) -> Result<Box<dyn Stream>, BoxError> {
        let stream = self.tcp.call(proxy.uri().clone()).await?;
        Ok(match proxy.uri().scheme() == Some(&Scheme::HTTPS) {
            true => Box::new(handshake(self.tls.config()?, proxy.uri(), stream).await?),
            false => Box::new(stream),
        })
    }
}

/// Begins TLS on an open stream.
async fn handshake<S: Read + Write + Unpin>(
    config: Arc<ClientConfig>,
    to: &Uri,
    stream: S,
) -> io::Result<TlsIo<S>> {
    let host = to
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(TokioIo::new(
        TlsConnector::from(config)
            .connect(name, TokioIo::new(stream))
            .await?,
    ))
}
