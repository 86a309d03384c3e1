//! What errors say, in one line that may be shown: each thing once, and nothing of a response.

use std::error::Error;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::error::ErrorMetadata;
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::model::quoting::one_line;
use crate::net::errors::chain;
use crate::system::os_error;

/// An error and what is behind it, each thing said once, in one line.
pub fn error_text(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in chain(error).map(words_of) {
        if !part.is_empty() && !parts.iter().any(|known| known.contains(&part)) {
            parts.push(part);
        }
    }
    one_line(&parts.join(": "))
}

/// What one error says by itself. Some of the SDK's print all of a response, or the names of their own fields.
fn words_of(error: &(dyn Error + 'static)) -> String {
    if let Some(ImdsError::ErrorResponse(answer)) = error.downcast_ref() {
        return format!("the metadata service answered with HTTP status {}", answer.response().status().as_u16());
    }
    // They only say that something is behind them.
    let is_wrapped = matches!(error.downcast_ref(), Some(CredentialsError::ProviderError(_)));
    if is_wrapped || error.is::<ConnectorError>() || error.is::<hyper_util::client::legacy::Error>() {
        return String::new();
    }
    if let Some(meta) = error.downcast_ref::<ErrorMetadata>() {
        let parts = [meta.code(), meta.message()];
        return one_line(&parts.into_iter().flatten().collect::<Vec<_>>().join(": "));
    }
    one_line(&error.downcast_ref().map_or_else(|| error.to_string(), os_error::text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_printable_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m  c"), "a b [31m c");
        assert_eq!(one_line(&"x".repeat(5000)).chars().count(), 601);
    }
}
