//! Delays with their random parts. `random` is at least 0 and less than 1.

use std::time::Duration;

/// The part of a pause between polls by which it is shorter or longer.
const JITTER: f64 = 0.1;

/// The longest pause after failures, unless `--poll-interval` is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);

/// Returns a moment of the interval, so that the polls of a fleet that was started at once are spread.
pub fn first_poll(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(random)
}

/// Returns the pause before the next poll, which doubles with each failure in succession.
pub fn next_poll(interval: Duration, failures: u32, random: f64) -> Duration {
    let longest = LONGEST_BACKOFF.max(interval);
    let pause = interval.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

/// Returns the delay between a change and its consequence.
pub fn splay(limit: Duration, random: f64) -> Duration {
    limit.mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_first_poll_and_the_splay_are_anywhere_in_their_limits() {
        for delay in [first_poll, splay] {
            assert_eq!(delay(10 * MINUTE, 0.0), Duration::ZERO);
            assert_eq!(delay(10 * MINUTE, 0.5), 5 * MINUTE);
            assert_eq!(delay(Duration::ZERO, 0.9), Duration::ZERO);
        }
    }

    #[test]
    fn a_poll_is_a_tenth_of_the_interval_early_or_late() {
        assert_eq!(next_poll(10 * MINUTE, 0, 0.0).as_secs(), 9 * 60);
        assert_eq!(next_poll(10 * MINUTE, 0, 0.5).as_secs(), 10 * 60);
        assert!(next_poll(10 * MINUTE, 0, 0.999_999) < 11 * MINUTE);
    }

    #[test]
    fn the_pause_doubles_with_each_failure_up_to_half_an_hour() {
        let minutes = |failures| next_poll(5 * MINUTE, failures, 0.5).as_secs().div_euclid(60);
        assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(minutes), [5, 10, 20, 30, 30, 30]);
    }

    #[test]
    fn an_interval_above_half_an_hour_is_not_shortened_by_a_failure() {
        assert_eq!(next_poll(120 * MINUTE, 3, 0.5), 120 * MINUTE);
    }

    #[test]
    fn the_longest_interval_of_a_century_does_not_overflow() {
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        assert!(next_poll(century, u32::MAX, 0.999) > century);
    }
}
