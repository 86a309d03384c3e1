//! What an answer of AWS means: an absence, a denial, a refusal, or a reason to ask again.

use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;

use crate::model::answer::{Denial, FetchError, Missing, Outage, Refusal};
use crate::model::quoting::one_line;
use crate::time::retry::Retry;

/// What the status of a metadata service means, which has no codes.
pub fn by_status(status: u16) -> Retry {
    let said = format!("HTTP status {status}");
    match status {
        408 | 429 | 500.. => Retry::Transient(Outage::Service(said), None),
        _ => Retry::Permanent(FetchError::Refused(Refusal::Request(said))),
    }
}

/// What AWS's codes mean. A message is kept where it says what no code says: who may not do what, which parameter is
/// wrong. It comes from a server, and everything else it could say is a risk.
pub fn by_code(
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    request_id: Option<&str>,
    asked: Option<Duration>,
) -> Retry {
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
    let denied = |cause| Retry::Permanent(FetchError::Denied { message: said.clone(), cause, identity: None });
    let refused = |refusal| Retry::Permanent(FetchError::Refused(refusal));
    match code.unwrap_or_default() {
        "ResourceNotFoundException" => {
            let missing = if mentions("secret value") { Missing::Version } else { Missing::Secret };
            Retry::Permanent(FetchError::NotFound { missing, nearest: None })
        }
        "InvalidRequestException"
            if mentions("marked for deletion") || mentions("marked deleted") || mentions("scheduled for deletion") =>
        {
            refused(Refusal::MarkedForDeletion)
        }
        // A stage that the version does not have is one that does not exist, as seen from the reference.
        "InvalidRequestException" | "InvalidParameterException" if mentions("not associated") => {
            Retry::Permanent(FetchError::NotFound { missing: Missing::Version, nearest: None })
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
        "KMSThrottlingException" => Retry::Transient(Outage::Throttled(brief), asked),
        code if THROTTLING_ERRORS.contains(&code) => Retry::Transient(Outage::Throttled(brief), asked),
        "InternalServiceError"
        | "InternalFailure"
        | "InternalError"
        | "KMSInternalException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException" => Retry::Transient(Outage::Service(brief), asked),
        _ if status == 429 => Retry::Transient(Outage::Throttled(brief), asked),
        _ if status >= 500 => Retry::Transient(Outage::Service(brief), asked),
        _ if matches!(status, 401 | 403) => denied(Denial::PolicyOrMissing),
        // Whatever redirects or says no without a code of AWS's is not AWS: a captive portal, a wrong endpoint.
        "" => Retry::Transient(Outage::MalformedResponse(brief), asked),
        "InvalidParameterException" | "InvalidRequestException" | "ValidationException" => {
            refused(Refusal::Request(said))
        }
        _ => refused(Refusal::Request(brief)),
    }
}

fn skewed(said: String) -> Retry {
    Retry::Permanent(FetchError::Unavailable(Outage::ClockSkew(said)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: u16, code: &str, message: &str) -> Retry {
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
        let absent = |missing| Retry::Permanent(FetchError::NotFound { missing, nearest: None });
        assert_eq!(
            code(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
            absent(Missing::Secret)
        );
        let stage = "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS";
        assert_eq!(code(400, "ResourceNotFoundException", stage), absent(Missing::Version));
        let deleted = "You can't perform this operation on the secret because it was marked for deletion.";
        assert_eq!(
            code(400, "InvalidRequestException", deleted),
            Retry::Permanent(FetchError::Refused(Refusal::MarkedForDeletion))
        );
        assert!(matches!(
            code(400, "InvalidParameterException", "x"),
            Retry::Permanent(FetchError::Refused(Refusal::Request(_)))
        ));
    }

    #[test]
    fn a_denial_tells_what_was_denied() {
        let cause = |message| match code(400, "AccessDeniedException", message) {
            Retry::Permanent(FetchError::Denied { cause, .. }) => cause,
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
        assert!(matches!(code(403, "", ""), Retry::Permanent(FetchError::Denied { .. })));
    }

    #[test]
    fn what_may_pass_is_asked_again() {
        for (status, name) in
            [(400, "ThrottlingException"), (429, ""), (500, "InternalServiceError"), (503, ""), (502, "")]
        {
            assert!(matches!(code(status, name, "x"), Retry::Transient(..)), "{status} {name}");
        }
        let skew = "Signature expired: 20200101T000000Z is now earlier than 20200101T001500Z";
        assert!(matches!(
            code(400, "InvalidSignatureException", skew),
            Retry::Permanent(FetchError::Unavailable(Outage::ClockSkew(_)))
        ));
        assert!(matches!(code(302, "", ""), Retry::Transient(Outage::MalformedResponse(_), _)));
    }
}
