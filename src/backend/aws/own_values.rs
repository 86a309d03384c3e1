//! Messages of AWS that quote a value of the request, which must not be printed.

use crate::model::answer::{FetchError, Refusal};
use crate::model::secret_value::SecretValue;
use crate::time::retry::Retry;

/// Replaces a message that may quote a part of the text by its code.
pub fn without_values(text: &SecretValue, retry: Retry) -> Retry {
    let text = String::from_utf8_lossy(text.expose());
    let bare = |message: String| match message.split_once(':') {
        Some((code, rest)) if may_quote(rest, &text) => code.to_owned(),
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

/// True if a message has a word in common with the text, whole or in part, or a short word of it in quotes. A backslash or a brace
/// stands for an escaped value or for the whole object: AWS's own words have none.
fn may_quote(message: &str, text: &str) -> bool {
    /// Shorter words may be in any message.
    const SHORTEST: usize = 4;
    const QUOTES: [char; 2] = ['\'', '"'];
    let words = |of: &'_ str| -> Vec<String> {
        let words = of.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() >= SHORTEST);
        words.map(str::to_lowercase).collect()
    };
    let (said, written) = (words(message), words(text));
    let has_common = || {
        said.iter().any(|said| written.iter().any(|word| word.contains(said.as_str()) || said.contains(word.as_str())))
    };
    let mut quoted = message.split(QUOTES).skip(1).filter(|part| (1..SHORTEST).contains(&part.len()));
    message.contains(['\\', '{']) || quoted.any(|part| text.contains(part)) || has_common()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_may_quote_a_value_is_reduced_to_its_code() {
        let text = r#"{"A":"hunter2","B":"abc","C":"two\nlines","PIN":4711,"Q":"it's \"cAnArY\" x","N":[["deep"]]}"#;
        let message = |message: &str| {
            let refusal = Refusal::Request(format!("ValidationException: {message}"));
            match without_values(&SecretValue::new(text), refusal.into()) {
                Retry::Permanent(FetchError::Refused(Refusal::Request(message))) => message,
                other => unreachable!("{other:?}"),
            }
        };
        let quoting = [
            "Value 'hunter2' at 'x'",
            "two\\nlines",
            "two\nlines",
            "Value 'abc'",
            "hunt...",
            "4711",
            "it's \"cAnArY\" x",
            "it's \\\"c",
            "DEEP",
            "{}",
        ];
        for part in quoting {
            assert_eq!(message(part), "ValidationException", "{part}");
        }
        for part in ["the KMS key is not enabled, abc", "You can't use this key", "1 tag is wrong"] {
            assert_eq!(message(part), format!("ValidationException: {part}"));
        }
    }
}
