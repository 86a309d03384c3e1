//! Errors of connections and requests, and the search for a known error in a chain of sources.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_smithy_runtime_api::client::result::ConnectorError;
use futures_util::FutureExt;
use http::Uri;
use tokio::time::timeout;

use crate::model::answer::Refusal;
use crate::model::quoting::one_line;
use crate::system::os_error;

pub type BoxError = Box<dyn Error + Send + Sync>;

/// The error of a connection or a request, with its host.
#[derive(Debug, thiserror::Error)]
#[error("{host}")]
pub struct HostError {
    /// Host and port, and those of the proxy, if any.
    pub host: String,
    source: BoxError,
}

impl HostError {
    pub fn new(host: String, source: BoxError) -> Self {
        Self { host, source }
    }
}

/// HTTP status 407 of a proxy.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{proxy}")]
pub struct ProxyAuthenticationRequired {
    /// Host and port.
    pub proxy: String,
    /// True if a name and a password were sent.
    pub has_password: bool,
}

/// A TLS handshake that got no answer, or whose connection was closed.
#[derive(Debug, thiserror::Error)]
#[error("the TLS handshake got no answer")]
pub struct HandshakeError {
    pub source: BoxError,
}

/// A time limit that was reached.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {}", humantime::format_duration(*.0))]
pub struct TimedOut(pub Duration);

/// A file or directory of root certificates that cannot be read or has none.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}: {why}", path.display())]
pub struct TrustError {
    pub path: PathBuf,
    pub why: String,
}

impl TrustError {
    pub fn new(path: &Path, why: String) -> Self {
        Self {
            path: path.to_owned(),
            why,
        }
    }

    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(path, os_error::text(error))
    }
}

/// Runs a future to its end, or cancels it at the limit.
///
/// # Errors
/// The future's own, or [`TimedOut`].
// No `async fn`, as `RetryBudget::within`.
pub fn within<T, E: Into<BoxError>>(
    limit: Option<Duration>,
    future: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, BoxError>> {
    let limit = limit.unwrap_or(Duration::MAX);
    timeout(limit, future).map(move |result| match result {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(TimedOut(limit).into()),
    })
}

/// An error and its sources, outermost first. An `io::Error` is followed by the error that it wraps, which `io::Error::source` skips.
pub fn chain<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// Returns the first error of type `T` in a chain.
pub fn find_source<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// True if a connection or a request timed out.
pub fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    // The SDK's IMDS client unwraps a ConnectorError, so that only its source is left.
    find_source::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout)
        || find_source::<TimedOut>(error).is_some()
}

/// True if a TCP connection timed out, by hyper-util's limit or the kernel's (ETIMEDOUT).
pub fn is_connect_timeout(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|io| io.kind() == io::ErrorKind::TimedOut)
}

/// Returns the refusal for a proxy that requires a name and a password, or others, if a chain has one.
pub fn proxy_error(error: &(dyn Error + 'static)) -> Option<Refusal> {
    let ProxyAuthenticationRequired {
        proxy,
        has_password,
    } = find_source(error)?;
    Some(Refusal::Proxy {
        proxy: one_line(proxy),
        has_password: *has_password,
    })
}

/// Returns the host and port of a URL, without its user name and password, which must not be printed.
pub fn host_and_port(url: &Uri) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!("{}{port}", url.host().unwrap_or_default())
}
