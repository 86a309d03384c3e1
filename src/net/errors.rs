//! The failure of a request without a response, and the texts of errors.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use http::Uri;
use tokio::time::{Timeout, timeout};

use super::certificate::reason_and_remedy;
use super::dns::LookupError;
use crate::model::answer::{FetchError, Outage, OutageKind, Refusal};
use crate::model::quoting::one_line;
use crate::system::os_error;

pub type BoxError = Box<dyn Error + Send + Sync>;

/// The reason that a request got no response, or only a part of it, as a sentence that names the host, or the proxy.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetFailure {
    /// The root certificates cannot be read.
    #[error("{0}")]
    Trust(String),
    /// The server's certificate is not trusted.
    #[error("{why}")]
    Certificate {
        why: String,
        help: Option<&'static str>,
        /// True if the certificate is not valid yet, which means that this machine's clock is not set, as at boot.
        is_early: bool,
    },
    /// The proxy has answered with HTTP status 407.
    #[error("{proxy} requires another password")]
    Proxy {
        /// Its host and port, and the variable that names it.
        proxy: String,
        variable: &'static str,
        /// True if a name and a password were sent.
        has_password: bool,
    },
    /// The proxy cannot be reached, or opens no connection to the host.
    #[error("{why}")]
    BrokenProxy { why: String, help: String },
    /// The host's name does not resolve.
    #[error("{0}")]
    Lookup(String),
    /// No answer to the request for a connection.
    #[error("{0}")]
    Silent(String),
    /// The server did not answer the first message of TLS, or closed the connection.
    #[error("{0}")]
    Handshake(String),
    /// The server did not answer a request in time.
    #[error("{0}")]
    Timeout(String),
    /// The connection could not be opened, or broke.
    #[error("{why}")]
    Io {
        why: String,
        /// `None` for an answer that violates HTTP, or is too long.
        kind: Option<io::ErrorKind>,
    },
}

impl NetFailure {
    /// Classifies the error of opening a TCP connection to `peer`, which is a host or a proxy.
    pub fn of_connection(error: impl Into<BoxError>, peer: &str) -> Self {
        let error = error.into();
        if let Some(LookupError(why)) = find_source(&*error) {
            return Self::unresolved(peer, why);
        }
        // The error of the operating system, without the name of the call.
        let io = find_source::<io::Error>(&*error);
        let why = match io {
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                format!("{peer} refuses connections")
            }
            Some(error) => format!("{peer} cannot be reached: {}", error_text(error)),
            None => format!("{peer} cannot be reached: {}", error_text(&*error)),
        };
        let kind = io.map(io::Error::kind);
        Self::Io { why, kind }
    }

    /// Classifies an error of HTTP, or of a connection that is open.
    pub fn of_exchange(error: impl Into<BoxError>, host: &str) -> Self {
        let error = error.into();
        let io = find_source::<io::Error>(&*error);
        let mut kind = io.map(io::Error::kind);
        let hyper = find_source::<hyper::Error>(&*error);
        if hyper.is_some_and(|error| {
            error.is_incomplete_message() || error.is_body_write_aborted() || error.is_closed()
        }) {
            kind = Some(io::ErrorKind::UnexpectedEof);
        }
        // The error of the operating system, without the name of the call.
        let text = io.map_or_else(|| error_text(&*error), |error| error_text(error));
        let why = match kind {
            Some(io::ErrorKind::UnexpectedEof) => {
                format!("{host} closed the connection before its answer was complete")
            }
            Some(_) => format!("the connection to {host} broke: {text}"),
            None => format!("the answer of {host} cannot be read: {text}"),
        };
        Self::Io { why, kind }
    }

    /// Classifies the error of a TLS handshake. An error that rustls did not find is one of the connection, which then got no answer.
    pub fn of_handshake(error: &io::Error, peer: &str) -> Self {
        if let Some(rustls::Error::InvalidCertificate(reason)) = find_source(error) {
            return Self::of_certificate(reason, peer);
        }
        let why = error_text(error);
        let why = match find_source(error) {
            Some(rustls::Error::InvalidMessage(_)) => {
                format!(
                    "{peer} does not speak TLS, so its URL may need http:// instead of https://"
                )
            }
            Some(_) => format!("the TLS handshake with {peer} failed: {why}"),
            None => {
                let why = format!("{peer} did not answer the first message of TLS: {why}");
                return Self::Handshake(why);
            }
        };
        let kind = Some(error.kind());
        Self::Io { why, kind }
    }

    /// Returns the failure for a host whose name does not resolve.
    pub fn unresolved(peer: &str, why: &str) -> Self {
        Self::Lookup(format!(
            "{peer} cannot be reached, because its name does not resolve ({why})"
        ))
    }

    /// Returns the failure for an answer that did not come within the limit.
    pub fn late(host: &str, limit: Option<Duration>) -> Self {
        let limit = humantime::format_duration(limit.unwrap_or(Duration::MAX));
        Self::Timeout(format!("{host} did not answer within {limit}"))
    }

    fn of_certificate(reason: &rustls::CertificateError, peer: &str) -> Self {
        let (why, help) = reason_and_remedy(reason);
        let is_early = matches!(
            reason,
            rustls::CertificateError::NotValidYet
                | rustls::CertificateError::NotValidYetContext { .. }
        );
        Self::Certificate {
            why: one_line(&format!("the certificate of {peer} {why}")),
            help,
            is_early,
        }
    }
}

impl From<NetFailure> for FetchError {
    fn from(failure: NetFailure) -> Self {
        let (kind, why) = match failure {
            NetFailure::Trust(why) => return Self::Refused(Refusal::TrustStore(why)),
            NetFailure::Proxy {
                proxy,
                variable,
                has_password,
            } => {
                return Self::Refused(Refusal::Proxy {
                    proxy: one_line(&proxy),
                    variable,
                    has_password,
                });
            }
            NetFailure::Certificate {
                why,
                help,
                is_early: false,
            } => return Self::Refused(Refusal::Certificate { why, help }),
            NetFailure::BrokenProxy { why, help } => {
                return Self::Unavailable(Outage {
                    help: Some(help),
                    ..Outage::new(OutageKind::Connection, one_line(&why))
                });
            }
            NetFailure::Certificate { why, .. } => (OutageKind::EarlyCertificate, why),
            NetFailure::Lookup(why) => (OutageKind::Lookup, why),
            NetFailure::Silent(why) => (OutageKind::Silent, why),
            NetFailure::Handshake(why) => (OutageKind::Handshake, why),
            NetFailure::Timeout(why) => (OutageKind::Timeout, why),
            NetFailure::Io { why, .. } => (OutageKind::Connection, why),
        };
        Outage::new(kind, one_line(&why)).into()
    }
}

/// Runs a future to its end, or cancels it at the limit.
// No `async fn`, as `RetryBudget::within`.
pub fn within<F: Future>(limit: Option<Duration>, future: F) -> Timeout<F> {
    timeout(limit.unwrap_or(Duration::MAX), future)
}

/// Returns the texts of an error and its sources in one line, without a text that an earlier text contains, and with nothing of a
/// response's body.
pub fn error_text(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut errors = chain(error).peekable();
    while let Some(error) = errors.next() {
        // A wrapper that only prints its source says nothing of its own.
        if errors
            .peek()
            .is_some_and(|source| source.to_string() == error.to_string())
        {
            continue;
        }
        let part = text_without_sources(error);
        if !part.is_empty() && !parts.iter().any(|earlier| earlier.contains(&part)) {
            parts.push(part);
        }
    }
    one_line(&parts.join(": "))
}

/// Returns the text of one error without its sources, reworded where it would puzzle a user; empty for an error of the SDK's that only says that
/// it has a source.
fn text_without_sources(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref() {
        Some(ImdsError::ErrorResponse(response)) => {
            let status = response.response().status().as_u16();
            return format!("the endpoint answered with HTTP status {status}");
        }
        Some(_) => return String::new(),
        None => {}
    }
    if let Some(CredentialsError::ProviderError(_)) = error.downcast_ref() {
        return String::new();
    }
    if error.is::<ConnectorError>() {
        return String::new();
    }

    let text = error
        .downcast_ref()
        .map_or_else(|| error.to_string(), os_error::text);
    match text.as_str() {
        "dispatch failure" | "service error" => String::new(),
        text => one_line(text),
    }
}

/// An error and its sources, outermost first. An `io::Error` is followed by the error that it wraps, which `io::Error::source` skips.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// Returns the first error of type `T` in an error and its sources.
pub fn find_source<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Returns the host and port of a URL, without its user name and password, which must not be printed.
pub fn host_and_port(url: &Uri) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!("{}{port}", url.host().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Wrapper {
        text: &'static str,
        source: BoxError,
    }

    #[test]
    fn a_source_that_the_text_contains_already_is_omitted() {
        let text = |text, source: BoxError| error_text(&Wrapper { text, source });
        assert_eq!(text("h:443", "refused".into()), "h:443: refused");
        assert_eq!(text("h:443 refused", "refused".into()), "h:443 refused");
        let reset = io::Error::from_raw_os_error(104);
        assert_eq!(
            text("h:443", io::Error::other(reset).into()),
            "h:443: connection reset by peer"
        );
    }
}
