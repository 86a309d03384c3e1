//! Decides what an error response from one of AWS's services means: an absence, a denial, an
//! outage, or a request that AWS refuses.
//!
//! Only an absence lets a `default` apply, and only an outage is retried. A proxy's error page must
//! not look like an absence or a denial.

use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use http::Uri;
use serde_json::{Map, Value};

use crate::model::message::{
    Again, Cause, CredentialsFault, Denial, DeniedCaller, FetchError, Missing, Operation,
    OutageKind, PolicyDenial, Refusal, RequestFault,
};
use crate::net::{BoxError, error_text};
use crate::system::redaction::redacted_line;

/// Decides what an error response means. An error code in the header `x-amzn-errortype` takes
/// precedence over one in the body.
pub fn parse_service_error<'a>(
    status: u16,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> FetchError {
    // The code may be in a header, even if the body isn't JSON.
    let object = serde_json::from_slice(body).unwrap_or_default();
    let (code_in_body, message) = code_and_message(&object);
    let error = ServiceError {
        code: header("x-amzn-errortype").map(bare_code).or(code_in_body),
        message,
        ..ServiceError::new(status, &header)
    };
    error.classify()
}

/// The code and the message of an error, whichever keys the AWS service uses. The code has no
/// namespace and no URL.
pub fn code_and_message(error: &Map<String, Value>) -> (Option<&str>, Option<&str>) {
    let text = |keys: &[&str]| keys.iter().find_map(|key| error.get(*key)?.as_str());
    let code = text(&["code", "__type"]).map(bare_code);
    (code, text(&["message", "Message", "errorMessage"]))
}

/// `NAMESPACE#CODE:URL` becomes `CODE`.
fn bare_code(code: &str) -> &str {
    let without_url = code.split_once(':').map_or(code, |(before, _)| before);
    without_url.rsplit('#').next().unwrap_or(without_url)
}

/// Phrases in lower case. If a denial's message contains one, the denial is about the KMS key, not
/// about the secret.
const ABOUT_KMS: [&str; 4] = [
    "kms:",
    "access to kms",
    "service: awskms",
    "customer master key",
];

pub(super) struct ServiceError<'a> {
    pub(super) status: u16,
    pub(super) code: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) location: Option<&'a str>,
    pub(super) again: Again,
}

impl<'a> ServiceError<'a> {
    /// The details from the status and the headers. The code and the message are usually in the
    /// body.
    pub fn new(status: u16, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        // A plain Retry-After header is ignored, as in the SDKs, because it comes from a proxy or a
        // load balancer.
        let after = header("x-amz-retry-after")
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_millis);
        Self {
            status,
            code: None,
            message: None,
            request_id: header("x-amzn-requestid"),
            content_type: header("content-type"),
            location: match status {
                300..400 => header("location"),
                _ => None,
            },
            again: Again::Here { after },
        }
    }

    /// Decides what the error means.
    ///
    /// The order of the match arms matters. An arm that checks the message comes before the general
    /// arm for the same code. The arms for an HTTP status come after all codes that don't depend on
    /// the status.
    pub(super) fn classify(&self) -> FetchError {
        use CredentialsFault::{Expired, Unrecognized, WrongSecretKey};
        use Missing::{Secret, Version};
        use Operation::Read;
        use OutageKind::{ClockSkew, Service, Throttled};
        let code = self.code.unwrap_or_default();
        let message = self.message.unwrap_or_default().to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
        let is_skewed = has(&["signature expired", "not yet current"]);
        let absent = |missing| FetchError::from(Cause::Absent(missing));
        // Unlike with `self.outage`, the service isn't asked again, because the clock would still
        // be wrong.
        let skewed = || self.failure(Cause::Outage(ClockSkew));
        let rejected = |fault| self.denied(Denial::Credentials(fault));
        // The shorter `ResourceNotFound` doesn't count, because neither Secrets Manager nor
        // Parameter Store uses it.
        let is_whole = code == "ResourceNotFoundException";
        // Some services end their codes with `Exception`, others don't.
        match code.strip_suffix("Exception").unwrap_or(code) {
            "InvalidRequest" if has(&["for deletion", "marked deleted"]) => {
                Cause::Refused(Refusal::MarkedForDeletion).into()
            }
            // AWS's message is `can't find the specified secret value`, so only the version is
            // missing.
            "ResourceNotFound" if is_whole && has(&["secret value"]) => absent(Version),
            // The version doesn't have this staging label.
            "InvalidRequest" | "InvalidParameter" if has(&["not associated"]) => absent(Version),
            "ParameterVersionNotFound" => absent(Version),
            "ResourceNotFound" if is_whole => absent(Secret),
            "ParameterNotFound" => absent(Secret),
            "InvalidSignature" | "SignatureDoesNotMatch" if is_skewed => skewed(),
            "InvalidSignature" | "SignatureDoesNotMatch" if has(&["scoped to"]) => {
                let cause = Cause::Refused(Refusal::Request(RequestFault::WrongEndpoint));
                self.failure(cause)
            }
            "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => skewed(),
            // Parameter Store passes on KMS's own message, which doesn't always name a `kms:`
            // action.
            "AccessDenied" if has(&ABOUT_KMS) => self.denied(Denial::Key),
            // AWS's message names the ARN only if the secret exists, so the secret isn't missing.
            "AccessDenied" if has(&["resource: arn:"]) => self.denied(Denial::Policy(Read)),
            "AccessDenied" | "NotAuthorized" => self.denied(Denial::PolicyOrMissing(Read)),
            // `InvalidKeyId` is Parameter Store's code for a KMS key that is disabled or deleted.
            "DecryptionFailure" | "InvalidKeyId" | "KMSAccessDenied" | "KMSDisabled"
            | "KMSInvalidState" | "KMSNotFound" | "KMSOptInRequired" => self.denied(Denial::Key),
            "ExpiredToken" => rejected(Expired),
            "InvalidSignature" | "SignatureDoesNotMatch" => rejected(WrongSecretKey),
            // STS couldn't fetch the identity provider's keys, which it needs to verify the token.
            "InvalidIdentityToken" if has(&["verification key"]) => {
                self.failure(Cause::Outage(Service)).again(self.again)
            }
            // `InvalidIdentityToken` with any other message means that STS doesn't accept the web
            // identity token.
            "AuthFailure"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidIdentityToken"
            | "MissingAuthenticationToken"
            | "OptInRequired"
            | "SubscriptionRequired"
            | "UnrecognizedClient" => rejected(Unrecognized),
            // SSO refused a token or the client's registration, usually because it has expired.
            "Unauthorized" | "UnauthorizedClient" | "InvalidClient" | "InvalidGrant" => {
                rejected(Unrecognized)
            }
            // STS can't reach the provider of a web identity (`IDPCommunicationError`).
            "IDPCommunicationError" | "RequestTimeout" => self.outage(Service),
            // SSO throttles token refreshes with `SlowDown`.
            "KMSThrottling" | "SlowDown" => self.outage(Throttled),
            _ if THROTTLING_ERRORS.contains(&code) || self.status == 429 => self.outage(Throttled),
            _ if self.status == 408 || self.status >= 500 => self.outage(Service),
            // Every error from AWS has a code, so a proxy refused the request. It would refuse the
            // same host again, but perhaps not the next region's host.
            "" if matches!(self.status, 401 | 403) => self.not_from_aws(Again::NextRegion),
            "" => self.not_from_aws(self.again),
            _ if matches!(self.status, 401 | 403) => self.denied(Denial::PolicyOrMissing(Read)),
            _ => self.refused_request(),
        }
    }

    /// Records which kind of policy AWS's message blames, and whether the message names the caller.
    fn denied(&self, denial: Denial) -> FetchError {
        let message = self.message.unwrap_or_default();
        let caller = if message.contains("User: ") {
            DeniedCaller::InMessage
        } else {
            DeniedCaller::Unknown
        };
        self.failure(Cause::Denied(denial))
            .with_denial(denying_policy(message), caller)
    }

    /// The error for an outage, after which the same service is asked again. AWS's message is left
    /// out, because it wouldn't help the user.
    fn outage(&self, kind: OutageKind) -> FetchError {
        let without_message = Self {
            message: None,
            ..*self
        };
        without_message
            .failure(Cause::Outage(kind))
            .again(self.again)
    }

    fn refused_request(&self) -> FetchError {
        // AWS says: "You can't access a secret from a different AWS account if you encrypt the
        // secret with the default KMS service key."
        let is_foreign = self
            .message
            .is_some_and(|text| text.contains("different AWS account"));
        let fault = if is_foreign {
            RequestFault::ForeignDefaultKey
        } else {
            RequestFault::Other
        };
        self.failure(Cause::Refused(Refusal::Request(fault)))
    }

    /// AWS always sends a code, so a response without one isn't from AWS and is an outage.
    fn not_from_aws(&self, again: Again) -> FetchError {
        // Only the host is shown, because the rest of the URL may contain a token.
        let redirect = self
            .location
            .and_then(|url| url.parse::<Uri>().ok())
            .and_then(|url| Some(format!("a redirect to {}", url.host()?)));
        malformed_response(self.status, redirect.as_deref().or(self.content_type)).again(again)
    }

    /// The error quotes AWS's code and message or, without a code, the HTTP status.
    fn failure(&self, cause: Cause) -> FetchError {
        let text = match (self.code, self.message) {
            (Some(code), Some(message)) => {
                format!("{}: {}", redacted_line(code), redacted_line(message))
            }
            (Some(code), None) => redacted_line(code),
            (None, _) => format!("HTTP status {}", self.status),
        };
        let mut failure = FetchError::from(cause).aws_says(text);
        if self.code.is_none() {
            failure = failure.uncoded();
        }
        match self.request_id.filter(|id| !id.is_empty()) {
            Some(id) => failure.detail(format!("request id {}", redacted_line(id))),
            None => failure,
        }
    }
}

/// The kinds of policies that AWS's messages can blame for a denial (IAM User Guide, "Troubleshoot
/// access denied error messages").
const POLICY_KINDS: [&str; 7] = [
    "VPC endpoint policy",
    "identity-based policy",
    "permissions boundary",
    "resource control policy",
    "resource-based policy",
    "service control policy",
    "session policy",
];

/// The kind of policy that AWS's message blames for a denial.
///
/// The policy either explicitly denies the request (`with an explicit deny in a session policy`) or
/// doesn't allow it (`because no session policy allows the … action`). `None` if only the caller's
/// own (identity-based) policies don't allow it.
fn denying_policy(message: &str) -> Option<PolicyDenial> {
    let kind_after = |words: &str| {
        let (_, policy) = message.split_once(words)?;
        let policy = policy.trim_start_matches("n ").trim_start();
        POLICY_KINDS
            .into_iter()
            .find(|kind| policy.starts_with(kind))
    };
    if let Some(kind) = kind_after("with an explicit deny in a") {
        return Some(PolicyDenial::Explicit(kind));
    }
    let kind = kind_after("because no ").filter(|kind| *kind != "identity-based policy")?;
    Some(PolicyDenial::Implicit(kind))
}

/// The error for a response that doesn't look like AWS's, because it is damaged or from a proxy. It
/// is an outage. `detail` is the content type, or a redirect such as `a redirect to example.com`.
pub fn malformed_response(status: u16, detail: Option<&str>) -> FetchError {
    let suffix = detail.map_or(String::new(), |detail| {
        format!(", {}", redacted_line(detail))
    });
    let what = format!("a response that isn't from AWS (HTTP status {status}{suffix})");
    FetchError::malformed(&what)
}

/// The error for a request that can't be sent, or whose response can't be used.
pub fn not_sent(error: impl Into<BoxError>) -> FetchError {
    FetchError::refused(Refusal::NotSent, error_text(&*error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_message_are_read_in_every_spelling() {
        for (error, code, message) in [
            (
                r#"{"__type":"ThrottlingException","message":"m"}"#,
                Some("ThrottlingException"),
                Some("m"),
            ),
            (
                r#"{"__type":"com.amazonaws.ssm#InternalServerError","Message":"m"}"#,
                Some("InternalServerError"),
                Some("m"),
            ),
            (
                r#"{"code":"A","__type":"B","errorMessage":"m"}"#,
                Some("A"),
                Some("m"),
            ),
            (
                r#"{"code":"A:http://internal.amazon.com/coral/"}"#,
                Some("A"),
                None,
            ),
            (r#"{"code":1,"message":[]}"#, None, None),
        ] {
            let object = serde_json::from_str(error).unwrap();
            assert_eq!(code_and_message(&object), (code, message), "{error}");
        }
    }
}
