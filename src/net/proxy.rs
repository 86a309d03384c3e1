//! The choice of a proxy for a request, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY.

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::model::url::HttpUrl;

/// The proxy variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY. ALL_PROXY is not read, as in botocore.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    pub http: Option<HttpUrl>,
    pub https: Option<HttpUrl>,
    pub no_proxy: Option<String>,
}

/// The parsed settings.
pub struct ProxyRules {
    matcher: Matcher,
    /// The entries of NO_PROXY with a port, each as a matcher of its own: hyper-util ignores ports, unlike curl, Go and the AWS CLI.
    no_proxy_by_port: Vec<(u16, Matcher)>,
}

impl ProxyRules {
    pub fn new(settings: &ProxySettings) -> Self {
        let no_proxy = settings.no_proxy.as_deref().unwrap_or_default();
        // curl and the AWS CLI apply `NO_PROXY=*` to IP literals as well; hyper-util does not.
        if no_proxy.split(',').any(|entry| entry.trim() == "*") {
            return Self { matcher: Matcher::builder().build(), no_proxy_by_port: Vec::new() };
        }
        let mut for_any_port = Vec::new();
        let mut no_proxy_by_port = Vec::new();
        for entry in no_proxy.split(',').map(str::trim) {
            match split_port(entry) {
                Some((host, port)) => {
                    no_proxy_by_port.push((port, Matcher::builder().all("http://proxy.invalid").no(host).build()));
                }
                None => for_any_port.push(entry),
            }
        }
        let text = |url: &Option<HttpUrl>| url.as_ref().map(HttpUrl::to_string).unwrap_or_default();
        let matcher = Matcher::builder()
            .http(text(&settings.http))
            .https(text(&settings.https))
            .no(for_any_port.join(","))
            .build();
        Self { matcher, no_proxy_by_port }
    }

    /// Returns the proxy for a request, or `None` for a direct connection.
    pub fn intercept(&self, to: &Uri) -> Option<Intercept> {
        let default_port = if to.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = to.port_u16().unwrap_or(default_port);
        let mut of_port = self.no_proxy_by_port.iter().filter(|(other, _)| *other == port);
        if of_port.any(|(_, matcher)| matcher.intercept(to).is_none()) {
            return None;
        }
        self.matcher.intercept(to)
    }
}

/// Splits `host:port` or `[address]:port`; a bare IPv6 address has no port.
fn split_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let is_bare_address = host.contains(':') && !host.ends_with(']');
    let port = port.parse().ok().filter(|_| !host.is_empty() && !is_bare_address)?;
    Some((host.trim_start_matches('[').trim_end_matches(']'), port))
}
