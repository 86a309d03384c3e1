//! What an answer of AWS means: an absence, a denial, a refusal, or a reason to ask again.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::imds::client::error::ImdsError;
use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_secretsmanager::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::causes::{certificate_error, find_source, is_timeout};
use super::transport::Unavailable;
use super::trust::TrustError;
use super::wording::{one_line, text_of};
use crate::fetched::{Denial, FetchError, Missing, Outage, Refusal};

/// What to make of a failed request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It will fail the same way next time.
    Final(FetchError),
    /// It may work next time, not before the server's own wish.
    Again(Outage, Option<Duration>),
}

/// Reads an error of a service. Nothing of a response's body is kept but the code and message of AWS's own errors.
pub(super) fn classify<E>(error: &SdkError<E, HttpResponse>) -> Verdict
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
                return Verdict::Again(garbled(status), asked);
            }
            by_code(status, service.err().code(), service.err().message(), id, asked)
        }
        SdkError::ResponseError(response) => match response.raw().status().as_u16() {
            status @ 500.. => Verdict::Again(Outage::Service(format!("HTTP status {status}")), None),
            // It broke off, or went on too slowly.
            _ if is_broken(error) => Verdict::Again(Outage::Connection("the answer broke off".to_owned()), None),
            // Why it cannot be read is not told: that would quote a response, which may hold a secret.
            status => Verdict::Again(garbled(status), None),
        },
        SdkError::TimeoutError(_) => Verdict::Again(Outage::Timeout("no answer to a request in time".to_owned()), None),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(source) => by_connector(source),
            None => Verdict::Again(Outage::Connection("the request could not be sent".to_owned()), None),
        },
        // A request that cannot even be built: an endpoint or region that makes no address.
        _ => Verdict::Final(FetchError::Refused(Refusal::Request(text_of(error.source().unwrap_or(error))))),
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

fn garbled(status: u16) -> Outage {
    Outage::Garbled(format!("a response (HTTP status {status}) that cannot be read"))
}

pub(super) fn by_connector(error: &ConnectorError) -> Verdict {
    if let Some(error) = find_source::<TrustError>(error) {
        Verdict::Final(FetchError::Refused(Refusal::TrustStore(error.to_string())))
    } else if let Some(refusal) = certificate_error(error) {
        Verdict::Final(FetchError::Refused(refusal))
    } else if error.is_timeout() {
        Verdict::Again(Outage::Timeout(text_of(error)), None)
    } else if error.is_io() {
        Verdict::Again(Outage::Connection(text_of(error)), None)
    } else {
        // What never left this machine: an endpoint that cannot be, say.
        Verdict::Final(FetchError::Refused(Refusal::Request(text_of(error))))
    }
}

/// Reads an error of one of the SDK's sources of credentials, or of an instance's metadata. The
/// SDK hides what kind of error it was; what it was made of is still behind it.
pub(super) fn classify_behind(error: &(dyn Error + 'static)) -> Verdict {
    if let Some(Unavailable(status)) = find_source(error) {
        return by_status(*status);
    }
    if let Some(error) = find_source::<ConnectorError>(error) {
        return by_connector(error);
    }
    if let Some(ImdsError::ErrorResponse(answer)) = find_source::<ImdsError>(error) {
        return by_status(answer.response().status().as_u16());
    }
    if let Some(meta) = find_source::<ErrorMetadata>(error) {
        return by_code(400, meta.code(), meta.message(), meta.request_id(), None);
    }
    let text = text_of(error);
    if is_timeout(error) {
        return Verdict::Again(Outage::Timeout(text), None);
    }
    // A container's endpoint tells its status in words only, and so does STS about an identity provider.
    let status = text.split_once("StatusCode(").and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok());
    match status {
        Some(status) => by_status(status),
        // SSO's errors are of types that nothing else here has.
        None if text.contains("TooManyRequestsException") => Verdict::Again(Outage::Throttled(text), None),
        None if text.contains("IDPCommunicationError") => Verdict::Again(Outage::Service(text), None),
        // What answers in STS's place does not speak as it does: a gateway that has lost it, say.
        None if text.contains("error parsing XML") => {
            Verdict::Again(Outage::Garbled("STS: an answer that is not XML".to_owned()), None)
        }
        None => Verdict::Final(FetchError::Refused(Refusal::Request(text))),
    }
}

/// What the status of a metadata service means, which has no codes.
fn by_status(status: u16) -> Verdict {
    let said = format!("HTTP status {status}");
    match status {
        408 | 429 | 500.. => Verdict::Again(Outage::Service(said), None),
        _ => Verdict::Final(FetchError::Refused(Refusal::Request(said))),
    }
}

/// What AWS's codes mean. A message is kept where it says what no code says: who may not do what, which parameter is
/// wrong. It comes from a server, and everything else it could say is a risk.
pub(super) fn by_code(
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    request_id: Option<&str>,
    asked: Option<Duration>,
) -> Verdict {
    let id = request_id.map(|id| format!(" (request id {id})")).unwrap_or_default();
    let brief = one_line(&match code {
        Some(code) => format!("{code}{id}"),
        None => format!("HTTP status {status}{id}"),
    });
    let said = one_line(&match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}{id}"),
        (Some(_), None) | (None, _) => brief.clone(),
    });
    let mentions = |part: &str| message.is_some_and(|message| message.to_ascii_lowercase().contains(part));
    let denied = |cause| Verdict::Final(FetchError::Denied { message: said.clone(), cause, identity: None });
    let refused = |refusal| Verdict::Final(FetchError::Refused(refusal));
    match code.unwrap_or_default() {
        "ResourceNotFoundException" => {
            let missing = if mentions("secret value") { Missing::Version } else { Missing::Secret };
            Verdict::Final(FetchError::NotFound { missing, nearest: None })
        }
        "InvalidRequestException"
            if mentions("marked for deletion") || mentions("marked deleted") || mentions("scheduled for deletion") =>
        {
            refused(Refusal::MarkedForDeletion)
        }
        // A stage that the version does not have is one that does not exist, as seen from the reference.
        "InvalidRequestException" | "InvalidParameterException" if mentions("not associated") => {
            Verdict::Final(FetchError::NotFound { missing: Missing::Version, nearest: None })
        }
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => {
            if mentions("kms") && !mentions("secretsmanager:") {
                denied(Denial::Key)
            } else if mentions("resource: arn:") {
                denied(Denial::Policy)
            } else {
                denied(Denial::PolicyOrMissing)
            }
        }
        "DecryptionFailure" | "DecryptionFailureException" => denied(Denial::Key),
        "KMSAccessDeniedException"
        | "KMSDisabledException"
        | "KMSInvalidStateException"
        | "KMSNotFoundException"
        | "KMSOptInRequired" => denied(Denial::Key),
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => skewed(said),
        "InvalidSignatureException" | "SignatureDoesNotMatch"
            if mentions("signature expired") || mentions("not yet current") =>
        {
            skewed(said)
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "OptInRequired" => denied(Denial::Credentials),
        "KMSThrottlingException" => Verdict::Again(Outage::Throttled(brief), asked),
        code if THROTTLING_ERRORS.contains(&code) => Verdict::Again(Outage::Throttled(brief), asked),
        "InternalServiceError"
        | "InternalFailure"
        | "InternalError"
        | "KMSInternalException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException" => Verdict::Again(Outage::Service(brief), asked),
        _ if status == 429 => Verdict::Again(Outage::Throttled(brief), asked),
        _ if status >= 500 => Verdict::Again(Outage::Service(brief), asked),
        _ if matches!(status, 401 | 403) => denied(Denial::PolicyOrMissing),
        // Whatever redirects or says no without a code of AWS's is not AWS: a captive portal, a wrong endpoint.
        "" => Verdict::Again(Outage::Garbled(brief), asked),
        "InvalidParameterException" | "InvalidRequestException" | "ValidationException" => {
            refused(Refusal::Request(said))
        }
        _ => refused(Refusal::Request(brief)),
    }
}

fn skewed(said: String) -> Verdict {
    Verdict::Final(FetchError::Unavailable(Outage::ClockSkew(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: u16, code: &str, message: &str) -> Verdict {
        by_code(
            status,
            Some(code).filter(|code| !code.is_empty()),
            Some(message).filter(|message| !message.is_empty()),
            None,
            None,
        )
    }

    #[test]
    fn an_absence_is_told_from_a_denial_and_a_refusal() {
        let absent = |missing| Verdict::Final(FetchError::NotFound { missing, nearest: None });
        assert_eq!(
            code(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
            absent(Missing::Secret)
        );
        let stage = "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS";
        assert_eq!(code(400, "ResourceNotFoundException", stage), absent(Missing::Version));
        let deleted = "You can't perform this operation on the secret because it was marked for deletion.";
        assert_eq!(
            code(400, "InvalidRequestException", deleted),
            Verdict::Final(FetchError::Refused(Refusal::MarkedForDeletion))
        );
        assert!(matches!(
            code(400, "InvalidParameterException", "x"),
            Verdict::Final(FetchError::Refused(Refusal::Request(_)))
        ));
    }

    #[test]
    fn a_denial_tells_what_was_denied() {
        let cause = |message| match code(400, "AccessDeniedException", message) {
            Verdict::Final(FetchError::Denied { cause, .. }) => cause,
            other => unreachable!("{other:?}"),
        };
        assert_eq!(
            cause("User: u is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:x"),
            Denial::Policy
        );
        assert_eq!(
            cause("User: u is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/db"),
            Denial::PolicyOrMissing
        );
        assert_eq!(cause("Access to KMS is not allowed"), Denial::Key);
        assert!(matches!(code(403, "", ""), Verdict::Final(FetchError::Denied { .. })));
    }

    #[test]
    fn what_may_pass_is_asked_again() {
        for (status, name) in
            [(400, "ThrottlingException"), (429, ""), (500, "InternalServiceError"), (503, ""), (502, "")]
        {
            assert!(matches!(code(status, name, "x"), Verdict::Again(..)), "{status} {name}");
        }
        let skew = "Signature expired: 20200101T000000Z is now earlier than 20200101T001500Z";
        assert!(matches!(
            code(400, "InvalidSignatureException", skew),
            Verdict::Final(FetchError::Unavailable(Outage::ClockSkew(_)))
        ));
        assert!(matches!(code(302, "", ""), Verdict::Again(Outage::Garbled(_), _)));
    }
}
