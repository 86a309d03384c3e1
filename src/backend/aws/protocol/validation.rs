//! Credentials that cannot be used: characters that no header can hold, and an expiry that is near.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use http::HeaderValue;

/// Credentials that expire sooner than this are renewed before they are used; AWS's SDKs do the same.
const RENEWED_BEFORE_EXPIRY: Duration = Duration::from_secs(10);

/// Returns the defect of credentials that no header can hold: signing would panic over a line break, for example.
pub fn defect(credentials: &Credentials) -> Option<&'static str> {
    let parts = [Some(credentials.access_key_id()), Some(credentials.secret_access_key()), credentials.session_token()];
    let fits = |text: &str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
    let all_fit = parts.into_iter().flatten().all(fits);
    (!all_fit).then_some(
        "the credentials are empty, or have a line break or another character that is not valid in credentials",
    )
}

/// True for credentials to renew before they are used.
pub fn expires_soon(credentials: &Credentials) -> bool {
    credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now() + RENEWED_BEFORE_EXPIRY)
}
