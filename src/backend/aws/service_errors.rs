//! Decides what an error response from one of AWS's services means: an absence, a denial, an
//! outage, or a request that AWS refuses.
//!
//! The meaning decides what happens next: only an absence lets a `default` apply, and only an
//! outage is retried. An error page of a proxy must not look like an absence or a denial.

use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use http::Uri;
use serde_json::{Map, Value};

use crate::model::answer::{
    Again, Cause, CredentialsFault, Denial, DeniedCaller, FetchError, Missing, Operation,
    OutageKind, PolicyDenial, Refusal, RequestFault,
};
use crate::net::{BoxError, error_text};
use crate::system::redaction::redacted_line;

/// Parses an error response of one of AWS's services, and finds its meaning. A code in the header
/// `x-amzn-errortype` has precedence over a code in the body.
pub fn parse_service_error<'a>(
    status: u16,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> FetchError {
    // A body that isn't JSON is treated as empty, because the code may be in a header.
    let object = serde_json::from_slice(body).unwrap_or_default();
    let (code_in_body, message) = code_and_message(&object);
    let error = ServiceError {
        code: header("x-amzn-errortype").map(bare_code).or(code_in_body),
        message,
        ..ServiceError::new(status, &header)
    };
    error.classify()
}

/// Finds the code and the message of an error in its JSON object. AWS's services use different keys
/// for them. The code is returned without its namespace and URL ([`bare_code`]).
pub fn code_and_message(error: &Map<String, Value>) -> (Option<&str>, Option<&str>) {
    let text = |keys: &[&str]| keys.iter().find_map(|key| error.get(*key)?.as_str());
    let code = text(&["code", "__type"]).map(bare_code);
    (code, text(&["message", "Message", "errorMessage"]))
}

/// Removes the namespace before a code and the URL after it: `NAMESPACE#CODE:URL` gives `CODE`.
fn bare_code(code: &str) -> &str {
    let without_url = code.split_once(':').map_or(code, |(before, _)| before);
    without_url.rsplit('#').next().unwrap_or(without_url)
}

/// Parts of AWS's messages, in lower case. If the message of a denial contains such a part, the
/// denial is about the KMS key, not about the secret.
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
    /// Takes the details of an error response from its status and its headers. The caller sets the
    /// code and the message, which are usually in the body.
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

    /// Decides what the error means. The first match arm that fits applies, so an arm for a message
    /// comes before the general arm for its code. The arms for an HTTP status come after all codes
    /// whose meaning doesn't depend on the status.
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
        // A wrong clock is an outage, but unlike after `self.outage`, the service isn't asked
        // again, because the clock stays wrong.
        let skewed = || self.failure(Cause::Outage(ClockSkew), self.message);
        let rejected = |fault| self.denied(Denial::Credentials(fault));
        // Only the whole code `ResourceNotFoundException` is an absence, because neither Secrets
        // Manager nor Parameter Store has the code `ResourceNotFound`.
        let is_whole = code == "ResourceNotFoundException";
        // Some services put `Exception` at the end of a code, while others don't.
        match code.strip_suffix("Exception").unwrap_or(code) {
            "InvalidRequest" if has(&["for deletion", "marked deleted"]) => {
                Cause::Refused(Refusal::MarkedForDeletion).into()
            }
            // If the message has `can't find the specified secret value`, only the version is
            // missing.
            "ResourceNotFound" if is_whole && has(&["secret value"]) => absent(Version),
            // The version exists, but it doesn't have this staging label.
            "InvalidRequest" | "InvalidParameter" if has(&["not associated"]) => absent(Version),
            "ParameterVersionNotFound" => absent(Version),
            "ResourceNotFound" if is_whole => absent(Secret),
            "ParameterNotFound" => absent(Secret),
            "InvalidSignature" | "SignatureDoesNotMatch" if is_skewed => skewed(),
            "InvalidSignature" | "SignatureDoesNotMatch" if has(&["scoped to"]) => {
                let cause = Cause::Refused(Refusal::Request(RequestFault::WrongEndpoint));
                self.failure(cause, self.message)
            }
            "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => skewed(),
            // Searching the message only for `kms:` would not be enough, because Parameter Store
            // passes on KMS's own message, which doesn't always name a `kms:` action.
            "AccessDenied" if has(&ABOUT_KMS) => self.denied(Denial::Key),
            // AWS's message names the ARN only if the secret exists.
            "AccessDenied" if has(&["resource: arn:"]) => self.denied(Denial::Policy(Read)),
            "AccessDenied" | "NotAuthorized" => self.denied(Denial::PolicyOrMissing(Read)),
            // Parameter Store has `InvalidKeyId` for a KMS key that is disabled or deleted.
            "DecryptionFailure" | "InvalidKeyId" | "KMSAccessDenied" | "KMSDisabled"
            | "KMSInvalidState" | "KMSNotFound" | "KMSOptInRequired" => self.denied(Denial::Key),
            "ExpiredToken" => rejected(Expired),
            "InvalidSignature" | "SignatureDoesNotMatch" => rejected(WrongSecretKey),
            // A message about the verification key is an outage: STS couldn't fetch the keys with
            // which the identity provider signs its tokens.
            "InvalidIdentityToken" if has(&["verification key"]) => self
                .failure(Cause::Outage(Service), self.message)
                .again(self.again),
            // `InvalidIdentityToken` with any other message means that STS doesn't accept the token
            // of a web identity.
            "AuthFailure"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidIdentityToken"
            | "MissingAuthenticationToken"
            | "OptInRequired"
            | "SubscriptionRequired"
            | "UnrecognizedClient" => rejected(Unrecognized),
            // SSO refuses a token, or the registration of the client, usually because it has
            // expired.
            "Unauthorized" | "UnauthorizedClient" | "InvalidClient" | "InvalidGrant" => {
                rejected(Unrecognized)
            }
            // IDPCommunicationError means that STS cannot reach the identity provider of a web
            // identity.
            "IDPCommunicationError" | "RequestTimeout" => self.outage(Service),
            // SSO answers SlowDown if it throttles the refresh of a token.
            "KMSThrottling" | "SlowDown" => self.outage(Throttled),
            _ if THROTTLING_ERRORS.contains(&code) || self.status == 429 => self.outage(Throttled),
            _ if self.status == 408 || self.status >= 500 => self.outage(Service),
            // Every error from AWS has a code, so an error without one means that a proxy has
            // refused the request. The next region is asked, because the proxy would refuse the
            // same host again, but perhaps not the host of that region.
            "" if matches!(self.status, 401 | 403) => self.not_from_aws(Again::NextRegion),
            "" => self.not_from_aws(self.again),
            _ if matches!(self.status, 401 | 403) => self.denied(Denial::PolicyOrMissing(Read)),
            _ => self.refused_request(),
        }
    }

    /// The failure for a denial, with what AWS's message says about it: the policy to blame, and
    /// whether the message names the caller.
    fn denied(&self, denial: Denial) -> FetchError {
        let message = self.message.unwrap_or_default();
        let caller = if message.contains("User: ") {
            DeniedCaller::InMessage
        } else {
            DeniedCaller::Unknown
        };
        self.failure(Cause::Denied(denial), self.message)
            .with_denial(denying_policy(message), caller)
    }

    /// The failure for an outage, after which the same service is asked again.
    fn outage(&self, kind: OutageKind) -> FetchError {
        self.failure(Cause::Outage(kind), None).again(self.again)
    }

    /// The failure for a request that AWS refused. AWS's message says what is wrong with the
    /// request.
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
        self.failure(Cause::Refused(Refusal::Request(fault)), self.message)
    }

    /// The outage for an error response without a code, which therefore isn't from AWS.
    fn not_from_aws(&self, again: Again) -> FetchError {
        // Only the host is shown, because the rest of the URL may contain a token.
        let redirect = self
            .location
            .and_then(|url| url.parse::<Uri>().ok())
            .and_then(|url| Some(format!("a redirect to {}", url.host()?)));
        malformed_response(self.status, redirect.as_deref().or(self.content_type)).again(again)
    }

    /// A failure with AWS's request id. It quotes the error's code and `message` or, without a
    /// code, the HTTP status. A caller passes `None` instead of AWS's message if the message
    /// doesn't help.
    fn failure(&self, cause: Cause, message: Option<&str>) -> FetchError {
        let text = match (self.code, message) {
            (Some(code), Some(message)) => {
                format!("{}: {}", redacted_line(code), redacted_line(message))
            }
            (Some(code), None) => redacted_line(code),
            (None, _) => format!("HTTP status {}", self.status),
        };
        let failure = FetchError::from(cause).aws_says(text);
        match self.request_id.filter(|id| !id.is_empty()) {
            Some(id) => failure.detail(format!("request id {}", redacted_line(id))),
            None => failure,
        }
    }
}

/// The kinds of policies that AWS's messages name (IAM User Guide, "Troubleshoot access denied
/// error messages").
const POLICY_KINDS: [&str; 7] = [
    "VPC endpoint policy",
    "identity-based policy",
    "permissions boundary",
    "resource control policy",
    "resource-based policy",
    "service control policy",
    "session policy",
];

/// Finds the kind of policy that AWS's message blames for a denial: a policy that explicitly denies
/// the request, as in `with an explicit deny in a session policy`, or a policy other than the
/// caller's own that doesn't allow the request, as in `because no session policy allows the …
/// action`. `None` if the message blames no such policy.
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
    // An identity-based policy is the caller's own.
    let kind = kind_after("because no ").filter(|kind| *kind != "identity-based policy")?;
    Some(PolicyDenial::Implicit(kind))
}

/// The outage for a response that doesn't look like AWS's, because it is damaged or from a proxy.
/// `detail` is the type of the body, or where the response redirects to: `a redirect to
/// example.com`.
pub fn malformed_response(status: u16, detail: Option<&str>) -> FetchError {
    let suffix = detail.map_or(String::new(), |detail| {
        format!(", {}", redacted_line(detail))
    });
    let what = format!("a response that isn't from AWS (HTTP status {status}{suffix})");
    FetchError::malformed(&what)
}

/// The failure for a request that can't be sent, or whose response can't be used.
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
