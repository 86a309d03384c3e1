//! Values that AWS's variables and the settings of a profile take alike.

/// The words of a message about a boolean.
pub const BOOLEAN_EXPECTED: &str = "true or false";

/// Parses `true` or `false`, in any case.
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// AWS_RETRY_MODE and `retry_mode`.
pub const RETRY_MODES: [&str; 3] = ["standard", "adaptive", "legacy"];

/// The words of a message about a retry mode.
pub const RETRY_EXPECTED: &str = "standard, adaptive or legacy";

/// Accepts one of `words`, in any case.
pub fn is_one_of(words: &[&str], text: &str) -> Option<()> {
    words.iter().any(|word| text.eq_ignore_ascii_case(word)).then_some(())
}

/// The words of a message about a URL.
pub const URL_EXPECTED: &str = "a URL, like https://example.com";

/// The words of a message about AWS_MAX_ATTEMPTS, `max_attempts` and other counts.
pub const COUNT_EXPECTED: &str = "a whole number from 1";

/// Parses a count.
pub fn parse_count(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|count| *count > 0)
}
