//! The responses of the fake, which chooses the operation, and answers for STS and for the
//! credentials of containers and instances. If `tests/aws/run --record` has kept an error of AWS,
//! the fake sends that error instead of the one that is written in this folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::fault::{self, Fault, sts_error};
use super::http::{JSON, Response};
use super::journal::Call;
use super::parameter::{self, Parameters};
use super::secret::{self, Secret};
use super::trouble::Trouble;
use crate::support::sandbox::{ACCESS_SECRET, CANARY};

pub const REQUEST_ID: &str = "aaaabbbb-1111-4222-8333-ccccddddeeee";

/// The access key id that AssumeRole returns.
pub const ROLE_KEY: &str = "ASIAROLEROLEROLEROLE";
/// The access key id that the container endpoint returns.
pub const CONTAINER_KEY: &str = "ASIACONTAINERCONTAIN";

/// The token for which the SSO portal returns credentials, and the access key id in them.
pub const SSO_TOKEN: &str = "cAnArY-7f3a9c51/sso";
pub const SSO_KEY: &str = "ASIASSOSSOSSOSSOSSOS";

/// The access key id that the instance metadata returns.
pub const INSTANCE_KEY: &str = "ASIAINSTANCEINSTANCE";
/// The region that the instance metadata returns.
pub const INSTANCE_REGION: &str = "af-south-1";

/// The ARN that GetCallerIdentity returns.
pub const IDENTITY: &str = "arn:aws:iam::123456789012:user/of-the-test";

const EXPIRATION: &str = "2099-01-01T00:00:00Z";

#[derive(Default)]
pub struct Service {
    pub secrets: BTreeMap<String, Secret>,
    pub parameters: Parameters,
    /// The members of each response of DescribeSecret, or a fault, by the secret's id.
    pub descriptions: BTreeMap<String, Result<Value, Fault>>,
    pub denies_roles: bool,
    pub gathers: usize,
    /// The number of times that an SSO token can still be refreshed. `None` if always.
    pub refreshes: Option<usize>,
    /// The time before each response.
    pub delay: Duration,
    /// The regions in which every request fails.
    pub outages: BTreeMap<String, Fault>,
    /// The failures by operation or path. An operation can be followed by `@` and the region, and
    /// `AssumeRole` by a space and the role's ARN.
    pub troubles: BTreeMap<String, Trouble>,
}

pub enum Answer {
    Send(Response),
    /// A response that waits until the test releases it.
    Hold(Response),
    Never,
    /// A body that is repeated until the client has closed the connection.
    Endless(Response),
    Close,
}

impl Service {
    /// Chooses the response to a request. Outages of a region come first, and then the failures of
    /// an operation.
    pub fn answer(&mut self, call: &Call) -> Answer {
        let operation = call.operation();
        if let Some(fault) = call
            .signed_region()
            .and_then(|region| self.outages.get(&region))
        {
            return refusal(fault);
        }
        let mut keys = vec![operation.clone()];
        keys.extend(
            call.signed_region()
                .map(|region| format!("{operation}@{region}")),
        );
        if operation == "AssumeRole" {
            keys.push(format!("{operation} {}", call.form()["RoleArn"]));
        }
        for key in keys {
            if let Some(fault) = self.troubles.get_mut(&key).and_then(Trouble::next) {
                return refusal(&fault);
            }
        }
        match operation.as_str() {
            "GetSecretValue" => secret::read(&mut self.secrets, call),
            "DescribeSecret" => secret::describe(self, call),
            "AssumeRole" | "AssumeRoleWithWebIdentity" => {
                Answer::Send(self.assume(call, &operation))
            }
            "GetCallerIdentity" => Answer::Send(identity()),
            "GetParameters" => Answer::Send(parameter::answer(&self.parameters, call)),
            "GetParametersByPath" => Answer::Send(parameter::below(&self.parameters, call)),
            "/secretsmanager/get" => secret::of_agent(self, call),
            "/credentials" => Answer::Send(credentials(CONTAINER_KEY)),
            "/federation/credentials" => Answer::Send(portal(call)),
            "/token" => match self.refreshes.as_mut().map(|left| left.checked_sub(1)) {
                Some(None) => refusal(&fault::ended_session()),
                Some(left) => {
                    self.refreshes = left;
                    Answer::Send(refreshed())
                }
                None => Answer::Send(refreshed()),
            },
            "/latest/api/token" => Answer::Send(metadata("token-of-the-test")),
            "/latest/meta-data/placement/region" => Answer::Send(metadata(INSTANCE_REGION)),
            "/latest/meta-data/iam/security-credentials/" => Answer::Send(metadata("app")),
            "/latest/meta-data/iam/security-credentials/app" => {
                Answer::Send(credentials(INSTANCE_KEY))
            }
            _ => Answer::Send(Response {
                status: 404,
                ..metadata("")
            }),
        }
    }

    /// Answers a request for a role.
    fn assume(&self, call: &Call, action: &str) -> Response {
        if self.denies_roles {
            let role = call.form().remove("RoleArn").unwrap_or_default();
            let message = match action {
                "AssumeRole" => format!(
                    "User: arn:aws:iam::123456789012:user/app is not authorized to perform: \
                     sts:AssumeRole on resource: {role}"
                ),
                action => format!("Not authorized to perform sts:{action}"),
            };
            let typed = || xml(403, sts_error("AccessDenied", &message));
            return recorded("AssumeRole.denied").unwrap_or_else(typed);
        }
        let form = call.form();
        xml(
            200,
            assumed(action, &form["RoleArn"], &form["RoleSessionName"]),
        )
    }
}

/// The body of STS's answer to this request for a role. The session token contains the account of
/// the role.
pub fn assumed(action: &str, role: &str, session: &str) -> String {
    let account = role.split(':').nth(4).unwrap();
    let name = role.rsplit('/').next().unwrap();
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
         <AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::{account}:assumed-role/{name}/{session}</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>{ROLE_KEY}</AccessKeyId>\
         <SecretAccessKey>{ACCESS_SECRET}</SecretAccessKey><SessionToken>{ACCESS_SECRET}/{account}</SessionToken>\
         <Expiration>{EXPIRATION}</Expiration></Credentials></{action}Result>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// Returns the answer that a fault causes.
pub fn refusal(fault: &Fault) -> Answer {
    match fault {
        Fault::Exactly(response) => Answer::Send(response.clone()),
        Fault::Endless => {
            Answer::Endless(Response::new(200, JSON, format!("{CANARY} ").repeat(4096)))
        }
        Fault::Hang => Answer::Never,
        Fault::Close => Answer::Close,
    }
}

/// Credentials in the JSON of container endpoints and instance metadata.
fn credentials(access_key: &str) -> Response {
    let body = json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "AccessKeyId": access_key,
        "SecretAccessKey": ACCESS_SECRET,
        "Token": ACCESS_SECRET,
        "Expiration": EXPIRATION,
    });
    Response::new(200, "application/json", body.to_string())
}

/// The SSO portal's response to GetRoleCredentials. For any token other than [`SSO_TOKEN`], its
/// status is 401.
fn portal(call: &Call) -> Response {
    if call.header("x-amz-sso_bearer_token") != Some(SSO_TOKEN) {
        let body = r#"{"message":"Session token not found or invalid"}"#;
        return Response {
            headers: vec![("x-amzn-ErrorType", "UnauthorizedException".to_owned())],
            ..Response::new(401, "application/json", body)
        };
    }
    let credentials = json!({
        "accessKeyId": SSO_KEY, "secretAccessKey": ACCESS_SECRET, "sessionToken": ACCESS_SECRET,
        "expiration": 4_102_444_800_000_u64,
    });
    let body = json!({ "roleCredentials": credentials });
    Response::new(200, "application/json", body.to_string())
}

/// The response of SSO to a request for a new token.
fn refreshed() -> Response {
    let token = json!({ "accessToken": SSO_TOKEN, "expiresIn": 3600, "tokenType": "Bearer" });
    Response {
        content_type: "application/json",
        body: token.to_string(),
        ..metadata("")
    }
}

/// A response of the instance metadata service.
fn metadata(text: &str) -> Response {
    let headers = vec![("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned())];
    Response {
        headers,
        ..Response::new(200, "text/plain", text)
    }
}

fn identity() -> Response {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>{IDENTITY}</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    );
    xml(200, body)
}

fn xml(status: u16, body: String) -> Response {
    Response {
        headers: vec![("x-amzn-RequestId", REQUEST_ID.to_owned())],
        ..Response::new(status, "text/xml", body)
    }
}

/// Returns the error that is recorded as `OPERATION.NAME`, or `None` if there is no such file.
pub fn recorded(name: &str) -> Option<Response> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/recorded");
    let text = fs::read_to_string(folder.join(format!("{name}.json"))).ok()?;
    Some(response_of(&text))
}

/// Returns the response in a file that `tests/aws/recorder.py` has written.
pub fn response_of(text: &str) -> Response {
    let kept: Value = serde_json::from_str(text).expect("a file of the recorder");
    let header = |name: &str| kept["headers"][name].as_str();
    let content_type = match header("content-type") {
        Some(kind) if kind.starts_with("text/xml") => "text/xml",
        _ => "application/x-amz-json-1.1",
    };
    let mut headers = vec![("x-amzn-RequestId", REQUEST_ID.to_owned())];
    headers.extend(header("x-amzn-errortype").map(|code| ("x-amzn-ErrorType", code.to_owned())));
    let status = kept["status"]
        .as_u64()
        .and_then(|status| status.try_into().ok())
        .expect("a status");
    Response {
        status,
        content_type,
        headers,
        body: kept["body"].as_str().expect("a body").to_owned(),
    }
}
