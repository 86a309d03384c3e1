//! STS: AssumeRole for credentials, and GetCallerIdentity for messages about denials.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::assume_role::{AssumeRole, AssumeRoleError, AssumeRoleInput, AssumeRoleOutput};
use aws_sdk_sts::operation::get_caller_identity::{
    GetCallerIdentity, GetCallerIdentityError, GetCallerIdentityInput, GetCallerIdentityOutput,
};
use tokio::time::timeout;

use super::protocol::{Client, SdkFailure, classify, defect};
use crate::model::answer::{Denial, FetchError, Outage, Refusal};
use crate::model::reference::Role;
use crate::net::errors::host_and_port;
use crate::time::retry::{Retry, RetryBudget, retry};

/// A role that was assumed.
#[derive(Clone)]
pub struct AssumedRole {
    pub credentials: Credentials,
    /// The ARN of the role's session.
    pub identity: Option<String>,
}

/// The limit for GetCallerIdentity, so that it does not delay the message of a denial for long.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(2);

/// A request for the credentials of a role.
pub struct RoleRequest<'a> {
    pub arn: &'a str,
    pub external_id: Option<&'a str>,
    pub session_name: Option<&'a str>,
    /// In seconds; STS's default is an hour.
    pub duration: Option<i32>,
    /// The serial number of an MFA device, and its code.
    pub mfa: Option<(&'a str, &'a str)>,
}

/// Assumes a role with the credentials of the client, in one attempt.
pub async fn assume_once(client: &Client, request: &RoleRequest<'_>) -> Result<AssumedRole, Retry> {
    let input = AssumeRoleInput::builder()
        .role_arn(request.arn)
        .role_session_name(request.session_name.unwrap_or("secrets-exec"))
        .set_external_id(request.external_id.map(str::to_owned))
        .set_duration_seconds(request.duration)
        .set_serial_number(request.mfa.map(|(serial, _)| serial.to_owned()))
        .set_token_code(request.mfa.map(|(_, code)| code.to_owned()));
    let input = input.build().map_err(SdkFailure::<AssumeRoleError>::construction_failure);
    let calling = async { client.call(&AssumeRole::new(), input?).await };
    read_role(calling.await.map_err(|error| classify(&error))?)
}

/// Assumes a role with the credentials of the client.
///
/// # Errors
/// [`FetchError::Denied`] if the role may not be assumed or is invalid, [`FetchError::Unavailable`] if the budget ends first.
pub async fn assume(client: &Client, role: &Role, budget: &RetryBudget) -> Result<AssumedRole, FetchError> {
    let arn = role.arn.to_string();
    let external_id = role.external_id.as_deref();
    let request = RoleRequest { arn: &arn, external_id, session_name: None, duration: None, mfa: None };
    let budget = budget.for_request(|| format!("AssumeRole of {arn} at {}", host_and_port(&client.endpoint)));
    let assumed = retry(&budget, async || assume_once(client, &request).await);
    assumed.await.map_err(|error| role_error(error, role))
}

fn read_role(output: AssumeRoleOutput) -> Result<AssumedRole, Retry> {
    let malformed = |why: &str| Retry::from(Outage::MalformedResponse(why.to_owned()));
    let identity = output.assumed_role_user.map(|user| user.arn);
    let found = output.credentials.ok_or_else(|| malformed("a response without credentials"))?;
    let expires = SystemTime::try_from(found.expiration).ok();
    let (id, secret, token) = (found.access_key_id, found.secret_access_key, found.session_token);
    let credentials = Credentials::new(id, secret, Some(token), expires, "AssumeRole");
    match defect(&credentials) {
        None => Ok(AssumedRole { credentials, identity }),
        Some(_) => Err(malformed("a response with invalid credentials")),
    }
}

/// The error of a role that was never asked for.
pub fn not_assumed(role: &Role) -> FetchError {
    FetchError::Denied {
        message: format!("{}: the role was not assumed", role.arn),
        cause: Denial::Role,
        identity: None,
    }
}

/// Names the role in an error. A denial or a refusal is about the role, unless the credentials themselves are denied.
fn role_error(error: FetchError, role: &Role) -> FetchError {
    let denied = |message: String, cause| FetchError::Denied {
        message: format!("{}: {message}", role.arn),
        cause,
        identity: None,
    };
    match error {
        FetchError::Denied { message, cause: Denial::Credentials, .. } => denied(message, Denial::Credentials),
        FetchError::Denied { message, .. } | FetchError::Refused(Refusal::Request(message)) => {
            denied(message, Denial::Role)
        }
        FetchError::Unavailable(outage) => {
            FetchError::Unavailable(outage.map_text(|why| format!("STS, AssumeRole of {}: {why}", role.arn)))
        }
        FetchError::NotFound { .. } | FetchError::Refused(_) | FetchError::NoCredentials(_) | FetchError::NoRegion => {
            error
        }
    }
}

/// Returns the ARN of the client's credentials, if STS answers in time. GetCallerIdentity needs no permission.
pub async fn identity(client: &Client, budget: &RetryBudget) -> Option<String> {
    let input = GetCallerIdentityInput::builder().build().ok()?;
    let operation = GetCallerIdentity::new();
    let calling = client.call::<_, GetCallerIdentityOutput, GetCallerIdentityError>(&operation, input);
    budget.within(timeout(IDENTITY_TIMEOUT, calling)).await?.ok()?.ok()?.arn
}
