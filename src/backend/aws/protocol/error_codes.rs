//! The meaning of AWS's error codes: absence, clock skew, denial, outage or refusal.

use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;

use crate::model::answer::{Denial, FetchError, Missing, Outage, Refusal};
use crate::model::quoting::one_line;
use crate::time::retry::Retry;

/// An error of one of AWS's services, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct ServiceError<'a> {
    /// The HTTP status.
    pub status: u16,
    pub code: Option<&'a str>,
    pub message: Option<&'a str>,
    pub request_id: Option<&'a str>,
    /// The time of Retry-After.
    pub retry_after: Option<Duration>,
}

const ACCESS_DENIED: [&str; 4] = ["AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"];

/// The KMS key of a secret is disabled, missing, or denied.
const KEY_UNUSABLE: [&str; 7] = [
    "DecryptionFailure",
    "DecryptionFailureException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
];

const CREDENTIALS_REJECTED: [&str; 13] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "ExpiredTokenException",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "AuthFailure",
    "OptInRequired",
];

const CLOCK_SKEW: [&str; 3] = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];

/// Codes that mean clock skew with some messages.
const SIGNATURE: [&str; 2] = ["InvalidSignatureException", "SignatureDoesNotMatch"];

const SERVICE_FAILED: [&str; 8] = [
    "InternalServiceError",
    "InternalFailure",
    "InternalError",
    "KMSInternalException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
];

/// Codes whose message names the invalid parameter of the request.
const INVALID_REQUEST: [&str; 3] = ["InvalidParameterException", "InvalidRequestException", "ValidationException"];

impl ServiceError<'_> {
    /// Classifies by the code, or if that is unknown by the status.
    pub fn classify(&self) -> Retry {
        let classified =
            self.deletion().or_else(|| self.absence()).or_else(|| self.clock_skew()).or_else(|| self.denial());
        classified.or_else(|| self.outage()).unwrap_or_else(|| self.refusal())
    }

    fn deletion(&self) -> Option<Retry> {
        let parts = ["marked for deletion", "marked deleted", "scheduled for deletion"];
        let is_deleted = || parts.iter().any(|part| self.message_has(part));
        (self.code()? == "InvalidRequestException" && is_deleted()).then(|| Refusal::MarkedForDeletion.into())
    }

    fn absence(&self) -> Option<Retry> {
        let missing = match self.code()? {
            "ResourceNotFoundException" if self.message_has("secret value") => Missing::Version,
            "ResourceNotFoundException" | "ParameterNotFound" => Missing::Secret,
            "ParameterVersionNotFound" => Missing::Version,
            // The version exists, but not with this staging label.
            "InvalidRequestException" | "InvalidParameterException" if self.message_has("not associated") => {
                Missing::Version
            }
            _ => return None,
        };
        Some(Retry::Permanent(FetchError::NotFound { missing, nearest: None }))
    }

    fn clock_skew(&self) -> Option<Retry> {
        let code = self.code()?;
        let is_expired = || self.message_has("signature expired") || self.message_has("not yet current");
        let is_skewed = CLOCK_SKEW.contains(&code) || SIGNATURE.contains(&code) && is_expired();
        is_skewed.then(|| Retry::Permanent(FetchError::Unavailable(Outage::ClockSkew(self.full_text()))))
    }

    fn denial(&self) -> Option<Retry> {
        let code = self.code()?;
        let cause = if ACCESS_DENIED.contains(&code) {
            self.denial_cause()
        } else if KEY_UNUSABLE.contains(&code) {
            Denial::Key
        } else if CREDENTIALS_REJECTED.contains(&code) {
            Denial::Credentials
        } else {
            return None;
        };
        Some(self.denied(cause))
    }

    fn denial_cause(&self) -> Denial {
        if self.message_has("kms") && !self.message_has("secretsmanager:") {
            Denial::Key
        } else if self.message_has("resource: arn:") {
            Denial::Policy
        } else {
            Denial::PolicyOrMissing
        }
    }

    fn outage(&self) -> Option<Retry> {
        let code = self.code.unwrap_or_default();
        let outage: fn(String) -> Outage = if code == "KMSThrottlingException" || THROTTLING_ERRORS.contains(&code) {
            Outage::Throttled
        } else if SERVICE_FAILED.contains(&code) {
            Outage::Service
        } else {
            match self.status {
                429 => Outage::Throttled,
                500.. => Outage::Service,
                401 | 403 => return None,
                // A redirection or an error without a code is not from AWS, but from a captive portal or another service.
                _ if code.is_empty() => Outage::MalformedResponse,
                _ => return None,
            }
        };
        Some(Retry::Transient(outage(self.short_text()), self.retry_after))
    }

    fn refusal(&self) -> Retry {
        let code = self.code.unwrap_or_default();
        match code {
            _ if matches!(self.status, 401 | 403) => self.denied(Denial::PolicyOrMissing),
            _ if INVALID_REQUEST.contains(&code) => Refusal::Request(self.full_text()).into(),
            _ => Refusal::Request(self.short_text()).into(),
        }
    }

    fn denied(&self, cause: Denial) -> Retry {
        Retry::Permanent(FetchError::Denied { message: self.full_text(), cause, identity: None })
    }

    fn code(&self) -> Option<&str> {
        self.code.filter(|code| !code.is_empty())
    }

    /// True if the message contains `part`, in any case.
    fn message_has(&self, part: &str) -> bool {
        self.message.is_some_and(|message| message.to_ascii_lowercase().contains(part))
    }

    /// Returns the code, else the status. Messages of most errors are dropped, since they could quote a value.
    fn short_text(&self) -> String {
        let text = self.code.map_or_else(|| format!("HTTP status {}", self.status), str::to_owned);
        one_line(&(text + &self.request_id_text()))
    }

    /// Returns the code and the message, which names the denied identity or the invalid parameter.
    fn full_text(&self) -> String {
        match (self.code, self.message) {
            (Some(code), Some(message)) => one_line(&format!("{code}: {message}{}", self.request_id_text())),
            (Some(_), None) | (None, _) => self.short_text(),
        }
    }

    fn request_id_text(&self) -> String {
        self.request_id.filter(|id| !id.is_empty()).map(|id| format!(" (request id {id})")).unwrap_or_default()
    }
}

/// Classifies a status without a code, as the metadata services return it.
pub fn classify_status(status: u16) -> Retry {
    match status {
        408 | 429 | 500.. => Outage::Service(format!("HTTP status {status}")).into(),
        _ => Refusal::Status(status).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: u16, code: &str, message: &str) -> Retry {
        let filled = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let error =
            ServiceError { status, code: filled(code), message: filled(message), request_id: None, retry_after: None };
        error.classify()
    }

    #[test]
    fn a_missing_secret_a_missing_version_and_a_deleted_secret_are_distinct() {
        let absent = |missing| Retry::Permanent(FetchError::NotFound { missing, nearest: None });
        assert_eq!(
            code(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
            absent(Missing::Secret)
        );
        let stage = "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS";
        assert_eq!(code(400, "ResourceNotFoundException", stage), absent(Missing::Version));
        assert_eq!(code(400, "ParameterNotFound", ""), absent(Missing::Secret));
        assert_eq!(code(400, "ParameterVersionNotFound", ""), absent(Missing::Version));
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
    fn a_denial_has_the_cause_that_its_message_names() {
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
    fn an_outage_is_transient_and_clock_skew_is_not() {
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
