//! The meaning of AWS's error codes: an absence, a denial, a refusal, or an outage.

use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;

use crate::model::answer::{Denial, FetchError, Missing, Outage, Refusal};
use crate::model::quoting::one_line;
use crate::time::retry::Retry;

/// An error of one of AWS's services, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct ServiceError<'a> {
    /// The status of HTTP.
    pub status: u16,
    pub code: Option<&'a str>,
    pub message: Option<&'a str>,
    pub request_id: Option<&'a str>,
    /// The time that the server asks to wait.
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

/// Codes that mean a wrong clock if the message says so.
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

/// Codes whose message says which parameter of the request is wrong.
const INVALID_REQUEST: [&str; 3] = ["InvalidParameterException", "InvalidRequestException", "ValidationException"];

impl ServiceError<'_> {
    /// Reads the code, else the status.
    pub fn classify(&self) -> Retry {
        self.absence().or_else(|| self.denial()).or_else(|| self.outage()).unwrap_or_else(|| self.refusal())
    }

    fn absence(&self) -> Option<Retry> {
        let missing = match self.code()? {
            "ResourceNotFoundException" if self.says("secret value") => Missing::Version,
            "ResourceNotFoundException" => Missing::Secret,
            // The version exists, but not with this staging label.
            "InvalidRequestException" | "InvalidParameterException" if self.says("not associated") => Missing::Version,
            _ => return None,
        };
        Some(Retry::Permanent(FetchError::NotFound { missing, nearest: None }))
    }

    fn denial(&self) -> Option<Retry> {
        let code = self.code()?;
        let cause = if self.is_clock_skew(code) {
            return Some(Retry::Permanent(FetchError::Unavailable(Outage::ClockSkew(self.full_text()))));
        } else if ACCESS_DENIED.contains(&code) {
            self.denied_resource()
        } else if KEY_UNUSABLE.contains(&code) {
            Denial::Key
        } else if CREDENTIALS_REJECTED.contains(&code) {
            Denial::Credentials
        } else {
            return None;
        };
        Some(self.denied(cause))
    }

    fn denied_resource(&self) -> Denial {
        if self.says("kms") && !self.says("secretsmanager:") {
            Denial::Key
        } else if self.says("resource: arn:") {
            Denial::Policy
        } else {
            Denial::PolicyOrMissing
        }
    }

    fn is_clock_skew(&self, code: &str) -> bool {
        let says_so = || self.says("signature expired") || self.says("not yet current");
        CLOCK_SKEW.contains(&code) || SIGNATURE.contains(&code) && says_so()
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
                // A redirection or an error without a code does not come from AWS: a captive portal, a wrong endpoint.
                _ if code.is_empty() => Outage::MalformedResponse,
                _ => return None,
            }
        };
        Some(Retry::Transient(outage(self.short_text()), self.retry_after))
    }

    fn refusal(&self) -> Retry {
        let code = self.code.unwrap_or_default();
        let is_deleted =
            || ["marked for deletion", "marked deleted", "scheduled for deletion"].iter().any(|part| self.says(part));
        Retry::Permanent(FetchError::Refused(match code {
            "InvalidRequestException" if is_deleted() => Refusal::MarkedForDeletion,
            _ if matches!(self.status, 401 | 403) => return self.denied(Denial::PolicyOrMissing),
            _ if INVALID_REQUEST.contains(&code) => Refusal::Request(self.full_text()),
            _ => Refusal::Request(self.short_text()),
        }))
    }

    fn denied(&self, cause: Denial) -> Retry {
        Retry::Permanent(FetchError::Denied { message: self.full_text(), cause, identity: None })
    }

    fn code(&self) -> Option<&str> {
        self.code.filter(|code| !code.is_empty())
    }

    /// True if the message contains `part`, in any case.
    fn says(&self, part: &str) -> bool {
        self.message.is_some_and(|message| message.to_ascii_lowercase().contains(part))
    }

    /// The code, else the status. For most errors this is all that is kept: a message comes from a server, and could quote a value.
    fn short_text(&self) -> String {
        let what = self.code.map_or_else(|| format!("HTTP status {}", self.status), str::to_owned);
        one_line(&(what + &self.request_id_text()))
    }

    /// The code and the message, where it says what no code says: the denied identity, the wrong parameter.
    fn full_text(&self) -> String {
        match (self.code, self.message) {
            (Some(code), Some(message)) => one_line(&format!("{code}: {message}{}", self.request_id_text())),
            (Some(_), None) | (None, _) => self.short_text(),
        }
    }

    fn request_id_text(&self) -> String {
        self.request_id.map(|id| format!(" (request id {id})")).unwrap_or_default()
    }
}

/// The meaning of a status without a code, as the metadata services return it.
pub fn classify_status(status: u16) -> Retry {
    match status {
        408 | 429 | 500.. => Retry::Transient(Outage::Service(format!("HTTP status {status}")), None),
        _ => Retry::Permanent(FetchError::Refused(Refusal::Status(status))),
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
