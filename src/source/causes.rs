//! What is behind an error of the SDK, of hyper or of rustls.

use std::error::Error;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_runtime_api::client::result::ConnectorError;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::dial::Unreached;
use super::transport::TimedOut;
use super::wording::one_line;
use crate::fetched::Refusal;

/// The first error of a type in a chain. An I/O error hides what it wraps from `source`.
pub(super) fn find_source<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and everything behind it.
pub(super) fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// Whether it was time that ran out.
pub(super) fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    // The metadata client takes an error apart and keeps only what was within.
    find_source::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout)
        || find_source::<TimedOut>(error).is_some()
}

/// Whether a connection was given up because nobody answered.
pub(super) fn took_too_long(error: &(dyn Error + 'static)) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).any(|io| io.kind() == io::ErrorKind::TimedOut)
}

/// Whose certificate is not trusted and why, where that is what went wrong.
pub(super) fn certificate_error(error: &(dyn Error + 'static)) -> Option<Refusal> {
    let rustls::Error::InvalidCertificate(why) = find_source(error)? else { return None };
    let host = find_source::<Unreached>(error).map(|unreached| unreached.host.as_str()).unwrap_or_default();
    let is_unknown = matches!(why, CertificateError::UnknownIssuer);
    Some(Refusal::Certificate { why: one_line(&format!("{host}: {}", defect(why))), is_unknown })
}

/// What rustls tells in the names of its own types and in seconds since 1970, in words.
fn defect(why: &CertificateError) -> String {
    let moment = |time: &UnixTime| {
        let moment = UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
        moment.map_or_else(|| why.to_string(), |moment| humantime::format_rfc3339_seconds(moment).to_string())
    };
    match why {
        CertificateError::UnknownIssuer => {
            "neither a root that is trusted nor a certificate that the server sends along has signed it".to_owned()
        }
        CertificateError::ExpiredContext { time, not_after } => {
            format!("it expired at {}; by the clock here it is {}", moment(not_after), moment(time))
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("it is not valid before {}; by the clock here it is {}", moment(not_before), moment(time))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            // `DnsName("example.com")`
            let names = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name));
            format!("it is not {}'s but that of {}", expected.to_str(), names.collect::<Vec<_>>().join(", "))
        }
        CertificateError::Other(other) if is_an_authority(other) => {
            "it is a certificate authority's own (CA:TRUE), which no server may show; have it sign one for the server"
                .to_owned()
        }
        other => other.to_string(),
    }
}

fn is_an_authority(other: &rustls::OtherError) -> bool {
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}
