//! Turns the errors of TCP, TLS and HTTP into failures of a request, and the errors of libraries
//! into texts for messages.
//!
//! Each error becomes a [`FetchError`] where it occurs, as a sentence that names the host or the
//! proxy. The sentence never contains the body of a response, or the user name and password in a
//! URL. But the text of an SDK error can quote the reason that a credentials endpoint gives in its
//! response.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use dns_lookup::LookupErrorKind;
use http::Uri;
use rustls::CertificateError;

use super::tls::certificate_fault;
use crate::model::message::{Cause, FetchError, OutageKind, Place, Refusal};
use crate::system::os_error;
use crate::system::redaction::redacted_line;

pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a host's name doesn't resolve.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{self:?}")]
pub(super) enum LookupError {
    /// The name doesn't exist or has no address (EAI_NONAME).
    NoAddress,
    Failed(String),
}

impl From<dns_lookup::LookupError> for LookupError {
    fn from(error: dns_lookup::LookupError) -> Self {
        if let LookupErrorKind::NoName = error.kind() {
            return Self::NoAddress;
        }
        let text = os_error::io_error_text(&error.into());
        // dns-lookup puts this before the text of gai_strerror(3).
        let beginning = "failed to lookup address information: ";
        Self::Failed(text.replace(beginning, ""))
    }
}

impl FetchError {
    /// The error for a TCP connection that couldn't be opened. `peer` is what messages call the
    /// host in `to`.
    pub(super) fn from_connection(error: &(dyn Error + 'static), to: &Uri, peer: &str) -> Self {
        let (kind, text) = kind_and_text(error);
        let why = match kind {
            Some(ErrorKind::TimedOut) => return Self::silent(to, peer),
            Some(ErrorKind::ConnectionRefused) => format!("{peer} refuses connections"),
            _ => format!("{peer} can't be reached: {text}"),
        };
        Self::outage(OutageKind::Connection, why).with_io_kind(kind)
    }

    /// The error for an open connection that broke, or a response that is too long or isn't valid
    /// HTTP.
    pub(super) fn from_exchange(error: impl Into<BoxError>, host: &str) -> Self {
        let error = error.into();
        let (mut kind, text) = kind_and_text(&*error);
        if let Some(cause) = find_source::<hyper::Error>(&*error)
            && (cause.is_incomplete_message() || cause.is_body_write_aborted() || cause.is_closed())
        {
            kind = Some(ErrorKind::UnexpectedEof);
        }
        let why = match kind {
            Some(ErrorKind::UnexpectedEof) => {
                format!("{host} closed the connection before its answer was complete")
            }
            Some(_) => format!("the connection to {host} broke: {text}"),
            None => format!("the answer from {host} can't be read: {text}"),
        };
        Self::outage(OutageKind::Connection, why).with_io_kind(kind)
    }

    /// The error for a failed TLS handshake. If the cause isn't an error from rustls, the
    /// connection probably closed or timed out before the server answered the first message.
    pub(super) fn from_handshake(error: &io::Error, peer: &str) -> Self {
        let text = error_text(error);
        let failure = match find_source(error) {
            Some(rustls::Error::InvalidCertificate(reason)) => {
                return Self::from_certificate(reason, peer);
            }
            Some(rustls::Error::InvalidMessage(_)) => {
                Self::outage(OutageKind::NotTls, format!("{peer} doesn't speak TLS"))
            }
            Some(_) => {
                let why = format!("the TLS handshake with {peer} failed: {text}");
                let help = "check whether a proxy or a firewall inspects TLS, and whether the server supports TLS 1.2 or 1.3";
                Self::outage(OutageKind::Connection, why).help(help)
            }
            None => {
                let why = format!("{peer} didn't answer the first message of TLS: {text}");
                Self::outage(OutageKind::Handshake, why)
            }
        };
        failure.with_io_kind(error.kind())
    }

    /// If the host doesn't speak TLS, turns the failure into a refusal that suggests `http://` in
    /// `place`.
    ///
    /// Call this only for a host that the user named in `place`: another attempt would fail in the
    /// same way. For one of AWS's own hosts, another attempt might succeed, because a captive
    /// portal may have answered this one.
    pub fn for_host_named_in(self, place: &Place) -> Self {
        if self.cause() != Cause::Outage(OutageKind::NotTls) {
            return self;
        }
        let help = format!("use http:// instead of https:// in {place}");
        Self::refused(Refusal::Endpoint, self.text()).help(help)
    }

    pub(super) fn unresolved(peer: &str, why: &LookupError) -> Self {
        let text = format!("{peer} can't be reached, because its name doesn't resolve");
        match why {
            LookupError::NoAddress => {
                Self::outage(OutageKind::Lookup, text).with_io_kind(ErrorKind::NotFound)
            }
            LookupError::Failed(why) => Self::outage(OutageKind::Lookup, format!("{text} ({why})")),
        }
    }

    /// The error for a host or proxy that doesn't answer when we connect to it.
    pub(super) fn silent(to: &Uri, peer: &str) -> Self {
        let host = to.host().unwrap_or_default().trim_matches(['[', ']']);
        let why = match host.parse::<IpAddr>() {
            Ok(_) => format!("{peer} doesn't answer"),
            Err(_) => format!("{peer} doesn't answer, although its name resolves"),
        };
        Self::outage(OutageKind::Silent, why).with_io_kind(ErrorKind::TimedOut)
    }

    /// The error for a host that didn't answer within `limit`. `kind` is [`OutageKind::Timeout`] if
    /// a request got no answer, and [`OutageKind::Silent`] if the connection wasn't opened in time.
    pub(super) fn late(kind: OutageKind, host: &str, limit: Duration) -> Self {
        let limit = humantime::format_duration(Duration::from_secs(limit.as_secs()));
        let why = format!("{host} didn't answer within {limit}");
        Self::outage(kind, why).with_io_kind(ErrorKind::TimedOut)
    }

    /// The error for an invalid certificate. This is usually a refusal, because a later request
    /// would get the same certificate. But a certificate that isn't valid yet is an outage, so that
    /// `--wait` tries again: this machine's clock is probably wrong, for example at boot, before
    /// NTP has set it.
    fn from_certificate(reason: &CertificateError, peer: &str) -> Self {
        if let CertificateError::NotValidYetContext { .. } = reason {
            let why = format!("the certificate of {peer} isn't valid yet");
            return Self::outage(OutageKind::EarlyCertificate, why);
        }
        let fault = certificate_fault(reason);
        let why = format!(
            "the certificate of {peer} {}",
            redacted_line(&fault.to_string())
        );
        Self::refused(Refusal::Certificate, why).or_help(fault.into_help())
    }
}

/// The kind and text of the first I/O error among `error` and its sources or, if there is none, the
/// texts of all of them.
fn kind_and_text(error: &(dyn Error + 'static)) -> (Option<ErrorKind>, String) {
    match find_source::<io::Error>(error) {
        Some(io) => (Some(io.kind()), error_text(io)),
        None => (None, error_text(error)),
    }
}

/// Joins the texts of an error and its sources, such as `h:443: refused`, without repetitions.
pub fn error_text(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut errors = error_and_sources(error).peekable();
    while let Some(error) = errors.next() {
        // A wrapper that only prints its source adds nothing.
        if let Some(source) = errors.peek()
            && source.to_string() == error.to_string()
        {
            continue;
        }
        let part = text_without_sources(error);
        if !part.is_empty() && !parts.iter().any(|earlier| earlier.contains(&part)) {
            parts.push(part);
        }
    }
    redacted_line(&parts.join(": "))
}

/// An error's own text, reworded if it would puzzle a user. Empty if it adds nothing to its source.
///
/// `SdkError` (aws-smithy-runtime-api 1.19) is generic, so it is recognized by its text.
fn text_without_sources(error: &(dyn Error + 'static)) -> String {
    if let Some(ImdsError::ErrorResponse(response)) = error.downcast_ref() {
        let status = response.response().status().as_u16();
        return format!("the instance metadata service answered with HTTP status {status}");
    }
    let provider_error = error.downcast_ref();
    if matches!(provider_error, Some(CredentialsError::ProviderError(_)))
        || error.is::<ImdsError>()
        || error.is::<ConnectorError>()
    {
        return String::new();
    }

    let text = match error.downcast_ref() {
        Some(io) => os_error::io_error_text(io),
        None => error.to_string(),
    };
    match text.as_str() {
        "dispatch failure" | "service error" => String::new(),
        text => redacted_line(text),
    }
}

/// An error and all of its sources, including the error inside an `io::Error`, which
/// `io::Error::source` would skip.
fn error_and_sources<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The first error of type `T` among `error` and its sources.
pub fn find_source<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    error_and_sources(error).find_map(|error| error.downcast_ref())
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
    fn a_limit_is_shown_in_whole_seconds() {
        let limit = Duration::from_millis(7453);
        let error = FetchError::late(OutageKind::Timeout, "h:443", limit);
        assert!(error.sentence().contains("h:443 didn't answer within 7s"));
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
