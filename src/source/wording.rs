//! What errors say, in one line that may be shown: each thing once, and nothing of a response.

use std::error::Error;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::error::ErrorMetadata;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::causes::chain;
use crate::secret::without_url_secrets;

/// An error and what is behind it, each thing said once, in one line.
pub(super) fn text_of(error: &(dyn Error + 'static)) -> String {
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
    let text = error.to_string();
    // The number of an error helps nobody.
    one_line(text.split_once(" (os error").map_or(text.as_str(), |(words, _)| words))
}

/// No message is worth more than a line.
const LONGEST: usize = 600;

/// A text of a server or a library, made safe for a terminal and a log.
pub(super) fn one_line(text: &str) -> String {
    let text = without_url_secrets(text);
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = printable.take(LONGEST).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_printable_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m  c"), "a b [31m c");
        assert_eq!(one_line(&"x".repeat(5000)).chars().count(), LONGEST + 1);
    }
}
