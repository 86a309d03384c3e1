//! Finds the proxy for a request in HTTP_PROXY, HTTPS_PROXY and NO_PROXY, opens tunnels through it,
//! and protects its password. Until the proxy has accepted the password, only one request at a time
//! sends it, because several wrong attempts can lock the account.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper::upgrade::{self, Upgraded};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::errors::BoxError;
use crate::model::message::{Cause, FetchError, FetchResult, OutageKind, Place, Placed, Refusal};
use crate::model::reference::aws_domain;
use crate::model::shown::shown;
use crate::model::url::HttpUrl;
use crate::system::redaction::conceal;

/// The user's proxy settings. Each variable can also be written in lower case, such as
/// `https_proxy`.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// From HTTP_PROXY, for `http` URLs.
    pub http: Option<Placed<HttpUrl>>,
    /// From HTTPS_PROXY, for `https` URLs.
    pub https: Option<Placed<HttpUrl>>,
    pub no_proxy: Option<String>,
}

#[derive(Clone)]
pub struct Proxy {
    /// The proxy's URL and, if that contains a user name, the Proxy-Authorization header.
    pub(super) intercept: Intercept,
    pub(super) place: Place,
}

/// Never shows the password: `the proxy 10.0.0.1:3128 (HTTPS_PROXY)`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = shown(&host_with_port(self.intercept.uri()));
        write!(f, "the proxy {host} ({})", self.place)
    }
}

impl Proxy {
    /// Adds help to an outage that has none: to correct the variable, or to reach the host in `to`
    /// without the proxy.
    pub fn with_remedy(&self, failure: FetchError, to: &Uri) -> FetchError {
        let advice = advice_without_proxy(to);
        failure.or_outage_help(format!("correct {}, or {advice}", self.place))
    }

    /// If the proxy may not speak TLS, suggests `http://` instead of `https://`, because hardly any
    /// proxy speaks TLS. If this one definitely doesn't, the failure also becomes a refusal.
    pub(super) fn with_plain_remedy(&self, failure: FetchError) -> FetchError {
        use OutageKind::{Connection, Handshake, NotTls};
        let Cause::Outage(NotTls | Handshake | Connection) = failure.cause() else {
            return failure;
        };
        let help = format!("use http:// instead of https:// in {}", self.place);
        failure.for_host_named_in(&self.place).help(help)
    }

    /// The error for HTTP status 407 (Proxy Authentication Required).
    pub(super) fn authentication_required(&self) -> FetchError {
        let text = format!("{self} requires a valid user name and password (HTTP status 407)");
        let help = format!(
            "put the right USER:PASSWORD@ before the host in {}, with special characters as %XX",
            self.place
        );
        FetchError::refused(Refusal::Proxy, text).help(help)
    }
}

/// A URL's host, and its port if it has one. Leaves out the user name and password, which must not
/// be printed.
pub fn host_and_port(url: &Uri) -> &str {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.rsplit('@').next().unwrap_or_default()
}

/// If the URL has no port, adds [`default_port`], which the user may not know.
fn host_with_port(url: &Uri) -> String {
    let host = host_and_port(url);
    match url.port() {
        Some(_) => host.to_owned(),
        None => format!("{host}:{}", default_port(url)),
    }
}

pub fn is_https(url: &Uri) -> bool {
    url.scheme() == Some(&Scheme::HTTPS)
}

/// The scheme's default port.
pub fn default_port(url: &Uri) -> u16 {
    if is_https(url) { 443 } else { 80 }
}

/// Adds a port to `peer`, which is what messages call the host in `to`. Adds none for a proxy,
/// whose name already has one, or for AWS's hosts, which all use the same port.
pub fn with_port(to: &Uri, peer: &str) -> String {
    if peer == host_and_port(to) && aws_domain(to.host().unwrap_or_default()).is_none() {
        return host_with_port(to);
    }
    peer.to_owned()
}

/// Advice such as `add example.com to NO_PROXY`. For AWS, it names the whole domain
/// (`.amazonaws.com`), because a launch sends requests to several of AWS's hosts.
fn advice_without_proxy(to: &Uri) -> String {
    let host = to.host().unwrap_or_default();
    format!("add {} to NO_PROXY", aws_domain(host).unwrap_or(host))
}

impl ProxySettings {
    /// The proxy for a request to `to`. Also keeps its password out of messages.
    pub fn proxy(&self, to: &Uri) -> Option<Proxy> {
        let named = if is_https(to) {
            &self.https
        } else {
            &self.http
        };
        let Placed { value: url, place } = named.as_ref()?;

        let port = to.port_u16().unwrap_or(default_port(to));
        let no_proxy = self.no_proxy.as_deref().unwrap_or_default();
        let hosts: Vec<&str> = no_proxy
            .split(',')
            .filter_map(|entry| host_of_entry(entry.trim(), port))
            .collect();
        // hyper-util doesn't apply `*` to IP addresses. curl and the AWS CLI do, so handle it here.
        if hosts.contains(&"*") {
            return None;
        }

        let intercept = Matcher::builder()
            .all(url.text())
            .no(hosts.join(","))
            .build()
            .intercept(to)?;
        conceal_authorization(intercept.basic_auth());
        Some(Proxy {
            intercept,
            place: place.clone(),
        })
    }
}

/// Removes the port from a NO_PROXY entry. `None` if the entry has a port other than `port`. curl,
/// Go and the AWS CLI support ports in these entries, but hyper-util doesn't.
fn host_of_entry(entry: &str, port: u16) -> Option<&str> {
    let authority = entry.parse::<Authority>().ok();
    match authority.and_then(|authority| authority.port_u16()) {
        None => Some(entry),
        Some(entry_port) if entry_port == port => {
            let (host, _) = entry.rsplit_once(':').unwrap_or((entry, ""));
            // An IPv6 address before a port is in brackets.
            Some(host.trim_matches(['[', ']']))
        }
        Some(_) => None,
    }
}

/// Keeps the token of an authorization header, and the password in a Basic token, out of messages.
/// The header may be just the token, without a scheme such as `Basic`.
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

/// The proxy's verdict on the user name and password in its URL, if there is one yet.
#[derive(Clone, Default)]
pub struct ProxyLogin(Arc<tokio::sync::Mutex<Option<FetchResult<()>>>>);

impl ProxyLogin {
    /// Runs `action`, which may send `proxy` the user name and password from its URL.
    ///
    /// Until the proxy has accepted the password, actions run one after the other. After that, or
    /// without a password, they run concurrently. After status 407 ([`Refusal::Proxy`]), no further
    /// action runs.
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
            // The next action needn't wait for this one.
            drop(verdict);
            known?;
            return action.await;
        }

        let done = action.await;
        *verdict = match &done {
            Ok(_) => Some(Ok(())),
            Err(failure) if failure.cause() == Cause::Refused(Refusal::Proxy) => {
                Some(Err(failure.clone()))
            }
            // Any other failure says nothing about the password.
            Err(_) => None,
        };
        done
    }
}

/// Asks `proxy` for a tunnel to the host in `to`. Ignores malformed headers in the response, so
/// that they can't hide status 407.
pub async fn open_tunnel(
    stream: impl Read + Write + Send + Unpin + 'static,
    to: &Uri,
    proxy: &Proxy,
) -> FetchResult<Upgraded> {
    let name = to.host().unwrap_or_default();
    let port = to.port_u16().unwrap_or(443);
    let host = format!("{name}:{port}");
    let broken = |error: BoxError| {
        proxy.with_remedy(FetchError::from_exchange(error, &proxy.to_string()), to)
    };
    let asking = async {
        let mut request = Request::connect(&host).header(HOST, &host);
        if let Some(authorization) = proxy.intercept.basic_auth() {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        let request = request.body(Full::<Bytes>::default())?;
        let (mut sender, connection) = http1::Builder::new()
            .ignore_invalid_headers_in_responses(true)
            .handshake(stream)
            .await?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender.send_request(request).await?)
    };

    let response = asking.await.map_err(broken)?;
    match response.status() {
        StatusCode::OK => upgrade::on(response)
            .await
            .map_err(|error| broken(error.into())),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(proxy.authentication_required()),
        status => {
            let status = status.as_u16();
            let why = format!("{proxy} doesn't connect to {host} (HTTP status {status})");
            let advice = advice_without_proxy(to);
            let help = format!("have the proxy allow and reach {host}, or {advice}");
            Err(FetchError::outage(OutageKind::Connection, why).help(help))
        }
    }
}
