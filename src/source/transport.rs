//! The SDK's connections: HTTP/1.1, many in parallel, through a proxy where one is set, TLS only where it is needed.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    self as smithy, HttpClient, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use http::uri::Scheme;
use http_body_util::Limited;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tower_service::Service;

use super::names::Names;
use super::trust::{self, TrustError};
use super::variables::{ProxySettings, TrustSettings};

/// A plain connection to wherever a name leads.
type Tcp = HttpConnector<Names>;

type BoxError = Box<dyn Error + Send + Sync>;

/// An HTTP client for the SDK's clients to share.
pub(super) fn http_client(trust: &TrustSettings, proxy: &ProxySettings) -> SharedHttpClient {
    let mut tcp = Tcp::new_with_resolver(Names);
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let tls = Tls { settings: trust.clone(), config: OnceLock::new() };
    let dialer = Dialer { tcp, tls: Arc::new(tls), proxy: Arc::new(proxy.matcher()), timeout: None };
    SharedHttpClient::new(Transport { dialer, connectors: Mutex::default() })
}

/// How long connecting, and waiting for an answer's head, may take.
type Limits = (Option<Duration>, Option<Duration>);

/// A pool of connections for each pair of time limits that the SDK asks for.
struct Transport {
    dialer: Dialer,
    connectors: Mutex<HashMap<Limits, SharedHttpConnector>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(limits).or_insert_with(|| {
            let dialer = Dialer { timeout: limits.0, ..self.dialer.clone() };
            let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(dialer);
            SharedHttpConnector::new(Pool { client, read_timeout: limits.1 })
        });
        connector.clone()
    }
}

/// A secret is 64 KiB at most; what is longer than this in JSON is no answer of AWS.
const LARGEST: usize = 1024 * 1024;

struct Pool {
    client: Client<Dialer, SdkBody>,
    read_timeout: Option<Duration>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl smithy::HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let answer = self.client.request(request);
        let limit = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let response = within(limit, answer).await.map_err(connector_error)?;
            let response = response.map(|body| SdkBody::from_body_1_x(Limited::new(body, LARGEST)));
            let response = HttpResponse::try_from(response);
            response.map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A limit that was reached.
#[derive(Debug)]
struct TimedOut(Duration);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {}", humantime::format_duration(self.0))
    }
}

impl Error for TimedOut {}

async fn within<T, E: Into<BoxError>>(
    limit: Option<Duration>,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, BoxError> {
    match limit {
        None => future.await.map_err(Into::into),
        Some(limit) => match tokio::time::timeout(limit, future).await {
            Ok(result) => result.map_err(Into::into),
            Err(_) => Err(Box::new(TimedOut(limit))),
        },
    }
}

/// What the SDK retries is I/O and time; a certificate or a file of roots will be the same next time.
fn connector_error(error: BoxError) -> ConnectorError {
    if find_source::<TimedOut>(&*error).is_some() {
        ConnectorError::timeout(error)
    } else if find_source::<TrustError>(&*error).is_some() || certificate_error(&*error).is_some() {
        ConnectorError::user(error)
    } else {
        ConnectorError::io(error)
    }
}

/// The first error of a type in a chain. An I/O error hides what it wraps from `source`.
pub(super) fn find_source<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and everything behind it.
pub(super) fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// Whether it was time that ran out.
pub(super) fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    find_source::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout)
}

/// Whose certificate is not trusted and why, where that is what went wrong.
pub(super) fn certificate_error(error: &(dyn Error + 'static)) -> Option<String> {
    let why =
        find_source::<rustls::Error>(error).filter(|error| matches!(error, rustls::Error::InvalidCertificate(_)))?;
    let host = find_source::<Unreached>(error).map(|unreached| unreached.host.as_str()).unwrap_or_default();
    Some(format!("{host}: {why}"))
}

/// No connection, and where there is none.
#[derive(Debug)]
pub(super) struct Unreached {
    pub(super) host: String,
    source: BoxError,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

impl Error for Unreached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Makes connections.
#[derive(Clone)]
struct Dialer {
    tcp: Tcp,
    tls: Arc<Tls>,
    proxy: Arc<Matcher>,
    /// For the whole way to a connection: names, TCP, proxy and TLS.
    timeout: Option<Duration>,
}

/// The roots, read once and only if some connection needs them.
struct Tls {
    settings: TrustSettings,
    config: OnceLock<Result<Arc<ClientConfig>, TrustError>>,
}

impl Tls {
    fn over<C>(&self, connector: C) -> Result<HttpsConnector<C>, TrustError> {
        let config = self.config.get_or_init(|| trust::client_config(&self.settings)).clone()?;
        Ok(HttpsConnector::from((connector, config)))
    }
}

impl Dialer {
    async fn dial(mut self, to: Uri) -> Result<Stream, BoxError> {
        let secure = to.scheme() == Some(&Scheme::HTTPS);
        match (self.proxy.intercept(&to), secure) {
            (None, false) => Ok(Stream::new(MaybeHttpsStream::Http(self.tcp.call(to).await?))),
            (None, true) => Ok(Stream::new(self.tls.over(self.tcp)?.call(to).await?)),
            (Some(proxy), true) => {
                let tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy(&proxy)?);
                let tunnel = match proxy.basic_auth() {
                    Some(authorization) => tunnel.with_auth(authorization.clone()),
                    None => tunnel,
                };
                Ok(Stream::new(self.tls.over(tunnel)?.call(to).await?))
            }
            (Some(proxy), false) => {
                let stream = self.to_proxy(&proxy)?.call(proxy.uri().clone()).await?;
                Ok(Stream { proxied: true, ..Stream::new(stream) })
            }
        }
    }

    fn to_proxy(&self, proxy: &Intercept) -> Result<ToProxy, TrustError> {
        if proxy.uri().scheme() == Some(&Scheme::HTTPS) {
            self.tls.over(self.tcp.clone()).map(|https| ToProxy::Https(Box::new(https)))
        } else {
            Ok(ToProxy::Http(self.tcp.clone()))
        }
    }
}

impl Service<Uri> for Dialer {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let host = to.authority().map(ToString::to_string).unwrap_or_default();
            let dialed = within(dialer.timeout, dialer.dial(to)).await;
            dialed.map_err(|source| Unreached { host, source }.into())
        })
    }
}

type TcpStream = <Tcp as Service<Uri>>::Response;

/// The way to a proxy, which may itself be over TLS.
#[derive(Clone)]
enum ToProxy {
    Http(Tcp),
    Https(Box<HttpsConnector<Tcp>>),
}

impl Service<Uri> for ToProxy {
    type Response = MaybeHttpsStream<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Self::Http(tcp) => {
                let connecting = tcp.call(to);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Self::Https(https) => https.call(to),
        }
    }
}

trait Io: Read + Write + Connection + Send + Unpin {}
impl<T: Read + Write + Connection + Send + Unpin> Io for T {}

/// A connection of any of these kinds.
struct Stream {
    io: Box<dyn Io>,
    /// Whether requests must name the whole address, since a proxy forwards them.
    proxied: bool,
}

impl Stream {
    fn new(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), proxied: false }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.proxied)
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
