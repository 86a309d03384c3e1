//! What is behind an error of the SDK, of hyper or of rustls.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_runtime_api::client::result::ConnectorError;
use http::Uri;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use crate::model::answer::Refusal;
use crate::model::library_text::presented_name;
use crate::model::quoting::one_line;

/// The first error of a type in a chain. An I/O error hides what it wraps from `source`.
pub fn find_source<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and everything behind it.
pub fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// Whether it was time that ran out.
pub fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    // The metadata client takes an error apart and keeps only what was within.
    find_source::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout)
        || find_source::<TimedOut>(error).is_some()
}

/// Whether a connection was given up because nobody answered.
pub fn took_too_long(error: &(dyn Error + 'static)) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).any(|io| io.kind() == io::ErrorKind::TimedOut)
}

/// Whose certificate is not trusted and why, where that is what went wrong.
pub fn certificate_error(error: &(dyn Error + 'static)) -> Option<Refusal> {
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
            let names = presented.iter().map(|name| presented_name(name));
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

/// No connection, or none that brings an answer, and to where.
#[derive(Debug)]
pub struct Unreached {
    pub host: String,
    source: BoxError,
}

impl Unreached {
    pub fn new(host: String, source: BoxError) -> Self {
        Self { host, source }
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

impl Error for Unreached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// Name and port as they may be told: what stands before them is a password.
pub fn host_and_port(of: &Uri) -> String {
    let port = of.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", of.host().unwrap_or_default())
}

pub type BoxError = Box<dyn Error + Send + Sync>;

/// A metadata service that has no token for now; to the SDK any answer without one is the same.
#[derive(Debug)]
pub struct Unavailable(pub u16);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the metadata service answered with HTTP status {}", self.0)
    }
}

impl Error for Unavailable {}

/// A limit that was reached.
#[derive(Debug)]
pub struct TimedOut(pub Duration);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {}", humantime::format_duration(self.0))
    }
}

impl Error for TimedOut {}

pub async fn within<T, E: Into<BoxError>>(
    limit: Option<Duration>,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, BoxError> {
    match limit {
        None => future.await.map_err(Into::into),
        Some(limit) => match tokio::time::timeout(limit, future).await {
            Ok(result) => result.map_err(Into::into),
            Err(_) => Err(Box::new(TimedOut(limit))),
        },
    }
}

/// Why no root certificates can be had from where they were said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustError {
    pub path: PathBuf,
    pub why: String,
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl Error for TrustError {}
