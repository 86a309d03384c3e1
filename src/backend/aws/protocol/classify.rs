//! Classification of a failed request by the errors of the SDK, of hyper and of rustls.

use std::error::Error;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::error_codes::{ServiceError, classify_status, malformed_response};
use super::error_text::error_text;
use crate::backend::retry::AttemptFailure;
use crate::model::answer::{Outage, OutageKind, Refusal};
use crate::net::certificate::certificate_error;
use crate::net::errors::{HandshakeError, TrustError, find_source, is_timeout, proxy_error};

/// Classifies the failure of a request. Of a response's body only the code and the message of AWS's own errors are kept.
pub fn classify<E>(error: &SdkError<E, HttpResponse>) -> AttemptFailure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let (raw, meta) = (service.raw(), service.err().meta());
            let error = ServiceError::new(raw.status().as_u16(), |name| raw.headers().get(name));
            ServiceError { code: meta.code(), message: meta.message(), ..error }.classify()
        }
        SdkError::ResponseError(response) => match response.raw().status().as_u16() {
            status @ 500.. => Outage::new(OutageKind::Service, format!("HTTP status {status}")).into(),
            _ if is_incomplete(error) => Outage::new(OutageKind::Connection, "the response is incomplete").into(),
            // The error itself is dropped: it may quote a secret in the response.
            status => malformed_response(status, response.raw().headers().get("content-type")).into(),
        },
        SdkError::TimeoutError(_) => Outage::new(OutageKind::Timeout, "no answer to a request in time").into(),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(source) => classify_connector_error(source),
            None => Outage::new(OutageKind::Connection, "the request could not be sent").into(),
        },
        // The request could not be built: endpoint and region make an invalid URL, for example.
        _ => Refusal::Request(error_text(error.source().unwrap_or(error)).into()).into(),
    }
}

/// True if the connection was closed before the end of the response.
fn is_incomplete(error: &(dyn Error + 'static)) -> bool {
    let hyper = find_source::<hyper::Error>(error);
    hyper.is_some_and(|error| error.is_incomplete_message() || error.is_body_write_aborted() || error.is_closed())
        || find_source::<std::io::Error>(error).is_some()
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
