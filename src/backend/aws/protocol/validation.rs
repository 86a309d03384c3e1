//! The check of credentials before they are used.

use aws_credential_types::Credentials;
use http::HeaderValue;

/// The defect of credentials that cannot be sent: signing puts them into headers, and panics over a line break, for example.
pub fn defect(credentials: &Credentials) -> Option<&'static str> {
    let parts = [Some(credentials.access_key_id()), Some(credentials.secret_access_key()), credentials.session_token()];
    let fits = |text: &str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
    let all_fit = parts.into_iter().flatten().all(fits);
    (!all_fit)
        .then_some("the credentials are empty, or hold a line break or another character that no credentials have")
}
