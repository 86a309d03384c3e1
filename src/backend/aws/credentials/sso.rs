//! Credentials of SSO (IAM Identity Center): the token of `aws sso login` is exchanged for a role's credentials.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::Region;
use aws_config::sso::SsoTokenProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::token::ProvideToken;
use aws_sdk_sso::operation::get_role_credentials::{
    GetRoleCredentials, GetRoleCredentialsError, GetRoleCredentialsInput, GetRoleCredentialsOutput,
};

use super::provider::{self, SearchContext, of_request, unusable, with_help};
use crate::backend::aws::clients::HiddenFailure;
use crate::backend::aws::config::Sso;
use crate::backend::aws::protocol::Api;
use crate::model::answer::{Again, CredentialsError, Denial, FetchError, Outage};
use crate::net::errors::error_text;

/// Returns the credentials of a role, for the cached token, which is refreshed if it has nearly expired.
pub async fn sso_credentials(
    sso: &Sso,
    profile: &str,
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let log_in = format!("aws sso login --profile {}", shell_word(profile));
    let refresh_failure = HiddenFailure::default();
    let config = context.clients.sso_oidc_config(&refresh_failure);
    let tokens = SsoTokenProvider::builder()
        .configure(&config)
        .region(Region::new(sso.region.as_str().to_owned()));
    let tokens = tokens
        .session_name(&sso.session)
        .start_url(&sso.start_url)
        .build()
        .await;
    let has_expired = || {
        let text = format!("the SSO session of the profile {profile:?} has expired");
        CredentialsError::new(text, Again::Later).help(format!("log in again: {log_in}"))
    };
    let token = tokens.provide_token().await.map_err(|error| {
        // The SDK's type for this is private.
        if error_text(&error).contains("expired") {
            return has_expired().into();
        }
        let text = format!("there is no SSO session for the profile {profile:?}");
        with_help(unusable(text), format!("log in: {log_in}"))
    })?;
    // After a failed refresh the SDK returns the old token, which may still be valid for some minutes.
    let is_valid = token.expiration().is_none_or(|end| end > SystemTime::now());
    if !is_valid {
        return Err(match refresh_failure.get().cloned() {
            Some(FetchError::Denied { message, .. }) => has_expired().aws_says(message).into(),
            failure => refresh_error(profile, failure),
        });
    }
    let failed = |error| {
        let headline = format!("the SSO portal gave no credentials for the profile {profile:?}");
        of_request(&headline, error)
    };
    let client = context.clients.client(Api::Sso, &sso.region, None).await;
    let client = client.map_err(failed)?;
    let input = GetRoleCredentialsInput::builder().access_token(token.token());
    let input = input.account_id(&sso.account).role_name(&sso.role).build();
    let operation = GetRoleCredentials::new();
    let calling =
        client.call::<_, GetRoleCredentialsOutput, GetRoleCredentialsError>(&operation, input);
    let output = calling.await.map_err(|error| match error {
        FetchError::Denied {
            message,
            cause: Denial::Credentials(_),
            ..
        } => has_expired().aws_says(message).into(),
        error @ FetchError::Denied { .. } => {
            let headline = format!(
                "the SSO portal does not give you the role {:?} in the account {}",
                sso.role, sso.account
            );
            let help = format!("check sso_role_name and sso_account_id of the profile {profile:?}, or ask for access");
            with_help(of_request(&headline, error), help)
        }
        error => failed(error),
    })?;
    let found = output.role_credentials.and_then(|found| {
        let expiry =
            UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(found.expiration).ok()?))?;
        Some(Credentials::new(
            found.access_key_id?,
            found.secret_access_key?,
            found.session_token,
            Some(expiry),
            "SSO",
        ))
    });
    found.ok_or_else(|| failed(Outage::malformed("an answer without credentials").into()))
}

/// Returns the error of a token that has expired and was not refreshed, for the failure of the refresh, which is tried again.
fn refresh_error(profile: &str, failure: Option<FetchError>) -> FetchError {
    let no_token = || provider::failed("AWS sent no valid token");
    let failure = failure.unwrap_or_else(no_token);
    let headline = format!("the SSO session of the profile {profile:?} could not be renewed");
    match of_request(&headline, failure) {
        FetchError::NoCredentials(error) => provider::failed(error.problem.full_headline()),
        error => error,
    }
}

/// Returns a word of a POSIX shell's command, in single quotes if it has special characters.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./@:+".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
