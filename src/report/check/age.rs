//! Times as ages in one unit, for people, and as dates, for machines.

use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// Returns the time since `then` in its largest unit: `45s`, `3m`, `36h`, `12d`, `4y`. A time in the future is `0s`.
pub fn age(then: SystemTime, now: SystemTime) -> String {
    duration(Duration::from_secs(seconds_since(then, now)))
}

/// Returns a duration in its largest unit, as [`age`] does.
pub fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds < MINUTE => format!("{seconds}s"),
        seconds if seconds < HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        seconds => format!("{}y", seconds / YEAR),
    }
}

/// The whole seconds since `then`; 0 for a time in the future.
pub fn seconds_since(then: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(then).map_or(0, |elapsed: Duration| elapsed.as_secs())
}

/// `2018-04-11T20:05:45Z`
pub fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10 * YEAR);
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (HOUR, "1h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY, "2d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
        ] {
            assert_eq!(age(now - Duration::from_secs(seconds), now), expected);
        }
        assert_eq!(age(now + Duration::from_secs(9), now), "0s");
    }

    #[test]
    fn a_date_is_in_utc() {
        assert_eq!(date(SystemTime::UNIX_EPOCH + Duration::from_secs(1_523_477_145)), "2018-04-11T20:05:45Z");
    }
}
