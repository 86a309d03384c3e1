//! The text of an error and its sources: one line, without repetitions, and with nothing of a response's body.

use std::error::Error;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::model::quoting::one_line;
use crate::net::errors::chain;
use crate::system::os_error;

/// Returns the texts of an error and its sources in one line, without a text that an earlier text contains.
pub fn error_text(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut errors = chain(error).peekable();
    while let Some(error) = errors.next() {
        // A wrapper that prints its source alone says nothing of its own.
        if errors
            .peek()
            .is_some_and(|source| source.to_string() == error.to_string())
        {
            continue;
        }
        let part = text_without_sources(error);
        if !part.is_empty() && !parts.iter().any(|earlier| earlier.contains(&part)) {
            parts.push(part);
        }
    }
    one_line(&parts.join(": "))
}

/// Returns the text of one error without its sources. Some of the SDK's errors print a whole response or the names of their fields.
fn text_without_sources(error: &(dyn Error + 'static)) -> String {
    if let Some(ImdsError::ErrorResponse(response)) = error.downcast_ref() {
        return format!(
            "the metadata service answered with HTTP status {}",
            response.response().status().as_u16()
        );
    }
    // These only say that they have a source.
    let is_wrapped = matches!(
        error.downcast_ref(),
        Some(CredentialsError::ProviderError(_))
    );
    if is_wrapped || error.is::<ConnectorError>() {
        return String::new();
    }
    if matches!(error.downcast_ref(), Some(rustls::Error::InvalidMessage(_))) {
        return "the answer is not TLS; the endpoint may speak http".to_owned();
    }
    let text = error
        .downcast_ref()
        .map_or_else(|| error.to_string(), os_error::text);
    match text.as_str() {
        "dns error" => "name lookup".to_owned(),
        "dispatch failure" => String::new(),
        // rustls adds a link to its documentation.
        text if text.starts_with("peer closed connection without sending TLS close_notify") => {
            "the server closed the TLS connection without close_notify".to_owned()
        }
        // std puts this before the text of gai_strerror(3).
        text => one_line(
            text.strip_prefix("failed to lookup address information: ")
                .unwrap_or(text),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::errors::HostError;

    #[test]
    fn a_source_that_the_text_contains_already_is_omitted() {
        let error = |text: &str, source: &str| HostError::new(text.to_owned(), source.into());
        assert_eq!(error_text(&error("h:443", "refused")), "h:443: refused");
        assert_eq!(
            error_text(&error("h:443 refused", "refused")),
            "h:443 refused"
        );
        let reset = || std::io::Error::from_raw_os_error(104);
        let wrapped = std::io::Error::other(reset());
        assert_eq!(
            error_text(&HostError::new("h:443".to_owned(), wrapped.into())),
            "h:443: connection reset by peer"
        );
    }
}
