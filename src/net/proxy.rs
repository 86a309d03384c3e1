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

/// The settings, and their hosts and ports that need no proxy.
pub struct ProxyRules(ProxySettings);

impl ProxyRules {
    pub fn new(settings: &ProxySettings) -> Self {
        Self(settings.clone())
    }

    /// Returns the proxy for a request, or `None` for a direct connection.
    pub fn intercept(&self, to: &Uri) -> Option<Intercept> {
        let ProxySettings {
            http,
            https,
            no_proxy,
        } = &self.0;
        let is_https = to.scheme() == Some(&Scheme::HTTPS);
        let proxy = if is_https { https } else { http }.as_ref()?;
        let port = to.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let entries = no_proxy
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
        Matcher::builder()
            .all(proxy.to_string())
            .no(hosts.join(","))
            .build()
            .intercept(to)
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
