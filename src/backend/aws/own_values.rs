//! Messages of AWS that quote a value of the request, which must not be printed.

use serde_json::{Map, Value};

use crate::model::answer::{FetchError, Refusal};
use crate::model::secret_value::SecretValue;
use crate::time::retry::Retry;

/// Replaces a message that quotes a value of the request by its code.
pub fn without_values(text: &SecretValue, retry: Retry) -> Retry {
    /// Shorter values may be in any message.
    const SHORTEST: usize = 4;
    let members: Map<String, Value> = serde_json::from_slice(text.expose()).unwrap_or_default();
    let quotes = |message: &str| {
        let mut values = members.values().filter_map(Value::as_str).filter(|value| value.len() >= SHORTEST);
        values.any(|value| message.contains(value) || message.contains(&*value.escape_default().to_string()))
    };
    let bare = |message: String| match message.split_once(':') {
        Some((code, _)) if quotes(&message) => code.to_owned(),
        Some(_) | None => message,
    };
    match retry {
        Retry::Permanent(FetchError::Refused(Refusal::Request(message))) => Refusal::Request(bare(message)).into(),
        Retry::Permanent(FetchError::Denied { message, cause, identity }) => {
            Retry::Permanent(FetchError::Denied { message: bare(message), cause, identity })
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_quotes_a_value_is_reduced_to_its_code() {
        let text = SecretValue::new(r#"{"A":"hunter2","B":"abc","C":"two\nlines"}"#);
        let message = |message: &str| match without_values(&text, Refusal::Request(message.to_owned()).into()) {
            Retry::Permanent(FetchError::Refused(Refusal::Request(message))) => message,
            other => unreachable!("{other:?}"),
        };
        assert_eq!(message("ValidationException: Value 'hunter2' at 'x'"), "ValidationException");
        assert_eq!(message("ValidationException: two\\nlines"), "ValidationException");
        assert_eq!(message("ValidationException: abc A"), "ValidationException: abc A");
    }
}
