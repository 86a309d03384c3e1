//! The credentials of SSO (IAM Identity Center). A portal exchanges the token that `aws sso login`
//! has stored for the credentials of a role.
//!
//! The SDK's provider reads the token and refreshes it if it has nearly expired. If a refresh
//! fails, that provider hides the failure and returns the old token, so we note the failure
//! ourselves (`HiddenFailure`). The user is asked to log in again only if AWS says that the session
//! is over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::Region;
use aws_config::sso::SsoTokenProvider;
use aws_credential_types::provider::token::ProvideToken;
use aws_credential_types::{Credentials, Token};
use aws_sdk_sso::operation::get_role_credentials::{
    GetRoleCredentials, GetRoleCredentialsError, GetRoleCredentialsInput, GetRoleCredentialsOutput,
};
use aws_sdk_sso::types::RoleCredentials;

use super::provider::{self, SearchContext, unusable, with_headline, with_help};
use crate::backend::aws::clients::HiddenFailure;
use crate::backend::aws::config::Sso;
use crate::backend::aws::service_client::Api;
use crate::model::answer::{Cause, Denial, FetchError, Refusal};
use crate::model::redaction::conceal;
use crate::net::errors::error_text;

/// Gets a role's credentials from the SSO portal, with the stored token. If the token has nearly
/// expired, it is first refreshed and stored.
///
/// # Errors
/// When the user isn't logged in or the session has expired: the help is the command to log in.
/// When the token can't be refreshed, or when the portal refuses the role or fails.
pub async fn sso_credentials(
    sso: &Sso,
    profile: &str,
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let token = valid_token(sso, profile, context).await?;
    conceal([token.token()]);

    let failed = |error| {
        let headline = format!("the SSO portal gave no credentials for the profile {profile:?}");
        with_headline(&headline, error)
    };
    let client = context.clients.client(Api::Sso, &sso.region, None).await;
    let client = client.map_err(failed)?;
    let input = GetRoleCredentialsInput::builder()
        .access_token(token.token())
        .account_id(&sso.account)
        .role_name(&sso.role)
        .build();
    let operation = GetRoleCredentials::new();
    let calling = client.call(&operation, input, GetRoleCredentialsError::meta);
    let output: GetRoleCredentialsOutput = calling.await.map_err(|error| {
        if let Cause::Denied(Denial::Credentials(_)) = error.cause {
            return expired(profile).explaining(error);
        }
        let help = format!(
            "check sso_role_name and sso_account_id of the profile {profile:?}, or ask for access"
        );
        with_help(failed(error), help)
    })?;

    let found = output.role_credentials.and_then(complete_credentials);
    found.ok_or_else(|| failed(FetchError::malformed("a response without credentials")))
}

/// Returns the stored token. If it has nearly expired, it is first refreshed and stored.
///
/// # Errors
/// When the user isn't logged in, or when the token has expired and can't be refreshed.
async fn valid_token(
    sso: &Sso,
    profile: &str,
    context: &SearchContext<'_>,
) -> Result<Token, FetchError> {
    let refresh_failure = HiddenFailure::default();
    let config = context.clients.sso_oidc_config(&refresh_failure);
    let tokens = SsoTokenProvider::builder()
        .configure(&config)
        .region(Region::new(sso.region.as_str().to_owned()))
        .session_name(&sso.session)
        .start_url(&sso.start_url)
        .build()
        .await;
    let token = tokens.provide_token().await.map_err(|error| {
        // The SDK's type for this error is private.
        if error_text(&error).contains("expired") {
            return expired(profile);
        }
        let text = format!("you aren't logged in with SSO for the profile {profile:?}");
        let help = format!("log in: aws sso login --profile {profile:?}");
        unusable(text).help(help)
    })?;

    // After a failed refresh, the SDK returns the old token, which may still be valid for some
    // minutes.
    if token.expiration().is_none_or(|end| end > SystemTime::now()) {
        return Ok(token);
    }
    let headline = format!("the SSO session of the profile {profile:?} couldn't be renewed");
    let Some(failure) = refresh_failure.get().cloned() else {
        return Err(provider::service_failure(headline));
    };
    Err(match failure.cause {
        Cause::Denied(_) => expired(profile).explaining(failure),
        Cause::Outage(_) => failure.with_headline(&headline),
        Cause::Refused(Refusal::Request) => provider::service_failure(headline),
        Cause::Absent(_) | Cause::Refused(_) | Cause::NoCredentials { .. } | Cause::NoRegion => {
            failure
        }
    })
}

/// Converts the credentials in an answer from the portal. Returns `None` if a part is missing or if
/// the expiration isn't a valid time.
fn complete_credentials(found: RoleCredentials) -> Option<Credentials> {
    let since_epoch = Duration::from_millis(u64::try_from(found.expiration).ok()?);
    Some(Credentials::new(
        found.access_key_id?,
        found.secret_access_key?,
        found.session_token,
        Some(UNIX_EPOCH.checked_add(since_epoch)?),
        "SSO",
    ))
}

/// Returns the error for a session that is over.
fn expired(profile: &str) -> FetchError {
    let text = format!("the SSO session of the profile {profile:?} has expired");
    let help = format!("log in again: aws sso login --profile {profile:?}");
    unusable(text).help(help)
}
