//! Proxies from HTTP_PROXY and HTTPS_PROXY, except for the hosts in NO_PROXY: which proxy a request
//! goes through, the tunnel through the proxy, and the proxy's password. Until the proxy has
//! accepted the password, only one request at a time sends it, because several wrong attempts can
//! lock the account.

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
use crate::model::answer::{Cause, FetchError, FetchResult, OutageKind, Refusal};
use crate::model::place::{Place, Placed};
use crate::model::reference::aws_domain;
use crate::model::shown::shown;
use crate::model::url::HttpUrl;
use crate::system::redaction::conceal;

/// The proxies. The names of their variables can be in lower case.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// HTTP_PROXY, for `http` URLs.
    pub http: Option<Placed<HttpUrl>>,
    /// HTTPS_PROXY, for `https` URLs.
    pub https: Option<Placed<HttpUrl>>,
    pub no_proxy: Option<String>,
}

#[derive(Clone)]
pub struct Proxy {
    /// The proxy's URL and, if the URL has a user name, the Proxy-Authorization header with the
    /// user name and the password.
    pub(super) intercept: Intercept,
    pub(super) place: Place,
}

/// Writes the proxy's host and port, without its password, and its variable: `the proxy
/// 10.0.0.1:3128 (HTTPS_PROXY)`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = shown(&host_with_port(self.intercept.uri()));
        write!(f, "the proxy {host} ({})", self.place)
    }
}

impl Proxy {
    /// Adds a help text to an outage, unless the outage already has one. The text says to correct
    /// the proxy's variable, or to reach the host of `to` without the proxy: `correct HTTPS_PROXY,
    /// or add .amazonaws.com to NO_PROXY`.
    pub fn with_remedy(&self, failure: FetchError, to: &Uri) -> FetchError {
        let advice = advice_without_proxy(to);
        failure.or_outage_help(format!("correct {}, or {advice}", self.place))
    }

    /// Replaces the help of a failure that may mean that the proxy doesn't speak TLS. The new help
    /// is to write `http://` instead of `https://`, because hardly any proxy speaks TLS. If the
    /// proxy certainly doesn't speak TLS, also turns the failure into a refusal. Any other failure
    /// stays as it is.
    pub(super) fn with_plain_remedy(&self, failure: FetchError) -> FetchError {
        use OutageKind::{Connection, Handshake, NotTls};
        let Cause::Outage(NotTls | Handshake | Connection) = failure.cause() else {
            return failure;
        };
        let login = self.intercept.basic_auth().map_or("", |_| "USER:PASSWORD@");
        let help = self.assignment_remedy(login);
        failure.for_host_named_in(&self.place).help(help)
    }

    /// The help on how to write the variable that names the proxy: `write
    /// HTTPS_PROXY=http://USER:PASSWORD@host`. `login` is `USER:PASSWORD@` or empty.
    fn assignment_remedy(&self, login: &str) -> String {
        let host = shown(host_and_port(self.intercept.uri()));
        format!("write {}=http://{login}{host}", self.place)
    }

    /// The failure for a proxy that answers with HTTP status 407 (Proxy Authentication Required).
    pub(super) fn authentication_required(&self) -> FetchError {
        let login = self.intercept.basic_auth();
        let what = match login {
            Some(_) => "rejects the user name and password in its URL",
            None => "requires a user name and a password",
        };
        let remedy = match login {
            Some(_) => format!("correct them in {}", self.place),
            None => self.assignment_remedy("USER:PASSWORD@"),
        };
        let text = format!("{self} {what} (HTTP status 407)");
        let help = format!("{remedy}, with special characters as %XX");
        FetchError::refused(Refusal::Proxy, text).help(help)
    }
}

/// The host of a URL, and the port if the URL has one: `example.com:8080`. Leaves out the user name
/// and password, because they must not be printed.
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

/// Adds the port to `peer`, the name of a host in messages, if `peer` is the host of the URL `to`.
/// Any other name, such as that of a proxy, stays as it is. So do AWS's hosts, which all have the
/// same port.
pub fn with_port(to: &Uri, peer: &str) -> String {
    if peer == host_and_port(to) && aws_domain(to.host().unwrap_or_default()).is_none() {
        return host_with_port(to);
    }
    peer.to_owned()
}

/// The advice to reach a host without the proxy: `add .amazonaws.com to NO_PROXY`. For one of AWS's
/// hosts, the advice names AWS's whole domain, because a launch sends requests to several of AWS's
/// hosts.
fn advice_without_proxy(to: &Uri) -> String {
    let host = to.host().unwrap_or_default();
    format!("add {} to NO_PROXY", aws_domain(host).unwrap_or(host))
}

impl ProxySettings {
    /// Finds the proxy for a request to `to`. Returns `None` if no proxy is set for the URL's
    /// scheme, or if NO_PROXY lists the host. Keeps the proxy's password out of messages.
    pub fn proxy(&self, to: &Uri) -> Option<Proxy> {
        let is_https = to.scheme() == Some(&Scheme::HTTPS);
        let named = if is_https { &self.https } else { &self.http };
        let Placed { value: url, place } = named.as_ref()?;

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

/// An entry of NO_PROXY without its port: `example.com` for `example.com:8080`. `None` if the entry
/// is for a port other than `port`. The port is removed, because hyper-util, unlike curl, Go and
/// the AWS CLI, doesn't support a port in an entry.
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

/// The verdict of a proxy on the user name and password in its URL: `Ok` if the proxy has accepted
/// them, or the failure if it has refused them. `None` means that there is no verdict yet.
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
            Err(failure) if failure.cause() == Cause::Refused(Refusal::Proxy) => {
                Some(Err(failure.clone()))
            }
            // Any other failure says nothing about the password.
            Err(_) => None,
        };
        done
    }
}

/// Asks `proxy`, to which `stream` is connected, for a tunnel to the host of `to`. A malformed header
/// in the response is ignored, so that it doesn't hide status 407.
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
        let (mut connection, exchange) = http1::Builder::new()
            .ignore_invalid_headers_in_responses(true)
            .handshake(stream)
            .await?;
        tokio::spawn(exchange.with_upgrades());
        Ok(connection.send_request(request).await?)
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
