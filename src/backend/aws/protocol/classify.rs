//! What an answer of AWS means: an absence, a denial, a refusal, or a reason to ask again.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::imds::client::error::ImdsError;
use aws_sdk_secretsmanager::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::error_codes::{by_code, by_status};
use super::error_text::text_of;
use crate::model::answer::{FetchError, Outage, Refusal};
use crate::model::library_text::{container_status, is_identity_provider_failure, is_sso_throttling, is_xml_error};
use crate::net::errors::{TrustError, Unavailable, certificate_error, find_source, is_timeout};
use crate::time::retry::Retry;

/// Reads an error of a service. Nothing of a response's body is kept but the code and message of AWS's own errors.
pub fn classify<E>(error: &SdkError<E, HttpResponse>) -> Retry
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let headers = service.raw().headers();
            let asked = headers.get("x-amz-retry-after").and_then(milliseconds);
            let asked = asked.or_else(|| headers.get("retry-after").and_then(retry_after)).map(|wait| wait.min(DAY));
            let id = service.err().meta().request_id();
            // A page for people: whatever forbids here, it is not AWS.
            if status < 500 && service.raw().body().bytes().is_some_and(is_page) {
                return Retry::Transient(malformed(status), asked);
            }
            by_code(status, service.err().code(), service.err().message(), id, asked)
        }
        SdkError::ResponseError(response) => match response.raw().status().as_u16() {
            status @ 500.. => Retry::Transient(Outage::Service(format!("HTTP status {status}")), None),
            // It broke off, or went on too slowly.
            _ if is_broken(error) => Retry::Transient(Outage::Connection("the answer broke off".to_owned()), None),
            // Why it cannot be read is not told: that would quote a response, which may hold a secret.
            status => Retry::Transient(malformed(status), None),
        },
        SdkError::TimeoutError(_) => {
            Retry::Transient(Outage::Timeout("no answer to a request in time".to_owned()), None)
        }
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(source) => classify_connector_error(source),
            None => Retry::Transient(Outage::Connection("the request could not be sent".to_owned()), None),
        },
        // A request that cannot even be built: an endpoint or region that makes no address.
        _ => Retry::Permanent(FetchError::Refused(Refusal::Request(text_of(error.source().unwrap_or(error))))),
    }
}

/// Whether a connection ended before the answer on it did.
fn is_broken(error: &(dyn Error + 'static)) -> bool {
    let hyper = find_source::<hyper::Error>(error);
    hyper.is_some_and(|error| error.is_incomplete_message() || error.is_body_write_aborted() || error.is_closed())
        || find_source::<std::io::Error>(error).is_some()
}

fn is_page(body: &[u8]) -> bool {
    let begins = body.trim_ascii_start();
    let begins_with = |tag: &[u8]| begins.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag));
    begins_with(b"<!doctype html") || begins_with(b"<html")
}

/// The longest wait that is kept: as good as for ever, and sums of durations do not overflow.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The header of AWS's own.
fn milliseconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_millis)
}

/// Seconds, or a date as HTTP writes it.
fn retry_after(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok().or_else(|| {
        let date = DateTime::from_str(text.trim(), Format::HttpDate).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(u64::try_from(date.secs()).ok()?.saturating_sub(now.as_secs()))
    });
    seconds.map(Duration::from_secs)
}

fn malformed(status: u16) -> Outage {
    Outage::MalformedResponse(format!("a response (HTTP status {status}) that cannot be read"))
}

pub fn classify_connector_error(error: &ConnectorError) -> Retry {
    if let Some(error) = find_source::<TrustError>(error) {
        Retry::Permanent(FetchError::Refused(Refusal::TrustStore(error.to_string())))
    } else if let Some(refusal) = certificate_error(error) {
        Retry::Permanent(FetchError::Refused(refusal))
    } else if error.is_timeout() {
        Retry::Transient(Outage::Timeout(text_of(error)), None)
    } else if error.is_io() {
        Retry::Transient(Outage::Connection(text_of(error)), None)
    } else {
        // What never left this machine: an endpoint that cannot be, say.
        Retry::Permanent(FetchError::Refused(Refusal::Request(text_of(error))))
    }
}

/// Reads an error of one of the SDK's sources of credentials, or of an instance's metadata. The
/// SDK hides what kind of error it was; what it was made of is still behind it.
pub fn classify_provider_error(error: &(dyn Error + 'static)) -> Retry {
    if let Some(Unavailable(status)) = find_source(error) {
        return by_status(*status);
    }
    if let Some(error) = find_source::<ConnectorError>(error) {
        return classify_connector_error(error);
    }
    if let Some(ImdsError::ErrorResponse(answer)) = find_source::<ImdsError>(error) {
        return by_status(answer.response().status().as_u16());
    }
    if let Some(meta) = find_source::<ErrorMetadata>(error) {
        return by_code(400, meta.code(), meta.message(), meta.request_id(), None);
    }
    let text = text_of(error);
    if is_timeout(error) {
        return Retry::Transient(Outage::Timeout(text), None);
    }
    // A container's endpoint tells its status in words only, and so does STS about an identity provider.
    match container_status(&text) {
        Some(status) => by_status(status),
        // SSO's errors are of types that nothing else here has.
        None if is_sso_throttling(&text) => Retry::Transient(Outage::Throttled(text), None),
        None if is_identity_provider_failure(&text) => Retry::Transient(Outage::Service(text), None),
        // What answers in STS's place does not speak as it does: a gateway that has lost it, say.
        None if is_xml_error(&text) => {
            Retry::Transient(Outage::MalformedResponse("STS: an answer that is not XML".to_owned()), None)
        }
        None => Retry::Permanent(FetchError::Refused(Refusal::Request(text))),
    }
}
