//! STS: the credentials of a role, and whose credentials these are.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::assume_role::{AssumeRole, AssumeRoleError, AssumeRoleInput, AssumeRoleOutput};
use aws_sdk_sts::operation::get_caller_identity::{
    GetCallerIdentity, GetCallerIdentityError, GetCallerIdentityInput, GetCallerIdentityOutput,
};
use tokio::time::timeout;

use super::credentials::defect;
use super::protocol::{Client, SdkFailure, classify};
use crate::model::answer::{Denial, FetchError, Outage, Refusal};
use crate::model::reference::Role;
use crate::time::retry::{Retry, RetryBudget, retry};

/// A role that was assumed.
#[derive(Clone)]
pub struct AssumedRole {
    pub credentials: Credentials,
    /// The ARN that AWS knows the session by.
    pub identity: Option<String>,
}

/// Assumes a role with the credentials of the client.
pub async fn assume(client: &Client, role: &Role, budget: &RetryBudget) -> Result<AssumedRole, FetchError> {
    let assumed = retry(budget, async || {
        let input = AssumeRoleInput::builder()
            .role_arn(role.arn.to_string())
            .role_session_name("secrets-exec")
            .set_external_id(role.external_id.clone());
        let input = input.build().map_err(SdkFailure::<AssumeRoleError>::construction_failure);
        let asking = async { client.call(&AssumeRole::new(), input?).await };
        let output: AssumeRoleOutput = asking.await.map_err(|error| classify(&error))?;
        let identity = output.assumed_role_user.map(|user| user.arn);
        let Some(found) = output.credentials else {
            return Err(Retry::Transient(Outage::MalformedResponse("a response without credentials".to_owned()), None));
        };
        let expires = SystemTime::try_from(found.expiration).ok();
        let credentials = Credentials::new(
            found.access_key_id,
            found.secret_access_key,
            Some(found.session_token),
            expires,
            "AssumeRole",
        );
        if defect(&credentials).is_some() {
            return Err(Retry::Transient(
                Outage::MalformedResponse("a response with credentials that cannot be".to_owned()),
                None,
            ));
        }
        Ok(AssumedRole { credentials, identity })
    });
    let denied = |message: String, cause| FetchError::Denied {
        message: format!("{}: {message}", role.arn),
        cause,
        identity: None,
    };
    assumed.await.map_err(|error| match error {
        FetchError::Denied { message, cause: Denial::Credentials, .. } => denied(message, Denial::Credentials),
        FetchError::Denied { message, .. } | FetchError::Refused(Refusal::Request(message)) => {
            denied(message, Denial::Role)
        }
        FetchError::Unavailable(outage) => {
            FetchError::Unavailable(outage.map_text(|why| format!("STS, asked for {}: {why}", role.arn)))
        }
        other => other,
    })
}

/// A denial is what matters, and is not kept waiting for whom it is about.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(2);

/// Whose credentials the client has, if STS tells it soon: nobody needs a permission to ask.
pub async fn identity(client: &Client, budget: &RetryBudget) -> Option<String> {
    let input = GetCallerIdentityInput::builder().build().ok()?;
    let operation = GetCallerIdentity::new();
    let asking = client.call::<_, GetCallerIdentityOutput, GetCallerIdentityError>(&operation, input);
    budget.within(timeout(IDENTITY_TIMEOUT, asking)).await?.ok()?.ok()?.arn
}
