//! The URLs of endpoints, of the Secrets Manager Agent and of proxies, and the encoding of text for
//! any URL.

use std::net::IpAddr;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// An absolute URL with a host and the scheme `http` or `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    text: String,
    uri: Uri,
}

impl HttpUrl {
    /// Parses an absolute HTTP or HTTPS URL. Returns `None` for any other text, and for a port that
    /// isn't a number up to 65535. Also returns `None` if an `@` follows the host, as in
    /// `http://jane:1#b@proxy`: what looks like the host and the port is a user name and the
    /// beginning of a password.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        // For an invalid port, `Uri` returns `None`, as it does without a port. A colon in an IPv6
        // address, or before a password, doesn't begin a port.
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

    /// Parses the URL of an endpoint.
    ///
    /// # Errors
    /// If the text isn't an `http` or `https` URL, or if it has a user name, a password or a query,
    /// which wouldn't be sent. The error describes the value that is expected.
    pub fn parse_endpoint(text: &str) -> Result<Self, &'static str> {
        // `Self::parse` accepts an `@` only at the end of a user name or a password.
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

    pub fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

/// True if the host of the URL is `localhost` or a loopback address.
pub fn is_loopback(url: &Uri) -> bool {
    // An IPv6 address is in brackets.
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The characters to encode: all except the unreserved ones (RFC 3986, section 2.3), so that the
/// result can be in any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The text that GitHub accepts instead of a password if the user name is a token.
const NO_PASSWORD: &str = "x-oauth-basic";

/// Finds the texts that may be the password in a URL with any scheme. In `https://jane:a@b@host`,
/// they are `a` and `a@b`, because a password may contain an `@` or a `/` that isn't
/// percent-encoded. If the URL has no password, finds the user name, which may be a token. Returns
/// each text twice: as it is written, and decoded.
pub fn credentials_in_url(url: &str) -> Vec<Vec<u8>> {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    let Some((login, _)) = rest.split_once('@') else {
        return Vec::new();
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    if user.contains(['/', '?', '#']) {
        return Vec::new();
    }

    let mut found = Vec::new();
    if password.is_empty() || password == NO_PASSWORD {
        found.push(user);
    }
    if let Some((_, after_user)) = rest.split_once(':')
        && login.contains(':')
    {
        for (end, _) in after_user.match_indices('@') {
            found.push(&after_user[..end]);
        }
    }
    found
        .into_iter()
        .flat_map(|part| [part.into(), percent_decode_str(part).collect()])
        .collect()
}

/// Encodes text for any part of a URL: `a/b` → `a%2Fb`.
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
