//! When to ask again: full-jitter exponential backoff within the deadline.

use std::time::Duration;

use tokio::time::Instant;

/// The longest wait before the second attempt; it doubles with each attempt.
const FIRST: Duration = Duration::from_millis(100);
/// With less time than this no attempt is worth making.
const SHORTEST: Duration = Duration::from_millis(20);
/// The longest wait before any attempt.
const LONGEST: Duration = Duration::from_secs(5);

/// How often, and until when, one request may be repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) deadline: Instant,
    pub(super) max_attempts: Option<u32>,
}

impl Patience {
    /// How long to wait after `attempts` attempts have failed; `None` when there is no further one.
    ///
    /// Full jitter: anything from nothing to the longest wait, so that a fleet that was throttled together spreads out
    /// (AWS Architecture Blog, "Exponential Backoff And Jitter"). What is left of the time bounds it; only a server that
    /// asks for longer than that ends the attempts early.
    pub(super) fn pause(&self, attempts: u32, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let asked = asked.unwrap_or_default();
        if self.max_attempts.is_some_and(|most| attempts >= most) || left < SHORTEST || asked >= left {
            return None;
        }
        let longest = FIRST.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST);
        // Half of what is left is for the next attempt.
        Some(longest.mul_f64(jitter.clamp(0.0, 1.0)).min(left / 2).max(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(seconds: u64, max_attempts: Option<u32>) -> Patience {
        Patience { deadline: Instant::now() + Duration::from_secs(seconds), max_attempts }
    }

    #[test]
    fn the_longest_pause_doubles_up_to_a_bound() {
        let pauses =
            [1, 2, 3, 7, 60].map(|attempts| patience(60, None).pause(attempts, None, 1.0).unwrap().as_millis());
        assert_eq!(pauses, [100, 200, 400, 5000, 5000]);
        assert_eq!(patience(60, None).pause(7, None, 0.0), Some(Duration::ZERO));
    }

    #[test]
    fn there_is_an_end_to_patience() {
        assert_eq!(patience(60, Some(3)).pause(3, None, 0.0), None);
        assert!(patience(60, Some(3)).pause(2, None, 0.0).is_some());
        assert_eq!(patience(0, None).pause(1, None, 1.0), None);
        assert!(patience(1, None).pause(9, None, 1.0).is_some_and(|pause| pause <= Duration::from_millis(500)));
        assert_eq!(patience(60, None).pause(1, Some(Duration::MAX), 0.0), None);
        assert_eq!(patience(60, None).pause(1, Some(Duration::from_secs(61)), 0.0), None);
        assert_eq!(patience(60, None).pause(1, Some(Duration::from_secs(2)), 0.0), Some(Duration::from_secs(2)));
    }
}
