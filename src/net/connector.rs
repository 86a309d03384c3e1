//! Opens connections, directly or through an HTTP proxy: looks up the host, connects, asks the
//! proxy for a tunnel, and performs the TLS handshake.
//!
//! Names are looked up by the system's resolver (getaddrinfo(3)), which blocks and can't be
//! cancelled, so each lookup runs on its own thread.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dns_lookup::{AddrFamily, AddrInfoHints, SockType, getaddrinfo};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, try_join};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake as http_handshake};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::errors::{LookupError, find_source};
use super::tls::{TlsConfig, TrustSettings, client_config};
use crate::model::answer::{Cause, FetchError, FetchResult, OutageKind, Refusal};
use crate::model::shown::shown;
use crate::model::url::HttpUrl;
use crate::system::os_error;
use crate::system::redaction::conceal;

/// A stream of bytes: TCP or TLS, direct or through a proxy.
type Stream = Box<dyn ByteStream>;

trait ByteStream: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> ByteStream for T {}

/// An open connection, which carries one request at a time.
pub type Connection = SendRequest<Full<Bytes>>;

/// Opens connections. Clones share the root certificates, the DNS answers, and the result of
/// logging in to the proxy.
#[derive(Clone)]
pub struct Connector {
    pub(super) dns: DnsResolver,
    tcp: HttpConnector<DnsResolver>,
    tls: Arc<TlsConfig>,
    pub(super) proxies: Arc<ProxySettings>,
    pub login: ProxyLogin,
    /// The time limit for each step of opening a connection.
    pub limit: Duration,
}

impl Connector {
    /// Creates a connector. It opens connections and reads the root certificates only when they are
    /// needed.
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

    /// Opens a connection, including the TLS handshake, and starts a task that writes requests to
    /// it and reads the responses. The limit applies to each of these steps: DNS and TCP together,
    /// the tunnel through a proxy, and TLS. Dropping the connection closes it.
    ///
    /// # Errors
    /// If a step fails. The message names the host or, if the proxy caused the failure, the proxy.
    pub async fn connect(&self, to: &Uri) -> FetchResult<Connection> {
        // Cloned, because hyper-util's connector has to be mutable.
        let stream = self.clone().open(to).await?;
        let (connection, exchanges) = http_handshake(stream)
            .await
            .map_err(|error| FetchError::from_exchange(error, host_and_port(to)))?;
        tokio::spawn(exchanges);
        Ok(connection)
    }

    /// Opens a stream of bytes to a host, with TLS for an `https` URL.
    async fn open(&mut self, to: &Uri) -> FetchResult<Stream> {
        if to.scheme() != Some(&Scheme::HTTPS) {
            return self.open_stream(to).await;
        }
        // The root certificates are read while DNS and TCP wait for the network.
        let tls = Arc::clone(&self.tls);
        let reading = async { LazyLock::force(&tls).clone() };
        let (stream, _) = try_join(self.open_stream(to), reading).await?;
        let mut peer = host_and_port(to).to_owned();
        if let Some(proxy) = self.proxies.proxy(to) {
            peer = format!("{peer} through {proxy}");
        }
        self.open_tls(stream, to, &peer).await
    }

    /// Opens a stream to a host. If there is a proxy, the stream ends at the proxy for an `http`
    /// URL and goes through a tunnel for an `https` URL.
    async fn open_stream(&mut self, to: &Uri) -> FetchResult<Stream> {
        let Some(proxy) = self.proxies.proxy(to) else {
            return self.open_tcp(to, host_and_port(to)).await;
        };
        // Boxed, so that the many launches without a proxy don't reserve and move memory for these
        // futures.
        if to.scheme() != Some(&Scheme::HTTPS) {
            return Box::pin(self.open_to_proxy(&proxy, to)).await;
        }

        let login = self.login.clone();
        let limit = self.limit;
        let opening = async {
            let stream = self.open_to_proxy(&proxy, to).await?;
            let opened = timeout(limit, open_tunnel(stream, to, &proxy)).await;
            let silent = FetchError::silent(proxy.intercept.uri(), &proxy.to_string());
            opened.unwrap_or_else(|_| Err(proxy.with_remedy(silent, to)))
        };
        // Until a proxy has accepted the password, `attempt` opens only one tunnel at a time, so
        // that a wrong password can't lock the account.
        Box::pin(login.attempt(&proxy, opening)).await
    }

    /// Opens a stream to a proxy, with TLS if the proxy's URL is an `https` URL. `to` is the URL of
    /// the request, whose host the help of an error names.
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

    /// Looks up a URL's host and opens a TCP connection to it. Messages call the host `peer`.
    async fn open_tcp(&mut self, to: &Uri, peer: &str) -> FetchResult<Stream> {
        // hyper-util divides this timeout among the addresses of a name, so that an address that
        // never answers leaves time for the next one.
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

    /// Performs the TLS handshake with a URL's host on an open stream. Messages call the host
    /// `peer`.
    async fn open_tls(&self, stream: Stream, to: &Uri, peer: &str) -> FetchResult<Stream> {
        let failed = |error| FetchError::from_handshake(&error, peer);
        // An IPv6 address is in brackets in a URL.
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
        // A host such as `127.1` fails here: the system resolves it, but TLS doesn't allow it as a
        // name.
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

/// The proxies, each with the name of its variable, which can be in lower case.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// HTTP_PROXY, for `http` URLs.
    pub http: Option<(&'static str, HttpUrl)>,
    /// HTTPS_PROXY, for `https` URLs.
    pub https: Option<(&'static str, HttpUrl)>,
    pub no_proxy: Option<String>,
}

#[derive(Clone)]
pub struct Proxy {
    /// The proxy's URL and, if the URL has a user name, the Proxy-Authorization header with the
    /// user name and the password.
    pub(super) intercept: Intercept,
    pub variable: &'static str,
}

/// Writes the proxy's host and port, without its password, and its variable: `the proxy
/// 10.0.0.1:3128 (HTTPS_PROXY)`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = shown(&host_with_port(self.intercept.uri()));
        write!(f, "the proxy {host} ({})", self.variable)
    }
}

impl Proxy {
    /// Adds a help text to an outage, unless the outage already has one. The text says to correct
    /// the proxy's variable, or to reach the host of `to` without the proxy.
    pub fn with_remedy(&self, failure: FetchError, to: &Uri) -> FetchError {
        let advice = advice_without_proxy(to);
        failure.or_outage_help(format!("correct {}, or {advice}", self.variable))
    }

    /// If the failure may mean that the proxy doesn't speak TLS, replaces its help with the one to
    /// write `http://` instead of `https://`, because hardly any proxy speaks TLS. If the proxy
    /// certainly doesn't, also turns the failure into a refusal.
    pub(super) fn with_plain_remedy(&self, failure: FetchError) -> FetchError {
        use OutageKind::{Connection, Handshake, NotTls};
        let Cause::Outage(NotTls | Handshake | Connection) = failure.cause else {
            return failure;
        };
        let login = self.intercept.basic_auth().map_or("", |_| "USER:PASSWORD@");
        let help = self.assignment_remedy(login);
        failure.for_host_named_in(self.variable).help(help)
    }

    /// Says how to write the variable that names the proxy: `write
    /// HTTPS_PROXY=http://USER:PASSWORD@host`. `login` is `USER:PASSWORD@` or empty.
    fn assignment_remedy(&self, login: &str) -> String {
        let host = shown(host_and_port(self.intercept.uri()));
        format!("write {}=http://{login}{host}", self.variable)
    }

    /// The failure for HTTP status 407 (Proxy Authentication Required).
    pub(super) fn authentication_required(&self) -> FetchError {
        let login = self.intercept.basic_auth();
        let what = match login {
            Some(_) => "rejects the user name and password in its URL",
            None => "requires a user name and a password",
        };
        let remedy = match login {
            Some(_) => format!("correct them in {}", self.variable),
            None => self.assignment_remedy("USER:PASSWORD@"),
        };
        let text = format!("{self} {what} (HTTP status 407)");
        let help = format!("{remedy}, with special characters as %XX");
        FetchError::refused(Refusal::Proxy, text).help(help)
    }
}

/// The host of a URL, and the port if the URL has one. Leaves out the user name and password,
/// because they must not be printed.
pub fn host_and_port(url: &Uri) -> &str {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.rsplit('@').next().unwrap_or_default()
}

/// The host and the port of a URL. If the URL doesn't have a port, adds the default port of its
/// scheme, which a user who has left out the port may not know.
fn host_with_port(url: &Uri) -> String {
    let host = host_and_port(url);
    match (url.port(), url.scheme()) {
        (None, Some(scheme)) if *scheme == Scheme::HTTPS => format!("{host}:443"),
        (None, Some(scheme)) if *scheme == Scheme::HTTP => format!("{host}:80"),
        (_, _) => host.to_owned(),
    }
}

/// Completes `peer`, which is what messages about a connection call the host of `to`. If `peer` is
/// only the host's name, adds the port, unless the host is one of AWS's, which all have the same
/// port.
fn with_port(to: &Uri, peer: &str) -> String {
    if peer == host_and_port(to) && aws_domain(to).is_none() {
        return host_with_port(to);
    }
    peer.to_owned()
}

/// The domains of AWS's public endpoints.
pub(super) const AWS_DOMAINS: [&str; 5] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
];

/// The advice to reach a host without the proxy: `add .amazonaws.com to NO_PROXY`. For one of AWS's
/// hosts, the advice names AWS's whole domain, because a launch sends requests to several of AWS's
/// hosts.
fn advice_without_proxy(to: &Uri) -> String {
    let host = to.host().unwrap_or_default();
    format!("add {} to NO_PROXY", aws_domain(to).unwrap_or(host))
}

/// The AWS domain that a URL's host belongs to, if there is one.
fn aws_domain(url: &Uri) -> Option<&'static str> {
    let host = url.host().unwrap_or_default();
    AWS_DOMAINS
        .into_iter()
        .find(|domain| host.ends_with(domain))
}

impl ProxySettings {
    /// Finds the proxy for a request to `to`. Returns `None` if no proxy is set for the URL's
    /// scheme, or if NO_PROXY lists the host. Keeps the proxy's password out of messages.
    pub fn proxy(&self, to: &Uri) -> Option<Proxy> {
        let is_https = to.scheme() == Some(&Scheme::HTTPS);
        let named = if is_https { &self.https } else { &self.http };
        let (variable, proxy) = named.as_ref()?;

        let port = to.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let no_proxy = self.no_proxy.as_deref().unwrap_or_default();
        let hosts: Vec<&str> = no_proxy
            .split(',')
            .filter_map(|entry| host_of_entry(entry.trim(), port))
            .collect();
        // curl and the AWS CLI also apply `*` to IP addresses, but hyper-util doesn't.
        if hosts.contains(&"*") {
            return None;
        }

        let intercept = Matcher::builder()
            .all(proxy.text.as_str())
            .no(hosts.join(","))
            .build()
            .intercept(to)?;
        conceal_authorization(intercept.basic_auth());
        Some(Proxy {
            intercept,
            variable,
        })
    }
}

/// An entry of NO_PROXY without its port, or `None` if the entry is for a port other than `port`.
/// Unlike curl, Go and the AWS CLI, hyper-util doesn't support a port in an entry.
fn host_of_entry(entry: &str, port: u16) -> Option<&str> {
    let authority = entry.parse::<Authority>().ok();
    match authority.and_then(|authority| authority.port_u16()) {
        None => Some(entry),
        Some(entry_port) if entry_port == port => {
            let (host, _) = entry.rsplit_once(':').unwrap_or((entry, ""));
            // An IPv6 address with a port is in brackets.
            Some(host.trim_matches(['[', ']']))
        }
        Some(_) => None,
    }
}

/// Keeps the token in an authorization header out of messages. If the token is a user name and a
/// password in base64 (Basic), also keeps the password out. The scheme before the token may be
/// missing.
pub fn conceal_authorization(header: Option<&HeaderValue>) {
    let Some(text) = header.and_then(|value| value.to_str().ok()) else {
        return;
    };
    let token = text.split_once(' ').map_or(text, |(_, token)| token);
    let decoded = STANDARD.decode(token).unwrap_or_default();
    let login = String::from_utf8_lossy(&decoded);
    let password = login.split_once(':').map(|(_, password)| password);
    conceal([token].into_iter().chain(password));
}

/// The limit for the head of the proxy's response to CONNECT, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// The proxy's verdict on the user name and password: `Ok` if the proxy has accepted them, or the
/// failure if it has refused them. `None` means that there is no verdict yet.
#[derive(Clone, Default)]
pub struct ProxyLogin(Arc<tokio::sync::Mutex<Option<FetchResult<()>>>>);

impl ProxyLogin {
    /// Runs `action`, which sends the user name and password to `proxy` if its URL has them.
    ///
    /// Until the proxy has accepted the password, actions run one after the other, because several
    /// rejected attempts can lock the user's account. After that, or without a password, they run
    /// at the same time. If the proxy answers with status 407 before it has accepted the password,
    /// no further action runs.
    ///
    /// # Errors
    /// If `action` fails, or if the proxy has answered an earlier action with status 407
    /// ([`Refusal::Proxy`]).
    pub async fn attempt<T>(
        &self,
        proxy: &Proxy,
        action: impl Future<Output = FetchResult<T>>,
    ) -> FetchResult<T> {
        if proxy.intercept.basic_auth().is_none() {
            return action.await;
        }
        let mut verdict = self.0.lock().await;
        if let Some(known) = verdict.clone() {
            // This releases the lock, so the next action needn't wait for this one.
            drop(verdict);
            known?;
            return action.await;
        }

        let done = action.await;
        *verdict = match &done {
            Ok(_) => Some(Ok(())),
            Err(failure) if failure.cause == Cause::Refused(Refusal::Proxy) => {
                Some(Err(failure.clone()))
            }
            // Any other failure says nothing about the password.
            Err(_) => None,
        };
        done
    }
}

/// Asks `proxy`, to which `stream` is connected, for a tunnel to the host of `to`, and returns
/// `stream`. Only the status of the response is parsed, so that even a malformed header doesn't
/// hide status 407.
async fn open_tunnel(stream: Stream, to: &Uri, proxy: &Proxy) -> FetchResult<Stream> {
    let name = to.host().unwrap_or_default();
    let port = to.port_u16().unwrap_or(443);
    let host = format!("{name}:{port}");
    let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    if let Some(authorization) = proxy.intercept.basic_auth() {
        request.extend([b"Proxy-Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");

    let broken =
        |error| proxy.with_remedy(FetchError::from_exchange(error, &proxy.to_string()), to);
    let mut stream = TokioIo::new(stream);
    stream.write_all(&request).await.map_err(broken)?;

    let mut head = Vec::with_capacity(MAX_HEAD);
    loop {
        let count = stream.read_buf(&mut head).await.map_err(broken)?;
        match status_digits(&head) {
            Some(b"407") => return Err(proxy.authentication_required()),
            // Nothing follows the head, because in TLS, the client speaks first.
            Some(b"200") if head.windows(4).any(|end| end == b"\r\n\r\n") => {
                return Ok(stream.into_inner());
            }
            // The head isn't complete yet.
            Some(b"200") | None if count > 0 && head.len() < MAX_HEAD => {}
            // The response is incomplete, too long, or not HTTP (an empty slice).
            Some(b"200" | b"") | None => {
                let why = format!("{proxy} sent an incomplete answer, or isn't an HTTP proxy");
                return Err(proxy.with_remedy(FetchError::outage(OutageKind::Connection, why), to));
            }
            Some(status) => {
                let shown = status.escape_ascii();
                let why = format!("{proxy} doesn't connect to {host} (HTTP status {shown})");
                let remedy = if status.starts_with(b"5") {
                    "check the proxy's own connection and its DNS".to_owned()
                } else {
                    format!("have the proxy allow {host}")
                };
                let help = format!("{remedy}, or {}", advice_without_proxy(to));
                return Err(FetchError::outage(OutageKind::Connection, why).help(help));
            }
        }
    }
}

/// Finds the three digits of the HTTP status at the beginning of a response. Returns an empty slice
/// if the response isn't HTTP, and `None` while the response is still too short.
fn status_digits(head: &[u8]) -> Option<&[u8]> {
    // `HTTP/1.1 ` has nine bytes.
    let (version, rest) = head.split_at_checked(9)?;
    let is_http = version.starts_with(b"HTTP/1.") && version.ends_with(b" ");
    if is_http { rest.get(..3) } else { Some(b"") }
}

/// A resolver that calls getaddrinfo(3). Clones share their lookups.
///
/// The thread of a lookup that never returns ends when the process ends or calls execve.
#[derive(Clone, Default)]
pub(super) struct DnsResolver {
    /// The latest lookup of each host, running or finished, and when it started.
    lookups: Arc<Mutex<HashMap<String, (Instant, SharedLookup)>>>,
}

type SharedLookup = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, LookupError>>>;

/// The time for which a lookup is reused. After that, the addresses of a host may have changed.
const MAX_LOOKUP_AGE: Duration = Duration::from_secs(5);

impl DnsResolver {
    fn is_looking_up(&self, host: &str) -> bool {
        let lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        lookups
            .get(host)
            .is_some_and(|(_, lookup)| lookup.peek().is_none())
    }

    /// Starts a lookup of a host, unless a recent one is running or has succeeded. Returns the
    /// lookup.
    pub(super) fn look_up(&self, host: &str) -> SharedLookup {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((started, lookup)) = lookups.get(host)
            && lookup.peek().is_none_or(Result::is_ok)
            && started.elapsed() < MAX_LOOKUP_AGE
        {
            return lookup.clone();
        }
        let lookup = start_lookup(host.to_owned());
        lookups.insert(host.to_owned(), (Instant::now(), lookup.clone()));
        lookup
    }
}

/// Starts a lookup on its own thread and returns immediately.
fn start_lookup(host: String) -> SharedLookup {
    let (sender, receiver) = oneshot::channel();
    let started = thread::Builder::new().spawn(move || {
        // Sending fails only if the lookup was dropped, so nothing needs the answer any more.
        let _ = sender.send(resolve(&host));
    });
    let lookup = async move {
        started.map_err(|error| LookupError(Some(os_error::no_thread_text(&error))))?;
        // This can't fail, because the thread always sends an answer.
        receiver
            .await
            .map_err(|error| LookupError(Some(error.to_string())))?
    };
    lookup.boxed().shared()
}

impl Service<Name> for DnsResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = BoxFuture<'static, Result<Self::Response, LookupError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.look_up(name.as_str());
        Box::pin(async move { lookup.await.map(Vec::into_iter) })
    }
}

/// Looks up a host, and waits for the answer.
///
/// An AWS host is first looked up as an absolute name, with a dot at its end. Kubernetes sets
/// `ndots:5` in /etc/resolv.conf, so a resolver would first try an AWS host name in each search
/// domain, which takes four rounds of queries. The names in /etc/hosts don't have the dot, so it
/// isn't added to a name that is listed there. All other hosts, and an AWS host that isn't found in
/// this way, use the system's search domains.
///
/// `localhost` is always this host, whatever a name server says (RFC 6761, section 6.3), because
/// the tokens for the agent and for a container's endpoint are sent there.
fn resolve(host: &str) -> Result<Vec<SocketAddr>, LookupError> {
    if host.eq_ignore_ascii_case("localhost") {
        // Port 0 is a placeholder. hyper-util sets the real port.
        return Ok(vec![
            (Ipv4Addr::LOCALHOST, 0).into(),
            (Ipv6Addr::LOCALHOST, 0).into(),
        ]);
    }
    if AWS_DOMAINS.iter().any(|domain| host.ends_with(domain))
        && !is_in_hosts_file(host)
        && let Ok(found) = addresses_of(&format!("{host}."))
    {
        return Ok(found);
    }
    addresses_of(host).or_else(|error| {
        // The DNS ignores case, but musl compares the names in /etc/hosts byte by byte.
        let lower = host.to_ascii_lowercase();
        if lower == host {
            return Err(error);
        }
        addresses_of(&lower).map_err(|_| error)
    })
}

/// Asks for the IPv4 and IPv6 addresses of a name.
///
/// Some name servers answer the query for IPv6 addresses (AAAA) with an error, or not at all. Then
/// musl drops the IPv4 addresses, too. So if the query for both fails, there is one for IPv4
/// addresses only and, if it also fails, one for IPv6 addresses only.
fn addresses_of(name: &str) -> Result<Vec<SocketAddr>, LookupError> {
    let ask = |family| {
        let hints = AddrInfoHints {
            address: family,
            socktype: SockType::Stream.into(),
            ..AddrInfoHints::default()
        };
        let found = getaddrinfo(Some(name), None, Some(hints))?;
        // An address that isn't IPv4 or IPv6 is an error, which is skipped.
        Ok(found.flatten().map(|found| found.sockaddr).collect())
    };
    let any_family = 0; // AF_UNSPEC
    ask(any_family).or_else(|error: LookupError| {
        ask(AddrFamily::Inet.into())
            .or_else(|_| ask(AddrFamily::Inet6.into()))
            .map_err(|_| error)
    })
}

/// True if /etc/hosts lists the host.
fn is_in_hosts_file(host: &str) -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    hosts
        .lines()
        .flat_map(|line| {
            // A line has an address, the names of the host, and possibly a comment.
            let entry = line.split('#').next().unwrap_or_default();
            entry.split_whitespace().skip(1)
        })
        .any(|name| name.eq_ignore_ascii_case(host))
}
