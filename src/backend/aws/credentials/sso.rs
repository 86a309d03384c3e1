//! Credentials of SSO (IAM Identity Center): the token of `aws sso login` is exchanged for a role's credentials.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::Region;
use aws_config::sso::SsoTokenProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::token::ProvideToken;
use aws_sdk_sso::operation::get_role_credentials::{
    GetRoleCredentials, GetRoleCredentialsError, GetRoleCredentialsInput, GetRoleCredentialsOutput,
};

use super::provider::{FailureKind, ProviderError, SearchContext};
use crate::backend::aws::clients::HiddenFailure;
use crate::backend::aws::config::Sso;
use crate::backend::aws::protocol::{Api, error_text};
use crate::backend::retry::AttemptFailure;
use crate::model::answer::{Denial, FetchError, Outage, OutageKind};

/// Returns the credentials of a role, for the cached token, which is refreshed if it has nearly expired.
pub async fn sso_credentials(
    sso: &Sso,
    profile: &str,
    context: &SearchContext<'_>,
) -> Result<Credentials, ProviderError> {
    let log_in = FailureKind::Defect(Some(format!(
        "aws sso login --profile {}",
        shell_word(profile)
    )));
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
        ProviderError::new(
            log_in.clone(),
            why.replace("failed to load the cached SSO token", uncached),
        )
    })?;
    // After a failed refresh the SDK returns the old token, which may still be valid for some minutes.
    let is_valid = token.expiration().is_none_or(|end| end > SystemTime::now());
    if !is_valid {
        return Err(refresh_error(refresh_failure.get(), log_in));
    }
    let failed = |failure| ProviderError::of_request("the SSO portal", failure);
    let client = context.clients.client(Api::Sso, &sso.region, None).await;
    let client = client.map_err(|error| failed(AttemptFailure::Permanent(error)))?;
    let input = GetRoleCredentialsInput::builder().access_token(token.token());
    let input = input.account_id(&sso.account).role_name(&sso.role).build();
    let operation = GetRoleCredentials::new();
    let calling =
        client.call::<_, GetRoleCredentialsOutput, GetRoleCredentialsError>(&operation, input);
    let output = calling.await.map_err(|failure| match failure {
        AttemptFailure::Permanent(FetchError::Denied {
            cause: Denial::Credentials,
            ..
        }) => ProviderError {
            kind: log_in,
            ..failed(failure)
        },
        _ => failed(failure),
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
    found.ok_or_else(|| ProviderError::temporary("the SSO portal: a response without credentials"))
}

/// Returns the error of a token that has expired and was not refreshed. `log_in` is the kind of the error if AWS says that the session is
/// over. The refresh is tried again after any other failure.
fn refresh_error(failure: Option<&AttemptFailure>, log_in: FailureKind) -> ProviderError {
    let no_token = Outage::new(OutageKind::Service, "no answer with a valid token");
    let failure = failure.cloned().unwrap_or_else(|| no_token.into());
    let is_over = matches!(
        failure,
        AttemptFailure::Permanent(FetchError::Denied { .. })
    );

    let mut error = ProviderError::of_request("the SSO token could not be refreshed", failure);
    if is_over {
        error.kind = log_in;
    } else if error.kind == FailureKind::Defect(None) {
        error = ProviderError::temporary(error.why);
    }
    error
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
