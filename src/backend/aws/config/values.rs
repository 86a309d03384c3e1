//! Parsers of values that AWS's variables and the settings of a profile share.

/// The expected value in a message about a boolean.
pub const BOOLEAN_EXPECTED: &str = "true or false";

/// Parses `true` or `false`, in any case.
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The values of AWS_RETRY_MODE and `retry_mode`.
pub const RETRY_MODES: [&str; 3] = ["standard", "adaptive", "legacy"];

/// The expected value in a message about a retry mode.
pub const RETRY_EXPECTED: &str = "standard, adaptive or legacy";

/// Accepts one of `values`, in any case.
pub fn parse_one_of(values: &[&str], text: &str) -> Option<()> {
    values.iter().any(|value| text.eq_ignore_ascii_case(value)).then_some(())
}

/// The expected value in a message about a URL.
pub const URL_EXPECTED: &str = "a URL, like https://example.com";

/// The expected value in a message about AWS_MAX_ATTEMPTS, `max_attempts` and other counts.
pub const COUNT_EXPECTED: &str = "a whole number from 1";

/// Parses a whole number from 1.
pub fn parse_count(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|count| *count > 0)
}
