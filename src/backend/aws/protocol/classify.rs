//! Classification of a request without a response by the errors of the SDK, of hyper and of rustls.

use std::error::Error;

use aws_smithy_runtime_api::client::result::ConnectorError;

use super::error_codes::classify_status;
use super::error_text::error_text;
use crate::backend::retry::AttemptFailure;
use crate::model::answer::{Outage, OutageKind, Refusal};
use crate::net::certificate::certificate_error;
use crate::net::errors::{HandshakeError, TrustError, find_source, is_timeout, proxy_error};

/// True if the connection was closed before the end of the response.
pub fn is_incomplete(error: &(dyn Error + 'static)) -> bool {
    let hyper = find_source::<hyper::Error>(error);
    hyper.is_some_and(|error| {
        error.is_incomplete_message() || error.is_body_write_aborted() || error.is_closed()
    }) || find_source::<std::io::Error>(error).is_some()
}

/// Classifies a request that got no response.
pub fn classify_connector_error(error: &ConnectorError) -> AttemptFailure {
    if let Some(error) = find_source::<TrustError>(error) {
        Refusal::TrustStore(error.to_string()).into()
    } else if let Some(error) = certificate_error(error) {
        AttemptFailure::Permanent(error)
    } else if let Some(refusal) = proxy_error(error) {
        refusal.into()
    } else if find_source::<HandshakeError>(error).is_some() {
        Outage::new(OutageKind::Handshake, error_text(error)).into()
    } else if error.is_timeout() {
        Outage::new(OutageKind::Timeout, error_text(error)).into()
    } else if error.is_io() {
        Outage::new(OutageKind::Connection, error_text(error)).into()
    } else {
        // The request was not sent: its URL is invalid, for example.
        Refusal::Request(error_text(error).into()).into()
    }
}

/// Classifies the error of one of the SDK's credential providers or of IMDS by its sources, since the SDK does not expose its kind.
/// `status` is that of an HTTP response in it.
pub fn classify_sdk_error(error: &(dyn Error + 'static), status: Option<u16>) -> AttemptFailure {
    if let Some(status) = status {
        return classify_status(status);
    }
    if let Some(error) = find_source::<ConnectorError>(error) {
        return classify_connector_error(error);
    }
    let text = error_text(error);
    match is_timeout(error) {
        true => Outage::new(OutageKind::Timeout, text).into(),
        false => Refusal::Request(text.into()).into(),
    }
}
