//! The errors of AWS, with the status, code and message that AWS sends.

use super::http::{JSON, Response};
use super::service::{REQUEST_ID, recorded};
use crate::support::sandbox::CANARY;

/// The ARN of the secret in a denial. `tests/aws/recorder.py` writes it instead of every real ARN.
const DENIED: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";

#[derive(Clone)]
pub enum Fault {
    /// An error in the JSON protocol.
    Error {
        status: u16,
        code: &'static str,
        message: String,
    },
    /// An error in XML, as proxies, firewalls and emulators send it.
    Xml {
        status: u16,
    },
    Exactly(Response),
    /// A success whose body never ends.
    Endless,
    /// A connection that stays open without a response.
    Hang,
    /// A connection that is closed without a response.
    Close,
}

/// The error that AWS itself has sent, if one is recorded under this name, and `typed` otherwise.
fn recorded_or(name: &str, typed: Fault) -> Fault {
    recorded(name).map_or(typed, Fault::Exactly)
}

/// A response without a body, with one header.
fn with_header(status: u16, name: &'static str, value: impl ToString) -> Fault {
    Fault::Exactly(Response {
        headers: vec![(name, value.to_string())],
        ..Response::new(status, "text/plain", "")
    })
}

fn error(status: u16, code: &'static str, message: impl Into<String>) -> Fault {
    Fault::Error {
        status,
        code,
        message: message.into(),
    }
}

pub fn not_found() -> Fault {
    let typed = error(
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    );
    recorded_or("GetSecretValue.not_found", typed)
}

/// The error for a version id or a stage that doesn't exist, such as `staging label: AWSPENDING`.
pub fn no_such_version(wanted: &str) -> Fault {
    let name = match wanted.split_once(": ") {
        Some((_, "AWSCURRENT")) => "GetSecretValue.no_value",
        Some(("VersionId", _)) => "GetSecretValue.no_such_version",
        _ => "GetSecretValue.no_such_stage",
    };
    let message = format!("Secrets Manager can't find the specified secret value for {wanted}");
    recorded_or(name, error(400, "ResourceNotFoundException", message))
}

/// A denial of this resource: the one that AWS itself has sent, if it is recorded.
pub fn denied(resource: &str) -> Fault {
    let reason = "because no identity-based policy allows the secretsmanager:GetSecretValue action";
    match recorded("GetSecretValue.denied") {
        Some(answer) => Fault::Exactly(Response {
            body: answer.body.replace(DENIED, resource),
            ..answer
        }),
        None => denied_on(resource, reason),
    }
}

pub fn denied_by_boundary() -> Fault {
    let reason = "because no permissions boundary allows the secretsmanager:GetSecretValue action";
    recorded_or("GetSecretValue.denied_by_boundary", denied_by(reason))
}

/// A denial for this reason, with AWS's wording.
pub fn denied_by(reason: &str) -> Fault {
    denied_on(DENIED, reason)
}

/// A denial of this resource, for this reason, with AWS's wording.
pub fn denied_on(resource: &str, reason: &str) -> Fault {
    not_authorized("GetSecretValue", resource, reason)
}

fn not_authorized(operation: &str, resource: &str, reason: &str) -> Fault {
    let user = "arn:aws:sts::123456789012:assumed-role/app/i-1";
    let what = format!("secretsmanager:{operation} on resource: {resource} {reason}");
    error(
        400,
        "AccessDeniedException",
        format!("User: {user} is not authorized to perform: {what}"),
    )
}

pub fn denied_description() -> Fault {
    let reason = "because no identity-based policy allows the secretsmanager:DescribeSecret action";
    not_authorized("DescribeSecret", DENIED, reason)
}

pub fn denied_by_kms() -> Fault {
    let typed = error(400, "AccessDeniedException", "Access to KMS is not allowed");
    recorded_or("GetSecretValue.denied_by_kms", typed)
}

pub fn key_out_of_use() -> Fault {
    error(
        400,
        "KMSInvalidStateException",
        "The key is pending deletion.",
    )
}

pub fn not_decrypted() -> Fault {
    let message =
        "Secrets Manager can't decrypt the protected secret text using the provided KMS key.";
    error(400, "DecryptionFailure", message)
}

pub fn default_key_of_another_account() -> Fault {
    let message = "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.";
    error(400, "InvalidRequestException", message)
}

pub fn marked_for_deletion() -> Fault {
    let message =
        "You can't perform this operation on the secret because it was marked for deletion.";
    recorded_or(
        "GetSecretValue.marked_for_deletion",
        error(400, "InvalidRequestException", message),
    )
}

pub fn throttled() -> Fault {
    recorded_or(
        "GetParameters.throttled",
        error(400, "ThrottlingException", "Rate exceeded"),
    )
}

pub fn internal_error() -> Fault {
    error(
        500,
        "InternalServiceError",
        "An error occurred on the server side.",
    )
}

pub fn unavailable() -> Fault {
    error(503, "ServiceUnavailableException", "Service Unavailable")
}

pub fn unrecognized_client() -> Fault {
    let message = "The security token included in the request is invalid.";
    recorded_or(
        "GetSecretValue.unrecognized_client",
        error(400, "UnrecognizedClientException", message),
    )
}

pub fn expired_token() -> Fault {
    let message = "The security token included in the request is expired";
    recorded_or(
        "GetSecretValue.expired_token",
        error(400, "ExpiredTokenException", message),
    )
}

pub fn wrong_signature() -> Fault {
    let message = "The request signature we calculated does not match the signature you provided. \
        Check your AWS Secret Access Key and signing method.";
    error(400, "InvalidSignatureException", message)
}

/// The response of the SSO portal to a user who doesn't have the role.
pub fn role_not_assigned() -> Fault {
    error(403, "ForbiddenException", "No access")
}

pub fn clock_skew() -> Fault {
    let message = "Signature expired: 20261120T100000Z is now earlier than 20261120T103000Z (20261120T103500Z - 5 min.)";
    recorded_or(
        "GetSecretValue.clock_skew",
        error(400, "InvalidSignatureException", message),
    )
}

/// An undocumented code, with a secret value in its message.
pub fn unknown_code() -> Fault {
    error(400, "BrandNewException", format!("the value is {CANARY}"))
}

pub fn stage_of_another_version() -> Fault {
    let message = "You provided a VersionStage that is not associated to the provided VersionId.";
    recorded_or(
        "GetSecretValue.stage_of_another_version",
        error(400, "InvalidRequestException", message),
    )
}

/// 503 with `Retry-After` in seconds.
pub fn retry_after(seconds: u64) -> Fault {
    with_header(503, "retry-after", seconds)
}

/// 503 with AWS's own `x-amz-retry-after`, in milliseconds.
pub fn amz_retry_after(milliseconds: u64) -> Fault {
    with_header(503, "x-amz-retry-after", milliseconds)
}

/// A redirect to a URL, as from a proxy that wants a login.
pub fn redirect(url: &str) -> Fault {
    with_header(302, "location", url)
}

/// A status with an empty body.
pub fn status(status: u16) -> Fault {
    Fault::Exactly(Response::new(status, "text/plain", ""))
}

/// An HTML page, as captive portals and proxies send it.
pub fn page() -> Fault {
    Fault::Exactly(Response::new(
        200,
        "text/html",
        "<!doctype html><title>Welcome</title>",
    ))
}

/// A success whose body is JSON, but not a secret.
pub fn empty_object() -> Fault {
    Fault::Exactly(Response::new(200, JSON, "{}"))
}

/// A success with this JSON.
pub fn success(body: &str) -> Fault {
    Fault::Exactly(Response::new(200, JSON, body))
}

/// A success with another secret than the requested one.
pub fn another_secret() -> Fault {
    let body = serde_json::json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:y-AbCdEf",
        "Name": "y",
        "VersionId": "c0c0c0c0-1111-4222-8333-444455556666",
        "SecretString": format!(r#"{{"k":"{CANARY}"}}"#),
    });
    Fault::Exactly(Response::new(200, JSON, body.to_string()))
}

/// An error of STS, in XML.
pub fn sts(status: u16, code: &str, message: &str) -> Fault {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{}</RequestId></ErrorResponse>",
        REQUEST_ID
    );
    Fault::Exactly(Response::new(status, "text/xml", body))
}

/// The response of SSO to the refresh of a token whose session has ended. Only a header has the
/// code.
pub fn ended_session() -> Fault {
    let code = "InvalidGrantException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/";
    let body = r#"{"error":"invalid_grant","error_description":"Invalid refresh token provided"}"#;
    Fault::Exactly(Response {
        headers: vec![("x-amzn-ErrorType", code.to_owned())],
        ..Response::new(400, "application/json", body)
    })
}

/// A response in plain text. The agent sends its own errors in this form.
pub fn plain(status: u16, text: &str) -> Fault {
    Fault::Exactly(Response::new(status, "text/plain", text))
}

/// An error of the agent in the format of AWS's JSON protocol.
pub fn own(status: u16, code: &'static str) -> Fault {
    let body = serde_json::json!({ "__type": code, "message": "of the agent" }).to_string();
    Fault::Exactly(Response::new(status, JSON, body))
}

impl Fault {
    /// Returns the response, or `None` for a fault without a response.
    pub fn response(&self) -> Option<Response> {
        match self {
            Self::Error {
                status,
                code,
                message,
            } => {
                let body = serde_json::json!({ "__type": code, "Message": message });
                let mut response = Response::json(*status, &body);
                response
                    .headers
                    .push(("x-amzn-ErrorType", (*code).to_owned()));
                Some(response)
            }
            Self::Xml { status } => {
                let body =
                    "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
                Some(Response::new(*status, "text/xml", body))
            }
            Self::Exactly(response) => Some(response.clone()),
            Self::Endless => Some(Response::new(200, JSON, format!("{CANARY} ").repeat(4096))),
            Self::Hang | Self::Close => None,
        }
    }
}
