//! HTTP proxies: which requests go through a proxy (HTTPS_PROXY, HTTP_PROXY and NO_PROXY), and the
//! tunnel through it (CONNECT).
//!
//! A launch opens many connections at the same time, but a wrong password must reach the proxy only
//! once: several rejected attempts can lock the user's account. So [`ProxyLogin`] lets only one
//! connection try the password first.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, Write};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::errors::host_and_port;
use crate::model::answer::{Cause, FetchError, OutageKind, Refusal};
use crate::model::shown::conceal;
use crate::model::url::HttpUrl;

/// The values of HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Each of the first two includes the name of
/// its variable, which can be in lower case. Like botocore, we don't read ALL_PROXY.
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
    /// The variable that names the proxy.
    pub variable: &'static str,
}

/// Writes the proxy's host and port, without its password, and its variable: `the proxy
/// 10.0.0.1:3128 (HTTPS_PROXY)`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = host_and_port(self.intercept.uri());
        write!(f, "the proxy {host} ({})", self.variable)
    }
}

impl Proxy {
    /// Returns the value of the Proxy-Authorization header, or `None` if the proxy's URL doesn't
    /// have a user name and a password.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.intercept.basic_auth()
    }

    /// Adds the remedy to an outage on the way to the proxy: correct the variable, or reach `to`
    /// without the proxy.
    pub fn with_remedy(&self, failure: FetchError, to: &Uri) -> FetchError {
        let advice = advice_without_proxy(to);
        failure.with_outage_help(format!("correct {}, or {advice}", self.variable))
    }

    /// Adds the remedy to a failed TLS handshake with the proxy: to write `http://` instead of
    /// `https://`, because hardly any proxy speaks TLS itself.
    pub fn with_plain_remedy(&self, failure: FetchError) -> FetchError {
        use OutageKind::{Connection, Handshake, NotTls};
        let Cause::Outage(NotTls | Handshake | Connection) = failure.cause else {
            return failure;
        };
        let (variable, host) = (self.variable, host_and_port(self.intercept.uri()));
        let login = self.authorization().map_or("", |_| "USER:PASSWORD@");
        let help = format!("write {variable}=http://{login}{host}");
        failure.for_host_named_in(variable).help(help)
    }

    /// Returns the failure for HTTP status 407 (Proxy Authentication Required).
    pub fn authentication_required(&self) -> FetchError {
        let variable = self.variable;
        let (what, help) = match self.authorization() {
            Some(_) => (
                "rejects the user name and password in its URL",
                format!("correct them in {variable}, with special characters as %XX"),
            ),
            None => (
                "requires a user name and a password",
                format!(
                    "write {variable}=http://USER:PASSWORD@{}, with special characters as %XX",
                    host_and_port(self.intercept.uri())
                ),
            ),
        };
        let text = format!("{self} {what} (HTTP status 407)");
        FetchError::refused(Refusal::Proxy, text).help(help)
    }
}

/// The domains of AWS's public endpoints.
pub const AWS_DOMAINS: [&str; 5] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
];

/// Returns the advice to reach a host without the proxy: `add .amazonaws.com to NO_PROXY`. For one
/// of AWS's hosts, it names AWS's whole domain, because a launch sends requests to several of AWS's
/// hosts.
fn advice_without_proxy(to: &Uri) -> String {
    let host = to.host().unwrap_or_default();
    let aws_domain = AWS_DOMAINS.iter().find(|domain| host.ends_with(**domain));
    format!("add {} to NO_PROXY", aws_domain.unwrap_or(&host))
}

impl ProxySettings {
    /// Returns the proxy for a request, or `None` for a direct connection. Conceals the proxy's
    /// password.
    pub fn proxy(&self, to: &Uri) -> Option<Proxy> {
        let is_https = to.scheme() == Some(&Scheme::HTTPS);
        let (variable, proxy) = if is_https {
            self.https.as_ref()?
        } else {
            self.http.as_ref()?
        };

        let port = to.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let no_proxy = self.no_proxy.as_deref().unwrap_or_default();
        let entries = no_proxy.split(',').map(str::trim);
        // Unlike curl, Go and the AWS CLI, hyper-util ignores the port of an entry. So we leave out
        // the entries for other ports.
        let without_port = |entry| match split_port(entry) {
            Some((host, entry_port)) if entry_port == port => Some(host),
            Some(_) => None,
            None => Some(entry),
        };
        let hosts = Vec::from_iter(entries.filter_map(without_port));
        // curl and the AWS CLI also apply `*` to IP addresses, but hyper-util doesn't.
        if hosts.contains(&"*") {
            return None;
        }

        let intercept = Matcher::builder()
            .all(proxy.to_string())
            .no(hosts.join(","))
            .build()
            .intercept(to)?;
        let authorization = intercept.basic_auth().into_iter();
        authorization.for_each(conceal_authorization);
        Some(Proxy {
            intercept,
            variable,
        })
    }
}

/// Conceals the token in an Authorization header and, with the scheme Basic, the password in the
/// token.
pub fn conceal_authorization(value: &HeaderValue) {
    let text = value.to_str().unwrap_or_default();
    let token = text.split_once(' ').map_or(text, |(_, token)| token);
    let decoded = STANDARD.decode(token).unwrap_or_default();
    let login = String::from_utf8_lossy(&decoded);
    let password = login.split_once(':').map(|(_, password)| password);
    conceal([token].into_iter().chain(password));
}

/// Splits `host:port` or `[address]:port`. Returns `None` if there isn't a valid port, as in an
/// IPv6 address without brackets.
fn split_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let is_bare_address = host.contains(':') && !host.ends_with(']');
    if host.is_empty() || is_bare_address {
        return None;
    }
    let without_brackets = host.trim_start_matches('[').trim_end_matches(']');
    Some((without_brackets, port.parse().ok()?))
}

/// The limit for the head of the proxy's answer to CONNECT, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// The proxy's verdict on the user name and password: `Ok` if the proxy has accepted them, or the
/// failure if it has refused them. `None` means that the proxy has not answered yet. Clones share
/// the verdict.
#[derive(Clone, Default)]
pub struct ProxyLogin(Arc<Mutex<Option<Result<(), FetchError>>>>);

impl ProxyLogin {
    /// Runs `action`, which sends the user name and password to `proxy` if its URL has them.
    ///
    /// Until the proxy has accepted the password, actions run one after the other, because several
    /// rejected attempts can lock the user's account. Then they run at the same time. If the proxy
    /// answers with status 407 before it has accepted the password, no further action runs.
    ///
    /// # Errors
    /// The error of `action`, or the earlier [`Refusal::Proxy`].
    pub async fn attempt<T>(
        &self,
        proxy: &Proxy,
        action: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        if proxy.authorization().is_none() {
            return action.await;
        }
        let mut verdict = self.0.lock().await;
        match &*verdict {
            Some(Err(rejected)) => return Err(rejected.clone()),
            Some(Ok(())) => {
                drop(verdict);
                return action.await;
            }
            None => {}
        }

        let done = action.await;
        *verdict = match &done {
            Ok(_) => Some(Ok(())),
            Err(failure) if failure.cause == Cause::Refused(Refusal::Proxy) => {
                Some(Err(failure.clone()))
            }
            Err(_) => None,
        };
        done
    }
}

/// Asks `proxy`, at the other end of `stream`, for a tunnel to the host of `to`. Only the status of
/// the answer is parsed, so that even a malformed header doesn't hide status 407.
///
/// # Errors
/// [`Refusal::Proxy`] for status 407, and an outage for any other status except 200, for an answer
/// that isn't HTTP, or if the connection breaks.
pub async fn open_tunnel<S: Read + Write + Unpin>(
    stream: S,
    to: &Uri,
    proxy: &Proxy,
) -> Result<S, FetchError> {
    let (name, port) = (to.host().unwrap_or_default(), to.port_u16().unwrap_or(443));
    let host = format!("{name}:{port}");
    let mut request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    if let Some(authorization) = proxy.authorization() {
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
            Some(b"200") if head.windows(4).any(|end| end == b"\r\n\r\n") => {
                return Ok(stream.into_inner());
            }
            // The head isn't complete yet.
            Some(b"200") | None if count > 0 && head.len() < MAX_HEAD => {}
            Some(b"200" | b"") | None => {
                let why = format!("{proxy} sent an incomplete answer, or isn't an HTTP proxy");
                let failure = FetchError::outage(OutageKind::Connection, why);
                return Err(proxy.with_remedy(failure, to));
            }
            Some(status) => {
                let shown = status.escape_ascii();
                let why = format!("{proxy} doesn't connect to {host} (HTTP status {shown})");
                let remedy = match status.starts_with(b"5") {
                    true => "check the proxy's own connection and its DNS".to_owned(),
                    false => format!("have the proxy allow {host}"),
                };
                let help = format!("{remedy}, or {}", advice_without_proxy(to));
                return Err(FetchError::outage(OutageKind::Connection, why).help(help));
            }
        }
    }
}

/// Returns the three digits of the status. Returns an empty slice if the answer isn't HTTP, and
/// `None` while it is still too short.
fn status_digits(head: &[u8]) -> Option<&[u8]> {
    let (version, rest) = head.split_at_checked(9)?;
    let is_http = version.starts_with(b"HTTP/1.") && version.ends_with(b" ");
    if is_http { rest.get(..3) } else { Some(b"") }
}
