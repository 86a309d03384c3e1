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
use crate::model::answer::{Denial, FetchError, Outage, OutageKind};
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
    let token = tokens.provide_token().await.map_err(|error| {
        let why =
            error_text(&error).replace("an error occurred while loading an access token: ", "");
        let uncached = "there is no cached SSO token, or it cannot be read";
        let why = why.replace("failed to load the cached SSO token", uncached);
        with_help(unusable(why), &log_in)
    })?;
    // After a failed refresh the SDK returns the old token, which may still be valid for some minutes.
    let is_valid = token.expiration().is_none_or(|end| end > SystemTime::now());
    if !is_valid {
        return Err(refresh_error(refresh_failure.get().cloned(), log_in));
    }
    let failed = |error| of_request("the SSO portal", error);
    let client = context.clients.client(Api::Sso, &sso.region, None).await;
    let client = client.map_err(failed)?;
    let input = GetRoleCredentialsInput::builder().access_token(token.token());
    let input = input.account_id(&sso.account).role_name(&sso.role).build();
    let operation = GetRoleCredentials::new();
    let calling =
        client.call::<_, GetRoleCredentialsOutput, GetRoleCredentialsError>(&operation, input);
    let output = calling.await.map_err(|error| match error {
        FetchError::Denied {
            cause: Denial::Credentials,
            ..
        } => with_help(failed(error), log_in),
        _ => failed(error),
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
    found.ok_or_else(|| provider::failed("the SSO portal: a response without credentials"))
}

/// Returns the error of a token that has expired and was not refreshed, for the failure of the refresh. If AWS says that the session is over,
/// the remedy is `log_in`. The refresh is tried again after any other failure.
fn refresh_error(failure: Option<FetchError>, log_in: String) -> FetchError {
    let no_token = || Outage::new(OutageKind::Service, "no answer with a valid token").into();
    let failure = failure.unwrap_or_else(no_token);
    let is_over = matches!(failure, FetchError::Denied { .. });

    match of_request("the SSO token could not be refreshed", failure) {
        error if is_over => with_help(error, log_in),
        error @ FetchError::NoCredentials(_) => provider::failed(error.last_reason()),
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
