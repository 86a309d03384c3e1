//! Classification of a failed request by the errors of the SDK, of hyper and of rustls.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::imds::client::error::ImdsError;
use aws_sdk_secretsmanager::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::error_codes::{ServiceError, classify_status};
use super::error_text::error_text;
use crate::model::answer::{FetchError, Outage, Refusal};
use crate::model::library_text::{container_status, is_identity_provider_failure, is_xml_error};
use crate::net::certificate::certificate_error;
use crate::net::errors::{ImdsUnavailable, TrustError, find_source, is_timeout, proxy_error};
use crate::time::retry::Retry;

/// The failure of a request that a credential provider sent, classified before its type was erased.
#[derive(Debug)]
pub struct Classified {
    retry: Retry,
    text: String,
}

impl Classified {
    /// `subject` is the beginning of the text.
    pub fn new(subject: &str, retry: Retry) -> Self {
        let why = match &retry {
            Retry::Transient(outage, _) | Retry::Permanent(FetchError::Unavailable(outage)) => outage.text(),
            Retry::Permanent(FetchError::Denied { message, .. } | FetchError::Refused(Refusal::Request(message))) => {
                message
            }
            Retry::Permanent(_) => "refused",
        };
        let text = format!("{subject}: {why}");
        Self { retry, text }
    }

    pub fn permanent(text: String) -> Self {
        Self { retry: Refusal::Request(text.clone()).into(), text }
    }
}

impl fmt::Display for Classified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Classified {}

/// Classifies the failure of a request. Of a response's body only the code and the message of AWS's own errors are kept.
pub fn classify<E>(error: &SdkError<E, HttpResponse>) -> Retry
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let headers = service.raw().headers();
            let retry_after = headers.get("x-amz-retry-after").and_then(milliseconds);
            let retry_after = retry_after.or_else(|| headers.get("retry-after").and_then(seconds_or_date));
            let retry_after = retry_after.map(|wait| wait.min(LONGEST_RETRY_AFTER));
            // An HTML page is a proxy's or a captive portal's.
            if status < 500 && service.raw().body().bytes().is_some_and(is_html) {
                return Retry::Transient(malformed_response(status), retry_after);
            }
            service_error(status, service.err().meta(), retry_after).classify()
        }
        SdkError::ResponseError(response) => match response.raw().status().as_u16() {
            status @ 500.. => Outage::Service(format!("HTTP status {status}")).into(),
            _ if is_incomplete(error) => Outage::Connection("the response is incomplete".to_owned()).into(),
            // The error itself is dropped: it may quote a secret in the response.
            status => malformed_response(status).into(),
        },
        SdkError::TimeoutError(_) => Outage::Timeout("no answer to a request in time".to_owned()).into(),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(source) => classify_connector_error(source),
            None => Outage::Connection("the request could not be sent".to_owned()).into(),
        },
        // The request could not be built: endpoint and region make an invalid URL, for example.
        _ => Refusal::Request(error_text(error.source().unwrap_or(error))).into(),
    }
}

/// True if the connection was closed before the end of the response.
fn is_incomplete(error: &(dyn Error + 'static)) -> bool {
    let hyper = find_source::<hyper::Error>(error);
    hyper.is_some_and(|error| error.is_incomplete_message() || error.is_body_write_aborted() || error.is_closed())
        || find_source::<std::io::Error>(error).is_some()
}

fn is_html(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let begins_with = |tag: &[u8]| body.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    begins_with(b"<!doctype html") || begins_with(b"<html")
}

/// The limit for a Retry-After, so that sums of durations do not overflow.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The value of `x-amz-retry-after`.
fn milliseconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_millis)
}

/// The value of `Retry-After` (RFC 9110, section 10.2.3).
fn seconds_or_date(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok().or_else(|| {
        let date = DateTime::from_str(text.trim(), Format::HttpDate).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(u64::try_from(date.secs()).ok()?.saturating_sub(now.as_secs()))
    });
    seconds.map(Duration::from_secs)
}

fn service_error(status: u16, meta: &ErrorMetadata, retry_after: Option<Duration>) -> ServiceError<'_> {
    ServiceError { status, code: meta.code(), message: meta.message(), request_id: meta.request_id(), retry_after }
}

/// Returns the outage for a response that is no answer of AWS's.
pub fn malformed_response(status: u16) -> Outage {
    Outage::MalformedResponse(format!("a response (HTTP status {status}) that cannot be read"))
}

/// Classifies a request that got no response.
pub fn classify_connector_error(error: &ConnectorError) -> Retry {
    if let Some(error) = find_source::<TrustError>(error) {
        match error.is_limit {
            true => Outage::Connection(error.to_string()).into(),
            false => Refusal::TrustStore(error.to_string()).into(),
        }
    } else if let Some(refusal) = certificate_error(error).or_else(|| proxy_error(error)) {
        refusal.into()
    } else if error.is_timeout() {
        Outage::Timeout(error_text(error)).into()
    } else if error.is_io() {
        Outage::Connection(error_text(error)).into()
    } else {
        // The request was not sent: its URL is invalid, for example.
        Refusal::Request(error_text(error)).into()
    }
}

/// Classifies the error of a credential provider or of IMDS by its sources, since the SDK does not expose its kind.
pub fn classify_provider_error(error: &(dyn Error + 'static)) -> Retry {
    if let Some(Classified { retry, .. }) = find_source(error) {
        return retry.clone();
    }
    if let Some(error) = find_source::<SdkError<GetRoleCredentialsError, HttpResponse>>(error) {
        return classify(error);
    }
    if let Some(ImdsUnavailable(status)) = find_source(error) {
        return classify_status(*status);
    }
    if let Some(error) = find_source::<ConnectorError>(error) {
        return classify_connector_error(error);
    }
    if let Some(ImdsError::ErrorResponse(response)) = find_source::<ImdsError>(error) {
        return classify_status(response.response().status().as_u16());
    }
    if let Some(meta) = find_source::<ErrorMetadata>(error) {
        return service_error(400, meta, None).classify();
    }
    let text = error_text(error);
    if is_timeout(error) {
        return Outage::Timeout(text).into();
    }
    // The rest is in the text alone.
    match container_status(&text) {
        Some(status) => classify_status(status),
        None if is_identity_provider_failure(&text) => Outage::Service(text).into(),
        // Not from STS, but from a gateway in front of it, for example.
        None if is_xml_error(&text) => Outage::MalformedResponse("STS: a response that is not XML".to_owned()).into(),
        None => Refusal::Request(text).into(),
    }
}
