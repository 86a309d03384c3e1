//! Parses URLs of endpoints, proxies and the Secrets Manager Agent, finds the passwords in URLs,
//! and encodes text for a URL.

use std::net::IpAddr;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::model::reference::is_aws_api;

/// An absolute URL with a host and the scheme `http` or `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    text: String,
    uri: Uri,
}

impl HttpUrl {
    /// Also `None` if an `@` comes after the host: in `http://jane:1#b@proxy`, `jane:1` looks like
    /// a host and port, but is a user name and the beginning of a password.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        // `Uri` returns `None` both for an invalid port and without a port, so look for a port
        // here. The last colon may also be part of an IPv6 address, or come before a password.
        let after_colon = authority.as_str().rsplit_once(':');
        let has_port = after_colon.is_some_and(|(_, port)| !port.contains([']', '@']));
        let has_later_at = text.matches('@').count() > authority.as_str().matches('@').count();
        if has_later_at
            || (has_port && authority.port_u16().is_none())
            || authority.host().is_empty()
            || !matches!(uri.scheme_str(), Some("http" | "https"))
        {
            return None;
        }
        Some(Self {
            text: text.to_owned(),
            uri,
        })
    }

    /// The URL as the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Parses the URL of an endpoint, which can't have a user name, password or query.
    pub fn parse_endpoint(text: &str) -> Result<Self, &'static str> {
        // In a URL that `Self::parse` accepts, `@` only comes after a user name or password.
        if let Some(url) = Self::parse(text)
            && !text.contains('@')
            && url.uri.query().is_none()
        {
            return Ok(url);
        }
        if text.contains("://") {
            return Err(
                "a URL that begins with http:// or https://, without a user name, password or query",
            );
        }
        Err("a URL that begins with http:// or https://")
    }

    /// True if signed requests to AWS would be sent as plain text.
    pub fn exposes_aws(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let is_api = AWS_APIS.iter().any(|api| is_aws_api(host, api));
        !self.is_https() && (is_api || host.eq_ignore_ascii_case("sts.amazonaws.com"))
    }

    /// True for this machine, and for AWS's own endpoint of Secrets Manager over https.
    pub fn is_here_or_aws(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        is_loopback(&self.uri) || self.is_https() && is_aws_api(host, "secretsmanager")
    }

    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

/// The APIs that secrets-exec uses, as AWS's host names call them.
const AWS_APIS: [&str; 5] = ["secretsmanager", "ssm", "sts", "oidc", "portal.sso"];

/// True for `localhost` and loopback addresses.
pub fn is_loopback(url: &Uri) -> bool {
    // An IPv6 address is in brackets.
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// All characters except the unreserved ones (RFC 3986, section 2.3), so the result fits into any
/// part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What GitHub accepts as the password if the user name is a token.
const NO_PASSWORD: &str = "x-oauth-basic";

/// Every text that may be the password in a URL, both as written and decoded. In
/// `https://jane:a@b@host`, it may be `a` or `a@b`, because some people don't percent-encode `@` or
/// `/`. Without a password, the user name may be a token.
pub fn credentials_in_url(url: &str) -> Vec<Vec<u8>> {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let Some((login, _)) = rest.split_once('@') else {
        return Vec::new();
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    // The `@` comes after the host, so this isn't a login.
    if user.contains(['/', '?', '#']) {
        return Vec::new();
    }

    let mut found = Vec::new();
    if password.is_empty() || password == NO_PASSWORD {
        found.push(user);
    }
    if let Some(from_password) = rest[user.len()..].strip_prefix(':') {
        for (end, _) in from_password.match_indices('@') {
            found.push(&from_password[..end]);
        }
    }
    found
        .into_iter()
        .flat_map(|part| [part.into(), percent_decode_str(part).collect()])
        .collect()
}

/// Encodes a text for any part of a URL: `a/b` becomes `a%2Fb`.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_addresses_of_this_host_can_be_used_without_tls() {
        for url in [
            "http://127.0.0.1:2773",
            "http://127.9.9.9",
            "http://[::1]:2773/",
            "http://LOCALHOST:1",
        ] {
            assert!(is_loopback(&HttpUrl::parse(url).unwrap().uri), "{url}");
        }
        for url in [
            "http://10.0.0.1:2773",
            "http://localhost.example.com",
            "http://[fd00::1]",
            "http://127.0.0.1.example",
        ] {
            assert!(!is_loopback(&HttpUrl::parse(url).unwrap().uri), "{url}");
        }
    }
}
