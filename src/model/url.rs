//! The options that say how to resolve, what the target gets and how much is said: one table for the command line, for
//! `SECRETS_EXEC_*` and for `defaults:`.

/// An address with a scheme and a host, as an endpoint needs it.
///
/// # Errors
/// What is expected instead.
pub fn check_url(text: String) -> Result<String, &'static str> {
    let url: Option<http::Uri> = text.parse().ok();
    let complete = |url: http::Uri| {
        let Some(authority) = url.authority() else { return false };
        // The parser takes what is no port for none.
        let has_port = authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.contains([']', '@']));
        let is_host = !authority.host().is_empty() && (!has_port || authority.port_u16().is_some());
        is_host && matches!(url.scheme_str(), Some("http" | "https"))
    };
    if url.is_some_and(complete) { Ok(text) } else { Err("a URL, like https://secretsmanager.us-east-1.amazonaws.com") }
}
