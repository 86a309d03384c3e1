//! The choice of a proxy for a request, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY, the tunnel through it (CONNECT), and its name and
//! password: several rejected ones can lock an account.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, Write};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::dns::AWS_DOMAINS;
use super::errors::{NetFailure, error_text, host_and_port};
use crate::model::url::HttpUrl;

/// The proxy variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY, the first two with their names. ALL_PROXY is not read, as in botocore.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    pub http: Option<(&'static str, HttpUrl)>,
    pub https: Option<(&'static str, HttpUrl)>,
    pub no_proxy: Option<String>,
}

/// The proxy for a request.
#[derive(Clone)]
pub struct Proxy {
    pub intercept: Intercept,
    /// The variable that names it.
    variable: &'static str,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = host_and_port(self.intercept.uri());
        write!(f, "the proxy {host} ({})", self.variable)
    }
}

impl Proxy {
    /// Returns the failure of the proxy for a request to `to`. The remedy is `remedy`, or to go around the proxy.
    pub fn broken(&self, to: &Uri, why: impl Into<String>, remedy: &str) -> NetFailure {
        let host = to.host().unwrap_or_default();
        let of_aws = AWS_DOMAINS.iter().find(|domain| host.ends_with(**domain));
        NetFailure::BrokenProxy {
            why: why.into(),
            help: format!("{remedy}, or add {} to NO_PROXY", of_aws.unwrap_or(&host)),
        }
    }

    /// Returns the failure of a connection to the proxy, for a request to `to`.
    pub fn unreachable(&self, to: &Uri, why: impl Into<String>) -> NetFailure {
        self.broken(to, why, &format!("correct {}", self.variable))
    }

    /// Returns the failure for HTTP status 407.
    pub fn authentication_required(&self) -> NetFailure {
        NetFailure::Proxy {
            proxy: host_and_port(self.intercept.uri()),
            variable: self.variable,
            has_password: self.intercept.basic_auth().is_some(),
        }
    }
}

impl ProxySettings {
    /// Returns the proxy for a request, or `None` for a direct connection.
    pub fn proxy(&self, to: &Uri) -> Option<Proxy> {
        let is_https = to.scheme() == Some(&Scheme::HTTPS);
        let (variable, proxy) = if is_https {
            self.https.as_ref()?
        } else {
            self.http.as_ref()?
        };
        let port = to.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let entries = self
            .no_proxy
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .map(str::trim);
        // hyper-util ignores ports, unlike curl, Go and the AWS CLI, so the entries for other ports are left out.
        let of_port = |entry| {
            split_port(entry).map_or(Some(entry), |(host, other)| (other == port).then_some(host))
        };
        let hosts = Vec::from_iter(entries.filter_map(of_port));
        // curl and the AWS CLI apply `*` to IP literals as well; hyper-util does not.
        if hosts.contains(&"*") {
            return None;
        }
        let intercept = Matcher::builder()
            .all(proxy.to_string())
            .no(hosts.join(","))
            .build()
            .intercept(to)?;
        Some(Proxy {
            intercept,
            variable,
        })
    }
}

/// Splits `host:port` or `[address]:port`; a bare IPv6 address has no port.
fn split_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let is_bare_address = host.contains(':') && !host.ends_with(']');
    let port = port
        .parse()
        .ok()
        .filter(|_| !host.is_empty() && !is_bare_address)?;
    Some((host.trim_start_matches('[').trim_end_matches(']'), port))
}

/// The limit for the head of the proxy's answer, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// The proxy's answer to the name and password; `None` until the proxy has answered. Clones share it.
#[derive(Clone, Default)]
pub struct ProxyLogin(Arc<Mutex<Option<Result<(), NetFailure>>>>);

impl ProxyLogin {
    /// Runs `action`, which sends the name and password of `proxy`, if any. Actions run one after the other until one has succeeded; after
    /// status 407 no action runs.
    ///
    /// # Errors
    /// The errors of `action`, and [`NetFailure::Proxy`] again.
    pub async fn run<T>(
        &self,
        proxy: &Proxy,
        action: impl Future<Output = Result<T, NetFailure>>,
    ) -> Result<T, NetFailure> {
        if proxy.intercept.basic_auth().is_none() {
            return action.await;
        }
        let mut answer = self.0.lock().await;
        match &*answer {
            Some(Err(rejected)) => return Err(rejected.clone()),
            Some(Ok(())) => {
                drop(answer);
                return action.await;
            }
            None => {}
        }
        let done = action.await;
        *answer = match &done {
            Ok(_) => Some(Ok(())),
            Err(rejected @ NetFailure::Proxy { .. }) => Some(Err(rejected.clone())),
            Err(_) => None,
        };
        done
    }
}

/// Asks `proxy` at the other end of `stream` for a tunnel. Of its answer only the status counts, so that no header hides status 407.
///
/// # Errors
/// [`NetFailure::Proxy`] for status 407, and [`NetFailure::BrokenProxy`] for any other answer than status 200.
pub async fn open_tunnel<S: Read + Write + Unpin>(
    stream: S,
    to: &Uri,
    proxy: &Proxy,
) -> Result<S, NetFailure> {
    let host = format!(
        "{}:{}",
        to.host().unwrap_or_default(),
        to.port_u16().unwrap_or(443)
    );
    let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    if let Some(authorization) = proxy.intercept.basic_auth() {
        request.extend([b"Proxy-Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    let broken = |error: std::io::Error| {
        let why = error_text(&error);
        proxy.unreachable(to, format!("the connection to {proxy} broke: {why}"))
    };
    let mut stream = TokioIo::new(stream);
    stream.write_all(&request).await.map_err(broken)?;
    let mut head = Vec::with_capacity(MAX_HEAD);
    loop {
        let count = stream.read_buf(&mut head).await.map_err(broken)?;
        match status(&head) {
            Some(b"407") => return Err(proxy.authentication_required()),
            Some(b"200") if head.windows(4).any(|end| end == b"\r\n\r\n") => {
                return Ok(stream.into_inner());
            }
            Some(b"200") | None if count > 0 && head.len() < MAX_HEAD => {}
            Some(b"200" | b"") | None => {
                let why =
                    format!("the answer of {proxy} is incomplete, or not that of an HTTP proxy");
                return Err(proxy.unreachable(to, why));
            }
            Some(status) => {
                let (does, remedy) = match status {
                    b"403" => (
                        "does not allow connections to",
                        format!("have the proxy allow {host}"),
                    ),
                    _ => ("does not connect to", "check the proxy".to_owned()),
                };
                let status = status.escape_ascii();
                let why = format!("{proxy} {does} {host} (HTTP status {status})");
                return Err(proxy.broken(to, why, &remedy));
            }
        }
    }
}

/// The three digits of the status; empty if the answer is not HTTP, `None` before they are complete.
fn status(head: &[u8]) -> Option<&[u8]> {
    let (version, rest) = head.split_at_checked(9)?;
    let is_http = version.starts_with(b"HTTP/1.") && version.ends_with(b" ");
    if is_http { rest.get(..3) } else { Some(b"") }
}
