//! What is behind an error of the SDK, of hyper or of rustls.

use std::error::Error;
use std::io;

use aws_smithy_runtime_api::client::result::ConnectorError;

use super::dial::Unreached;
use super::transport::TimedOut;

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

/// Whose certificate is not trusted and why, where that is what went wrong.
pub(super) fn certificate_error(error: &(dyn Error + 'static)) -> Option<String> {
    let why =
        find_source::<rustls::Error>(error).filter(|error| matches!(error, rustls::Error::InvalidCertificate(_)))?;
    let host = find_source::<Unreached>(error).map(|unreached| unreached.host.as_str()).unwrap_or_default();
    Some(format!("{host}: {why}"))
}
