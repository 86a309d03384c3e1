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
    /// The endpoints of IMDS and of container credentials that variables name.
    pub link_local: Vec<HttpUrl>,
}

/// The parsed settings.
pub struct ProxyRules {
    matcher: Matcher,
    /// The entries of NO_PROXY with a port, each as a matcher of its own: hyper-util ignores ports, unlike curl, Go and the AWS CLI.
    no_proxy_by_port: Vec<(u16, Matcher)>,
    /// The hosts of IMDS and of container credentials, to which requests are sent directly.
    link_local: Vec<String>,
}

/// The addresses of IMDS, of ECS's container credentials and of EKS Pod Identity.
const LINK_LOCAL: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]"];

impl ProxyRules {
    pub fn new(settings: &ProxySettings) -> Self {
        let no_proxy = settings.no_proxy.as_deref().unwrap_or_default();
        let configured = settings.link_local.iter().map(HttpUrl::host);
        let link_local = LINK_LOCAL.into_iter().chain(configured).map(str::to_owned).collect();
        // curl and the AWS CLI apply `NO_PROXY=*` to IP literals as well; hyper-util does not.
        if no_proxy.split(',').any(|entry| entry.trim() == "*") {
            return Self { matcher: Matcher::builder().build(), no_proxy_by_port: Vec::new(), link_local };
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
        Self { matcher, no_proxy_by_port, link_local }
    }

    /// Returns the proxy for a request, or `None` for a direct connection.
    pub fn intercept(&self, to: &Uri) -> Option<Intercept> {
        if to.host().is_some_and(|host| self.link_local.iter().any(|other| other == host)) {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_metadata_services_are_direct() {
        let url = |text| HttpUrl::parse(text).unwrap();
        let proxy = Some(url("http://proxy.example.com:3128"));
        let link_local = vec![url("http://metadata.example.net:8080/x")];
        let rules = ProxyRules::new(&ProxySettings { https: proxy.clone(), http: proxy, no_proxy: None, link_local });
        for (to, is_direct) in [
            ("http://169.254.169.254/latest/api/token", true),
            ("http://169.254.170.2/v2/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://metadata.example.net:8080/x", true),
            ("https://example.com/", false),
        ] {
            assert_eq!(rules.intercept(&to.parse().unwrap()).is_none(), is_direct, "{to}");
        }
    }
}
