//! Failures of SSO: most require the user to log in.

use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};

use crate::backend::aws::protocol::{Classified, SdkFailure, error_text};
use crate::net::errors::find_source;

/// Adds the hint `aws sso login` to an error that a log-in fixes.
pub fn with_login_hint(error: ProviderError, profile: &str) -> ProviderError {
    if !requires_login(&error) {
        return error;
    }
    let portal =
        if find_source::<SdkFailure<GetRoleCredentialsError>>(&error).is_some() { "the SSO portal: " } else { "" };
    let text = format!("{portal}{}; log in with `aws sso login --profile {}`", error_text(&error), shell_word(profile));
    ProviderError::provider_error(Classified::permanent(text))
}

/// Returns a word of a POSIX shell's command, in single quotes if it has special characters.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./@:+".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// True if the cached token is missing, invalid or expired, or the portal rejects it.
fn requires_login(error: &ProviderError) -> bool {
    if matches!(error, ProviderError::InvalidConfiguration(_)) {
        return false;
    }
    match find_source::<SdkFailure<GetRoleCredentialsError>>(error) {
        Some(SdkError::ServiceError(service)) => service.raw().status().as_u16() == 401,
        Some(_) => false,
        // The failure came before the portal: no token, or one that could not be refreshed.
        None => find_source::<ConnectorError>(error).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_character_is_quoted_for_a_shell() {
        assert_eq!(shell_word("dev"), "dev");
        assert_eq!(shell_word("the $team"), "'the $team'");
        assert_eq!(shell_word("jane's"), r"'jane'\''s'");
    }
}
