//! Credentials: each source in AWS's own order, each with the reason why it gave none.

use aws_credential_types::Credentials;
use http::HeaderValue;

/// Signing puts them into headers and panics over what cannot stand there: a line break, say, that a file ended with.
pub fn unusable(credentials: &Credentials) -> Option<&'static str> {
    let parts = [Some(credentials.access_key_id()), Some(credentials.secret_access_key()), credentials.session_token()];
    let fits = |text: &str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
    let all_fit = parts.into_iter().flatten().all(fits);
    (!all_fit)
        .then_some("the credentials are empty, or hold a line break or another character that no credentials have")
}
