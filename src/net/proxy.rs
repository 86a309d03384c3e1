//! The proxy of a request: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::model::url::HttpUrl;

/// The rules, read once.
pub struct ProxyRules {
    matcher: Matcher,
    /// The entries of NO_PROXY with a port, each as a matcher of its own: hyper-util ignores ports, unlike curl, Go and the AWS CLI.
    no_proxy_by_port: Vec<(u16, Matcher)>,
    /// The hosts of IMDS and of container credentials, which are never asked through a proxy.
    link_local: Vec<String>,
}

/// The addresses of IMDS, of ECS's container credentials and of EKS Pod Identity.
const LINK_LOCAL: [&str; 5] =
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]"];

impl ProxyRules {
    pub fn new(settings: &ProxySettings) -> Self {
        let none = settings.none.as_deref().unwrap_or_default();
        let configured = settings.link_local.iter().map(HttpUrl::host);
        let link_local = LINK_LOCAL.into_iter().chain(configured).map(str::to_owned).collect();
        // curl and the AWS CLI apply `NO_PROXY=*` to IP literals as well; hyper-util does not.
        if none.split(',').any(|entry| entry.trim() == "*") {
            return Self { matcher: Matcher::builder().build(), no_proxy_by_port: Vec::new(), link_local };
        }
        let mut everywhere = Vec::new();
        let mut no_proxy_by_port = Vec::new();
        for entry in none.split(',').map(str::trim) {
            match split_port(entry) {
                Some((host, port)) => {
                    no_proxy_by_port.push((port, Matcher::builder().all("http://proxy.invalid").no(host).build()));
                }
                None => everywhere.push(entry),
            }
        }
        let text = |url: &Option<HttpUrl>| url.as_ref().map(HttpUrl::to_string).unwrap_or_default();
        let matcher = Matcher::builder()
            .http(text(&settings.http))
            .https(text(&settings.https))
            .all(text(&settings.all))
            .no(everywhere.join(","))
            .build();
        Self { matcher, no_proxy_by_port, link_local }
    }

    /// The proxy that a request goes through, if any.
    pub fn intercept(&self, to: &Uri) -> Option<Intercept> {
        if to.host().is_some_and(|host| self.link_local.iter().any(|other| other == host)) {
            return None;
        }
        let standard = if to.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = to.port_u16().unwrap_or(standard);
        let mut of_port = self.no_proxy_by_port.iter().filter(|(other, _)| *other == port);
        if of_port.any(|(_, matcher)| matcher.intercept(to).is_none()) {
            return None;
        }
        self.matcher.intercept(to)
    }
}

/// `host:port` and `[address]:port`; a bare IPv6 address has no port.
fn split_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let is_bare_address = host.contains(':') && !host.ends_with(']');
    let port = port.parse().ok().filter(|_| !host.is_empty() && !is_bare_address)?;
    Some((host.trim_start_matches('[').trim_end_matches(']'), port))
}

/// HTTPS_PROXY and its relatives.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    pub http: Option<HttpUrl>,
    pub https: Option<HttpUrl>,
    pub all: Option<HttpUrl>,
    /// NO_PROXY
    pub none: Option<String>,
    /// The endpoints of IMDS and of container credentials that variables name.
    pub link_local: Vec<HttpUrl>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_past(none: &str, to: &str) -> bool {
        let url = |text| HttpUrl::parse(text).unwrap();
        let proxy = Some(url("http://proxy.example.com:3128"));
        let link_local = vec![url("http://metadata.example.net:8080/x")];
        let none = Some(none.to_owned());
        let settings = ProxySettings { https: proxy.clone(), http: proxy, all: None, none, link_local };
        ProxyRules::new(&settings).intercept(&to.parse().unwrap()).is_none()
    }

    #[test]
    fn an_entry_with_a_port_is_for_that_port_alone() {
        let none = "example.com:8443, 10.0.0.1:80, [fd00::1]:443, fd00::2";
        for to in [
            "https://example.com:8443/",
            "https://api.example.com:8443/",
            "http://10.0.0.1/",
            "https://[fd00::1]/",
            "https://[fd00::2]:9/",
        ] {
            assert!(goes_past(none, to), "{to}");
        }
        for to in ["https://example.com/", "https://10.0.0.1/", "https://[fd00::1]:444/"] {
            assert!(!goes_past(none, to), "{to}");
        }
    }

    #[test]
    fn no_proxy_sees_metadata() {
        for to in [
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.2/v2/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://metadata.example.net:8080/x",
        ] {
            assert!(goes_past("", to), "{to}");
        }
    }

    #[test]
    fn an_asterisk_covers_everything() {
        for to in ["https://example.com/", "http://10.0.0.1:8000/", "https://[fd00::1]/"] {
            assert!(goes_past("x, *", to), "{to}");
        }
        assert!(!goes_past("", "https://example.com/"));
    }
}
