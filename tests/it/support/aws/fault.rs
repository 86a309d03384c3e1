//! The errors of AWS, with the status, code and message that AWS sends.

use serde_json::json;

use super::http::Response;
use super::service::{REQUEST_ID, recorded};

/// The ARN of the secret in a denial. `tests/aws/recorder.py` writes it instead of every real ARN.
const DENIED: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";

#[derive(Clone)]
pub enum Fault {
    Exactly(Response),
    /// A success whose body never ends.
    Endless,
    /// A connection that stays open without a response.
    Hang,
    /// A connection that is closed without a response.
    Close,
}

/// Defines a function for each error of AWS: its status, code and message, and the name under which
/// an answer of AWS itself may be recorded, which then is the error. `by_name` has all of them.
macro_rules! errors {
    ($($name:ident $status:literal $code:literal $message:literal $($recorded:literal)?;)*) => {
        $(pub fn $name() -> Fault {
            let recorded = None $(.or_else(|| recorded($recorded)))?;
            recorded.map_or_else(|| error($status, $code, $message), Fault::Exactly)
        })*

        fn by_name(name: &str) -> Option<Fault> {
            let name = name.replace(' ', "_");
            match &*name {
                $(stringify!($name) => Some($name()),)*
                _ => None,
            }
        }
    };
}

errors! {
    denied_by_boundary 400 "AccessDeniedException" "User: arn:aws:sts::123456789012:assumed-role/app/i-1 \
        is not authorized to perform: secretsmanager:GetSecretValue on resource: x because no \
        permissions boundary allows the secretsmanager:GetSecretValue action"
        "GetSecretValue.denied_by_boundary";
    absent 400 "ResourceNotFoundException" "Secrets Manager can't find the specified secret."
        "GetSecretValue.not_found";
    denied_by_kms 400 "AccessDeniedException" "Access to KMS is not allowed"
        "GetSecretValue.denied_by_kms";
    key_out_of_use 400 "KMSInvalidStateException" "The key is pending deletion.";
    not_decrypted 400 "DecryptionFailure"
        "Secrets Manager can't decrypt the protected secret text using the provided KMS key.";
    default_key_of_another_account 400 "InvalidRequestException"
        "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.";
    deleted 400 "InvalidRequestException"
        "You can't perform this operation on the secret because it was marked for deletion."
        "GetSecretValue.marked_for_deletion";
    throttled 400 "ThrottlingException" "Rate exceeded" "GetParameters.throttled";
    internal_error 500 "InternalServiceError" "An error occurred on the server side.";
    unavailable 503 "ServiceUnavailableException" "Service Unavailable";
    unrecognized_client 400 "UnrecognizedClientException"
        "The security token included in the request is invalid." "GetSecretValue.unrecognized_client";
    expired 400 "ExpiredTokenException" "The security token included in the request is expired"
        "GetSecretValue.expired_token";
    wrong_signature 400 "InvalidSignatureException" "The request signature we calculated does not \
        match the signature you provided. Check your AWS Secret Access Key and signing method.";
    role_not_assigned 403 "ForbiddenException" "No access";
    clock_skew 400 "InvalidSignatureException"
        "Signature expired: 20261120T100000Z is now earlier than 20261120T103000Z (20261120T103500Z - 5 min.)"
        "GetSecretValue.clock_skew";
    another_stage 400 "InvalidRequestException"
        "You provided a VersionStage that is not associated to the provided VersionId."
        "GetSecretValue.stage_of_another_version";
}

/// An error in AWS's JSON protocol.
fn error(status: u16, code: &str, message: &str) -> Fault {
    let body = json!({ "__type": code, "Message": message });
    let mut response = Response::json(status, &body);
    let code = ("x-amzn-ErrorType", code.to_owned());
    response.headers.push(code);
    Fault::Exactly(response)
}

/// An error in XML, as proxies, firewalls and emulators send it.
fn xml_error(status: u16) -> Fault {
    let body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>";
    Fault::Exactly(Response::new(status, "text/xml", body))
}

/// True for the code of an error of AWS, such as `AccessDenied`.
fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// The fault with the name that rows use, of a secret, a parameter or an operation.
///
/// # Panics
/// If the text is neither a name nor a response that is written out.
pub fn named(name: &str, id: &str) -> Fault {
    let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
    match name {
        "denied" => denied(id),
        "hangs" => Fault::Hang,
        "closes" => Fault::Close,
        "endless" => Fault::Endless,
        "page" => page(),
        name => match (by_name(name), first.parse()) {
            (Some(fault), _) => fault,
            (None, Ok(status)) if rest == "xml" => xml_error(status),
            (None, Ok(status)) => match rest.split_once(": ").filter(|(code, _)| is_code(code)) {
                Some((code, message)) if id.starts_with("Assume") => sts(status, code, message),
                Some((code, message)) => error(status, code, message),
                None => plain(status, rest),
            },
            (None, Err(_)) if first == "denied" => denied_by(DENIED, rest),
            (None, Err(_)) => panic!("{name} isn't a fault"),
        },
    }
}

/// The error for a version id or a stage that doesn't exist, such as `staging label: AWSPENDING`.
pub fn no_such_version(wanted: &str) -> Fault {
    let name = match wanted.split_once(": ") {
        Some((_, "AWSCURRENT")) => "GetSecretValue.no_value",
        Some(("VersionId", _)) => "GetSecretValue.no_such_version",
        _ => "GetSecretValue.no_such_stage",
    };
    let message = format!("Secrets Manager can't find the specified secret value for {wanted}");
    let typed = error(400, "ResourceNotFoundException", &message);
    recorded(name).map_or(typed, Fault::Exactly)
}

/// A denial of this resource: the one that AWS itself has sent, if it is recorded.
pub fn denied(resource: &str) -> Fault {
    match recorded("GetSecretValue.denied") {
        Some(answer) => Fault::Exactly(Response {
            body: answer.body.replace(DENIED, resource),
            ..answer
        }),
        None => denied_by(
            resource,
            "because no identity-based policy allows the secretsmanager:GetSecretValue action",
        ),
    }
}

/// A denial of this resource, for this reason, with AWS's wording.
pub fn denied_by(resource: &str, reason: &str) -> Fault {
    not_authorized("GetSecretValue", resource, reason)
}

pub fn denied_description() -> Fault {
    let reason = "because no identity-based policy allows the secretsmanager:DescribeSecret action";
    not_authorized("DescribeSecret", DENIED, reason)
}

/// A denial of a description whose reason is at the end of a long text.
pub fn denied_long_description() -> Fault {
    let resource = format!("{DENIED}{}", "/long".repeat(100));
    let reason = "with an explicit deny in a service control policy";
    not_authorized("DescribeSecret", &resource, reason)
}

fn not_authorized(operation: &str, resource: &str, reason: &str) -> Fault {
    let user = "arn:aws:sts::123456789012:assumed-role/app/i-1";
    let what = format!("secretsmanager:{operation} on resource: {resource} {reason}");
    let message = format!("User: {user} is not authorized to perform: {what}");
    error(400, "AccessDeniedException", &message)
}

/// A response without a body, with one header: `retry-after` in seconds, AWS's own
/// `x-amz-retry-after` in milliseconds, or the `location` of a redirect.
pub fn with_header(status: u16, name: &'static str, value: impl ToString) -> Fault {
    Fault::Exactly(Response {
        headers: vec![(name, value.to_string())],
        ..Response::new(status, "text/plain", "")
    })
}

/// 503 with `Retry-After` in seconds.
pub fn retry_after(seconds: u64) -> Fault {
    with_header(503, "retry-after", seconds)
}

/// 503 with AWS's own `x-amz-retry-after`, in milliseconds.
pub fn amz_retry_after(milliseconds: u64) -> Fault {
    with_header(503, "x-amz-retry-after", milliseconds)
}

/// A status with an empty body.
pub fn status(status: u16) -> Fault {
    plain(status, "")
}

/// An HTML page, as captive portals and proxies send it.
pub fn page() -> Fault {
    let page = "<!doctype html><title>Welcome</title>";
    Fault::Exactly(Response::new(200, "text/html", page))
}

/// An error of STS, in XML, without the header that has the id of the request.
pub fn sts(status: u16, code: &str, message: &str) -> Fault {
    let body = sts_error(code, message);
    Fault::Exactly(Response::new(status, "text/xml", body))
}

pub fn sts_error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )
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
