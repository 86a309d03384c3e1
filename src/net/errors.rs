//! The failure of a request without a response, and the texts of errors.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures_util::FutureExt;
use http::Uri;
use tokio::time::timeout;

use super::certificate::reason_and_remedy;
use crate::model::answer::{FetchError, Outage, OutageKind, Refusal};
use crate::model::quoting::one_line;
use crate::system::os_error;

pub type BoxError = Box<dyn Error + Send + Sync>;

/// The reason that a request got no response, or only a part of it. A text begins with the host and the port, and with those of a proxy.
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
    #[error("{proxy}")]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// True if a name and a password were sent.
        has_password: bool,
    },
    /// The server did not answer the first message of TLS, or closed the connection.
    #[error("{0}")]
    Handshake(String),
    /// A time limit was reached.
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
    /// Classifies an error of TCP, TLS or HTTP.
    pub fn of(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        if let Some(rustls::Error::InvalidCertificate(reason)) = find_source(&*error) {
            return Self::of_certificate(reason);
        }

        let mut kind = find_source(&*error).map(io::Error::kind);
        let hyper = find_source::<hyper::Error>(&*error);
        if hyper.is_some_and(|error| {
            error.is_incomplete_message() || error.is_body_write_aborted() || error.is_closed()
        }) {
            kind = Some(io::ErrorKind::UnexpectedEof);
        }
        Self::Io {
            why: error_text(&*error),
            kind,
        }
    }

    /// Classifies the error of a TLS handshake. An error that rustls did not find is one of the connection, which then got no answer.
    pub fn of_handshake(error: io::Error) -> Self {
        if find_source::<rustls::Error>(&error).is_some() {
            Self::of(error)
        } else {
            Self::unanswered_handshake(&error_text(&error))
        }
    }

    /// Returns the failure of a TLS handshake without an answer.
    pub fn unanswered_handshake(why: &str) -> Self {
        Self::Handshake(format!("the TLS handshake got no answer: {why}"))
    }

    /// Returns the failure for a time limit that was reached.
    pub fn late(limit: Duration) -> Self {
        let limit = humantime::format_duration(limit);
        Self::Timeout(format!("no answer within {limit}"))
    }

    fn of_certificate(reason: &rustls::CertificateError) -> Self {
        let (why, help) = reason_and_remedy(reason);
        let is_early = matches!(
            reason,
            rustls::CertificateError::NotValidYet
                | rustls::CertificateError::NotValidYetContext { .. }
        );
        Self::Certificate {
            why,
            help,
            is_early,
        }
    }

    /// Puts the host before the text of a failure that is about one.
    #[must_use]
    pub fn at(mut self, host: &str) -> Self {
        match &mut self {
            Self::Trust(_) | Self::Proxy { .. } => {}
            Self::Certificate { why, .. }
            | Self::Handshake(why)
            | Self::Timeout(why)
            | Self::Io { why, .. } => *why = one_line(&format!("{host}: {why}")),
        }
        self
    }
}

impl From<NetFailure> for FetchError {
    fn from(failure: NetFailure) -> Self {
        let (kind, why) = match failure {
            NetFailure::Trust(why) => return Self::Refused(Refusal::TrustStore(why)),
            NetFailure::Proxy {
                proxy,
                has_password,
            } => {
                return Self::Refused(Refusal::Proxy {
                    proxy: one_line(&proxy),
                    has_password,
                });
            }
            NetFailure::Certificate {
                why,
                help,
                is_early: false,
            } => return Self::Refused(Refusal::Certificate { why, help }),
            NetFailure::Certificate { why, .. } => {
                (OutageKind::ClockSkew, format!("the certificate of {why}"))
            }
            NetFailure::Handshake(why) => (OutageKind::Handshake, why),
            NetFailure::Timeout(why) => (OutageKind::Timeout, why),
            NetFailure::Io { why, .. } => (OutageKind::Connection, why),
        };
        Outage::new(kind, why).into()
    }
}

/// Runs a future to its end, or cancels it at the limit.
///
/// # Errors
/// [`NetFailure::Timeout`], which names no host yet.
// No `async fn`, as `RetryBudget::within`.
pub fn within<F: Future>(
    limit: Option<Duration>,
    future: F,
) -> impl Future<Output = Result<F::Output, NetFailure>> {
    let limit = limit.unwrap_or(Duration::MAX);
    timeout(limit, future).map(move |result| result.map_err(|_| NetFailure::late(limit)))
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
    if let Some(rustls::Error::InvalidMessage(_)) = error.downcast_ref() {
        return "the answer is not TLS; the endpoint may speak http".to_owned();
    }
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
        "dns error" => "name lookup".to_owned(),
        // rustls adds a link to its documentation.
        text if text.starts_with("peer closed connection without sending TLS close_notify") => {
            "the server closed the TLS connection without close_notify".to_owned()
        }
        // std puts this before the text of gai_strerror(3).
        text => one_line(
            text.strip_prefix("failed to lookup address information: ")
                .unwrap_or(text),
        ),
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
