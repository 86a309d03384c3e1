//! What our options and AWS's variables say about reading, checked before anything is asked: an invalid one is an error,
//! never a panic in the SDK and never ignored.

/// What a boolean of AWS's takes.
pub const BOOLEAN_EXPECTED: &str = "true or false";

pub fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// What AWS_RETRY_MODE and a profile's `retry_mode` take.
pub const RETRY_EXPECTED: &str = "standard, adaptive or legacy";

pub const RETRY_MODES: [&str; 3] = ["standard", "adaptive", "legacy"];

pub fn is_one_of(words: &[&str], text: &str) -> Option<()> {
    words.iter().any(|word| text.eq_ignore_ascii_case(word)).then_some(())
}

pub const URL_EXPECTED: &str = "a URL, like https://example.com";

/// What AWS_MAX_ATTEMPTS and a profile's `max_attempts` take.
pub const ATTEMPTS_EXPECTED: &str = "a whole number from 1";

pub fn parse_attempts(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|attempts| *attempts > 0)
}
