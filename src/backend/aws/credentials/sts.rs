//! STS: AssumeRole and AssumeRoleWithWebIdentity return the credentials of a role, and
//! GetCallerIdentity says who the caller is.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::assume_role::{
    AssumeRole, AssumeRoleError, AssumeRoleInput, AssumeRoleOutput,
};
use aws_sdk_sts::operation::assume_role_with_web_identity::{
    AssumeRoleWithWebIdentity, AssumeRoleWithWebIdentityError, AssumeRoleWithWebIdentityInput,
    AssumeRoleWithWebIdentityOutput,
};
use aws_sdk_sts::operation::get_caller_identity::{
    GetCallerIdentity, GetCallerIdentityError, GetCallerIdentityInput, GetCallerIdentityOutput,
};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::provider::{
    CredentialsOrigin, checked_credentials, explain_refused_credentials, with_headline, with_help,
};
use crate::backend::aws::config::{ProfileRole, WebIdentity};
use crate::backend::aws::protocol::Client;
use crate::backend::retry::{RetryBudget, retry};
use crate::model::answer::{Cause, FetchError, Refusal};
use crate::model::quoting::one_line;
use crate::model::reference::Role;
use crate::net::errors::host_and_port;

/// Credentials, and the ARN of the identity that they belong to.
pub struct CallerIdentity {
    pub credentials: Credentials,
    /// The ARN. The cell is empty until AWS has been asked. It contains `None` if AWS didn't
    /// answer.
    pub arn: OnceCell<Option<String>>,
}

/// The name of a role's session, unless the user has set one.
const SESSION_NAME: &str = "secrets-exec";

/// The remedy for a caller who may not assume a role.
const PERMISSION: &str = "allow sts:AssumeRole on this role in the caller's own policy, and allow the caller in the role's trust policy";

/// The remedy for a role that STS doesn't accept.
const CHECK: &str = "check the ARN of the role, and its external ID";

/// The time limit for GetCallerIdentity, so that it doesn't delay the message about a denial for
/// long.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(2);

/// Assumes a role with the credentials of the client, in one attempt. Returns the role's
/// credentials and the ARN of the session, which comes with the same answer. `mfa` is the serial
/// number of an MFA device and its code.
///
/// # Errors
/// AWS's refusal. If AWS refuses the credentials of the client, the error says which ones these are
/// and where they come from. If AWS doesn't answer, or if its answer doesn't have valid
/// credentials, the error is an outage.
pub async fn assume_once(
    client: &Client,
    role: &ProfileRole,
    mfa: Option<(&str, &str)>,
) -> Result<CallerIdentity, FetchError> {
    let input = AssumeRoleInput::builder()
        .role_arn(&role.arn)
        .role_session_name(role.session_name.as_deref().unwrap_or(SESSION_NAME))
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.duration)
        .set_serial_number(mfa.map(|(serial, _)| serial.to_owned()))
        .set_token_code(mfa.map(|(_, code)| code.to_owned()));
    let operation = AssumeRole::new();
    let calling = client.call::<_, AssumeRoleOutput, AssumeRoleError>(&operation, input.build());
    let called = calling.await;
    let output =
        called.map_err(|error| explain_refused_credentials(error, client.credentials.as_ref()))?;
    let user = output.assumed_role_user.map(|user| one_line(&user.arn));
    let arn = OnceCell::new_with(user.map(Some));
    let credentials = read_credentials(output.credentials)?;
    Ok(CallerIdentity { credentials, arn })
}

/// Returns the credentials of a web identity's role, in one attempt. `client` doesn't have
/// credentials, so the request isn't signed. STS trusts the token of the identity instead.
///
/// # Errors
/// AWS's refusal. If AWS doesn't answer, or if its answer doesn't have valid credentials, the error
/// is an outage.
pub async fn assume_with_web_identity(
    client: &Client,
    identity: &WebIdentity,
    token: String,
) -> Result<Credentials, FetchError> {
    let input = AssumeRoleWithWebIdentityInput::builder()
        .role_arn(&identity.role)
        .role_session_name(identity.session_name.as_deref().unwrap_or(SESSION_NAME))
        .web_identity_token(token)
        .build();
    let operation = AssumeRoleWithWebIdentity::new();
    let calling = client
        .call::<_, AssumeRoleWithWebIdentityOutput, AssumeRoleWithWebIdentityError>(
            &operation, input,
        );
    read_credentials(calling.await?.credentials)
}

/// Assumes a role with the credentials of the client, and repeats the request if it fails with an
/// outage.
///
/// # Errors
/// [`Cause::NoCredentials`] if STS refuses the role or the credentials of the client, and
/// [`Cause::Outage`] at the end of the budget. Errors of a certificate or a proxy stay as they are.
pub async fn assume_with_retries(
    client: &Client,
    role: &Role,
    budget: &RetryBudget,
) -> Result<CallerIdentity, FetchError> {
    let (arn, external_id) = (role.arn.to_string(), role.external_id.clone());
    let host = host_and_port(&client.endpoint);
    let budget = budget.for_request(host, format!("AssumeRole of {arn}"));
    let request = ProfileRole {
        arn,
        external_id,
        session_name: None,
        duration: None,
        mfa_serial: None,
    };
    let assumed = retry(&budget, async || assume_once(client, &request, None).await);
    assumed.await.map_err(|error| role_error(error, role))
}

/// Converts the credentials in an answer from STS.
///
/// # Errors
/// When the answer doesn't have valid credentials.
fn read_credentials(
    found: Option<aws_sdk_sts::types::Credentials>,
) -> Result<Credentials, FetchError> {
    let Some(found) = found else {
        return Err(FetchError::malformed("a response without credentials"));
    };
    let expires = SystemTime::try_from(found.expiration).ok();
    let (id, secret, token) = (
        found.access_key_id,
        found.secret_access_key,
        found.session_token,
    );
    let credentials = Credentials::new(id, secret, Some(token), expires, "AssumeRole");
    checked_credentials(credentials, CredentialsOrigin::Role, None)
        .map_err(|_| FetchError::malformed("a response with malformed credentials"))
}

/// Returns the headline of the message about a role that could not be assumed.
pub fn not_assumed(role: &str) -> String {
    format!("the role \"{}\" could not be assumed", one_line(role))
}

/// Adds to an error which role could not be assumed, and the remedy. Errors about the base
/// credentials, a certificate or a proxy are returned unchanged.
fn role_error(error: FetchError, role: &Role) -> FetchError {
    let headline = not_assumed(&role.arn.to_string());
    let cause = error.cause;
    let failed = with_headline(&headline, error);
    match cause {
        Cause::Denied(_) => with_help(failed, PERMISSION),
        Cause::Refused(Refusal::Request) => with_help(failed, CHECK),
        Cause::Absent(_)
        | Cause::Outage(_)
        | Cause::Refused(_)
        | Cause::NoCredentials { .. }
        | Cause::NoRegion => failed,
    }
}

/// Asks STS for the ARN of the client's credentials, in one attempt. Returns `None` if STS refuses
/// the request, or doesn't answer in time. GetCallerIdentity doesn't need any permission.
pub async fn identity(client: &Client, budget: &RetryBudget) -> Option<String> {
    let input = GetCallerIdentityInput::builder().build();
    let operation = GetCallerIdentity::new();
    let calling =
        client.call::<_, GetCallerIdentityOutput, GetCallerIdentityError>(&operation, input);
    let answered = budget.within(timeout(IDENTITY_TIMEOUT, calling)).await?;
    answered.ok()?.ok()?.arn.map(|arn| one_line(&arn))
}
