//! The meaning of errors: of AWS's error codes (absence, clock skew, denial, outage or refusal), and of the errors of the SDK's providers.

use std::error::Error;
use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;

use crate::model::answer::{
    Again, CredentialsFault, Denial, FetchError, Missing, Outage, OutageKind, Reason, Refusal,
};
use crate::model::quoting::one_line;
use crate::net::errors::{NetFailure, error_text, find_source};

/// An error of one of AWS's services, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct ServiceError<'a> {
    /// The HTTP status.
    pub status: u16,
    pub code: Option<&'a str>,
    pub message: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub content_type: Option<&'a str>,
    /// The time of AWS's header `x-amz-retry-after`.
    pub retry_after: Option<Duration>,
}

impl<'a> ServiceError<'a> {
    /// An error without a code. `header` returns a header of its response.
    pub fn new(status: u16, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        // A plain Retry-After comes from a proxy or a load balancer, and is ignored as in the SDKs.
        let retry_after = header("x-amz-retry-after").and_then(|text| text.trim().parse().ok());
        let retry_after = retry_after.map(Duration::from_millis);
        let (request_id, content_type) = (header("x-amzn-requestid"), header("content-type"));
        Self {
            status,
            code: None,
            message: None,
            request_id,
            content_type,
            retry_after,
        }
    }

    /// Classifies by the code, some by their message, or if the code is unknown by the status.
    pub fn classify(&self) -> FetchError {
        let code = self.code.unwrap_or_default();
        let message = self.message.unwrap_or_default().to_ascii_lowercase();
        let has = |part: &str| message.contains(part);
        // Services add `Exception`, or omit it.
        match code.strip_suffix("Exception").unwrap_or(code) {
            "InvalidRequest"
                if ["marked for deletion", "marked deleted", "scheduled for deletion"].map(has).contains(&true) =>
            {
                Refusal::MarkedForDeletion.into()
            }
            "ResourceNotFound" if has("secret value") => FetchError::not_found(Missing::Version),
            // The version exists, but not with this staging label.
            "InvalidRequest" | "InvalidParameter" if has("not associated") => FetchError::not_found(Missing::Version),
            "ParameterVersionNotFound" => FetchError::not_found(Missing::Version),
            "ResourceNotFound" | "ParameterNotFound" => FetchError::not_found(Missing::Secret),
            "InvalidSignature" | "SignatureDoesNotMatch" if has("signature expired") || has("not yet current") => {
                self.skewed()
            }
            "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => self.skewed(),
            "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => {
                // Parameter Store passes on the message of KMS, which need not name an action.
                let of_key = ["kms:", "access to kms", "service: awskms", "customer master key"];
                let is_of_key = of_key.map(has).contains(&true);
                let of_policy = if has("resource: arn:") { Denial::Policy } else { Denial::PolicyOrMissing };
                self.denied(if is_of_key { Denial::Key } else { of_policy })
            }
            // The KMS key of a secret is disabled, missing, or denied.
            "DecryptionFailure" | "KMSAccessDenied" | "KMSDisabled" | "KMSInvalidState" | "KMSNotFound"
            | "KMSOptInRequired" => self.denied(Denial::Key),
            "ExpiredToken" => self.denied(Denial::Credentials(CredentialsFault::Expired)),
            "InvalidSignature" | "SignatureDoesNotMatch" => {
                self.denied(Denial::Credentials(CredentialsFault::WrongSecretKey))
            }
            "AuthFailure"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "OptInRequired"
            // SSO's token has expired, or its session is over.
            | "Unauthorized"
            | "UnauthorizedClient"
            | "InvalidClient"
            | "InvalidGrant"
            | "UnrecognizedClient" => {
                self.denied(Denial::Credentials(CredentialsFault::Unrecognized))
            }
            // IDPCommunicationError: STS cannot reach the identity provider of a web identity.
            "IDPCommunicationError"
            | "InternalError"
            | "InternalFailure"
            | "InternalServiceError"
            | "KMSInternal"
            | "RequestTimeout"
            | "ServiceUnavailable" => self.outage(OutageKind::Service),
            // SlowDown: SSO throttles the refresh of a token.
            "KMSThrottling" | "SlowDown" => self.outage(OutageKind::Throttled),
            _ if THROTTLING_ERRORS.contains(&code) || self.status == 429 => self.outage(OutageKind::Throttled),
            _ if self.status == 408 || self.status >= 500 => self.outage(OutageKind::Service),
            // Every error of AWS has a code: a proxy's policy answers, and would answer the same again.
            "" if matches!(self.status, 401 | 403) => self.not_from_aws(Again::NextRegion),
            "" => self.not_from_aws(Again::Here { after: self.retry_after }),
            _ if matches!(self.status, 401 | 403) => self.denied(Denial::PolicyOrMissing),
            // The message names the invalid parameter of the request. The last two codes are STS's: the message says which limit of a role is
            // exceeded, or why a web identity is not trusted.
            "InvalidParameter" | "InvalidRequest" | "Validation" | "ValidationError" | "InvalidIdentityToken" => {
                Refusal::Request(self.reason(self.message)).into()
            }
            _ => Refusal::Request(self.reason(None)).into(),
        }
    }

    fn skewed(&self) -> FetchError {
        Outage::new(OutageKind::ClockSkew, self.reason(self.message)).into()
    }

    fn denied(&self, cause: Denial) -> FetchError {
        FetchError::denied(self.reason(self.message), cause)
    }

    fn outage(&self, kind: OutageKind) -> FetchError {
        let again = Again::Here {
            after: self.retry_after,
        };
        let outage = Outage::new(kind, self.reason(None));
        Outage { again, ..outage }.into()
    }

    /// Returns the outage for an error without AWS's code.
    fn not_from_aws(&self, again: Again) -> FetchError {
        let outage = malformed_response(self.status, self.content_type);
        Outage { again, ..outage }.into()
    }

    /// Returns the code, or else the status, with `message`. The messages of most errors are dropped, since they could quote a value.
    fn reason(&self, message: Option<&str>) -> Reason {
        let text = match (self.code, message) {
            (Some(code), Some(message)) => one_line(&format!("{code}: {message}")),
            (Some(code), None) => one_line(code),
            (None, _) => format!("HTTP status {}", self.status),
        };
        let detail = match self.request_id {
            Some(id) if !id.is_empty() => format!(" (request id {})", one_line(id)),
            Some(_) | None => String::new(),
        };
        Reason { text, detail }
    }
}

/// Returns the outage for a response that cannot be read.
pub fn unreadable_response(status: u16, content_type: Option<&str>) -> Outage {
    match status {
        408 | 500.. => Outage::new(OutageKind::Service, format!("HTTP status {status}")),
        _ => malformed_response(status, content_type),
    }
}

/// Returns the outage for a response that is no answer of AWS's.
pub fn malformed_response(status: u16, content_type: Option<&str>) -> Outage {
    let content_type = content_type
        .map(|kind| format!(", {}", one_line(kind)))
        .unwrap_or_default();
    Outage::malformed(&format!(
        "an answer that is not from AWS (HTTP status {status}{content_type})"
    ))
}

/// Returns the failure of a request that could not be built: endpoint and region make an invalid URL, for example.
pub fn not_sent(error: &(dyn Error + 'static)) -> FetchError {
    Refusal::NotSent(error_text(error).into()).into()
}

/// Returns the meaning of an error of one of the SDK's credential providers or of IMDS, which got no response.
///
/// The SDK does not expose the kind of its errors, so this looks for the failure that our connector has given to it.
pub fn classify_sdk_error(error: &(dyn Error + 'static)) -> FetchError {
    match find_source::<NetFailure>(error) {
        Some(failure) => failure.clone().into(),
        None => Refusal::Request(error_text(error).into()).into(),
    }
}
