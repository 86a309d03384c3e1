//! Times in JSON responses.

use std::time::{Duration, SystemTime};

use serde_json::Value;

/// The first second of the year 10000, which no text in RFC 3339 can express.
const END: f64 = 253_402_300_800.0;

/// Returns the time of a field: seconds since 1970 as a number, or as text (the Secrets Manager Agent).
/// Anything else counts as unknown, since no value depends on it.
pub fn timestamp(field: &Value) -> Option<SystemTime> {
    let seconds = match field {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let elapsed = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds < END)?;
    SystemTime::UNIX_EPOCH.checked_add(elapsed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_texts_are_times() {
        let seconds = |field| timestamp(&field)?.duration_since(SystemTime::UNIX_EPOCH).ok().map(|time| time.as_secs());
        for field in [json!(1_523_477_145.713), json!(1_523_477_145), json!("1523477145.713")] {
            assert_eq!(seconds(field.clone()), Some(1_523_477_145), "{field}");
        }
    }

    #[test]
    fn anything_else_is_unknown() {
        for field in [
            json!(null),
            json!(-1),
            json!(1e300),
            json!("yesterday"),
            json!("NaN"),
            json!("inf"),
            json!({}),
            json!([1]),
            json!(true),
        ] {
            assert_eq!(timestamp(&field), None, "{field}");
        }
    }
}
