//! When to ask again: full-jitter exponential backoff within the time there is.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout_at};

use super::classify::Verdict;
use super::clock::Clock;
use crate::fetched::{FetchError, Outage};

/// With less time than this no attempt is worth making.
const SHORTEST: Duration = Duration::from_millis(20);

/// How long the pauses may be at most: the first, how much longer each is than the one before it, and any.
struct Backoff {
    first: Duration,
    factor: u32,
    longest: Duration,
}

/// What broke may be whole in a moment.
const BROKEN: Backoff = Backoff { first: Duration::from_millis(100), factor: 2, longest: Duration::from_secs(5) };
/// Whoever was throttled was one of many, and all of them come back. How many nobody knows, so the pauses soon become as long
/// as a large crowd needs, or it would throttle itself (docs/fleet.md has the figures).
const THROTTLED: Backoff = Backoff { first: Duration::from_secs(2), factor: 4, longest: Duration::from_secs(30) };
/// What is not there yet is looked for at least this often.
const AWAITED: Backoff = Backoff { first: Duration::from_millis(100), factor: 2, longest: Duration::from_secs(1) };

/// How often, and until when, one request may be repeated.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    clock: Clock,
    max_attempts: Option<u32>,
    /// A share of the time: when it began, and of how many it is the first.
    share: Option<(Instant, u32)>,
}

impl Patience {
    pub(super) fn new(clock: Clock, max_attempts: Option<u32>) -> Self {
        Self { clock, max_attempts, share: None }
    }

    /// The same for the first of `count` things that are tried one after another: 1/`count` of the time left is its.
    pub(super) fn share(&self, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        Self { share: Some((Instant::now(), count)), ..self.clone() }
    }

    /// When the time is over, as things stand: it is moved when what was waited for is there.
    pub(super) fn deadline(&self) -> Instant {
        let (begun, over) = self.clock.span();
        match self.share {
            None => over,
            Some((share_begun, count)) => {
                let begun = begun.max(share_begun);
                begun + over.saturating_duration_since(begun) / count
            }
        }
    }

    /// What a future comes to, unless the time is over before.
    pub(super) async fn within<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        loop {
            let moved = self.clock.started();
            match timeout_at(self.deadline(), select(future.as_mut(), pin!(moved))).await {
                Ok(Either::Left((output, _))) => return Some(output),
                // The time runs from now on, and is over at another moment.
                Ok(Either::Right(_)) => {}
                Err(_) => {
                    if self.clock.span().1 <= Instant::now() {
                        self.clock.see_end();
                    }
                    return None;
                }
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.deadline() <= Instant::now() + SHORTEST
    }

    /// Waits before the next attempt, `attempts` having failed, the last for the reason given; `false` when there is none.
    pub(super) async fn again(&self, attempts: u32, outage: Option<&Outage>, asked: Option<Duration>) -> bool {
        match self.pause(attempts, outage, asked, fastrand::f64()) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                true
            }
            None => false,
        }
    }

    /// How long to wait; `None` when there is no further attempt.
    ///
    /// Full jitter: anything from nothing to the longest wait, so that a fleet that was throttled together spreads out
    /// (AWS Architecture Blog, "Exponential Backoff And Jitter"). What is left of the time bounds it; only a server that
    /// asks for longer than that ends the attempts early.
    fn pause(&self, attempts: u32, outage: Option<&Outage>, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
        let left = self.deadline().saturating_duration_since(Instant::now());
        let asked = asked.unwrap_or_default();
        let is_waiting = self.clock.is_waiting();
        let is_last = !is_waiting && self.max_attempts.is_some_and(|most| attempts >= most);
        if is_last || left < SHORTEST || asked >= left {
            return None;
        }
        let backoff = match outage {
            _ if is_waiting => AWAITED,
            Some(Outage::Throttled(_)) => THROTTLED,
            Some(_) | None => BROKEN,
        };
        let longest = backoff.first.saturating_mul(backoff.factor.saturating_pow(attempts.saturating_sub(1)));
        let jittered = longest.min(backoff.longest).mul_f64(jitter.clamp(0.0, 1.0));
        // Half of what is left is for the next attempt. Whom a server told the same moment must not all come at that moment.
        Some(asked + jittered.min((left - asked) / 2))
    }
}

/// Asks until there is an answer that will not change, or no time or attempt is left; then the last reason is told.
pub(super) async fn ask<T>(
    patience: &Patience,
    attempt: impl AsyncFn() -> Result<T, Verdict>,
) -> Result<T, FetchError> {
    let mut last = Outage::unanswered();
    for attempts in 1.. {
        let asked = match patience.within(attempt()).await {
            None => break,
            Some(Ok(answer)) => {
                patience.clock.reached();
                return Ok(answer);
            }
            Some(Err(Verdict::Final(error))) => {
                patience.clock.reached();
                return Err(error);
            }
            Some(Err(Verdict::Again(outage, asked))) => {
                match &outage {
                    Outage::Connection(why) | Outage::Timeout(why) => patience.clock.lacks(why),
                    Outage::Throttled(_) | Outage::Service(_) | Outage::Garbled(_) | Outage::ClockSkew(_) => {
                        patience.clock.reached();
                    }
                }
                last = outage;
                asked
            }
        };
        if !patience.again(attempts, Some(&last), asked).await {
            break;
        }
    }
    Err(FetchError::Unavailable(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(seconds: u64, max_attempts: Option<u32>) -> Patience {
        Patience::new(Clock::new(Duration::from_secs(seconds), None), max_attempts)
    }

    #[test]
    fn the_longest_pause_grows_up_to_a_bound() {
        let pauses =
            [1, 2, 3, 7, 60].map(|attempts| patience(60, None).pause(attempts, None, None, 1.0).unwrap().as_millis());
        assert_eq!(pauses, [100, 200, 400, 5000, 5000]);
        assert_eq!(patience(60, None).pause(7, None, None, 0.0), Some(Duration::ZERO));
        let throttled = Outage::Throttled(String::new());
        let pauses = [1, 2, 3, 60]
            .map(|attempts| patience(600, None).pause(attempts, Some(&throttled), None, 1.0).unwrap().as_secs());
        assert_eq!(pauses, [2, 8, 30, 30]);
    }

    #[test]
    fn there_is_an_end_to_patience() {
        let pause = |patience: Patience, attempts, asked, jitter| patience.pause(attempts, None, asked, jitter);
        assert_eq!(pause(patience(60, Some(3)), 3, None, 0.0), None);
        assert!(pause(patience(60, Some(3)), 2, None, 0.0).is_some());
        assert_eq!(pause(patience(0, None), 1, None, 1.0), None);
        assert!(pause(patience(1, None), 9, None, 1.0).is_some_and(|pause| pause <= Duration::from_millis(500)));
        assert_eq!(pause(patience(60, None), 1, Some(Duration::MAX), 0.0), None);
        assert_eq!(pause(patience(60, None), 1, Some(Duration::from_secs(61)), 0.0), None);
        assert_eq!(pause(patience(60, None), 1, Some(Duration::from_secs(2)), 0.0), Some(Duration::from_secs(2)));
        let jittered = pause(patience(60, None), 1, Some(Duration::from_secs(2)), 1.0).unwrap();
        assert_eq!(jittered, Duration::from_millis(2100));
    }

    #[test]
    fn the_first_of_several_things_gets_its_share_of_the_time() {
        let left = |patience: &Patience| patience.deadline().saturating_duration_since(Instant::now()).as_secs_f64();
        let whole = patience(60, None);
        assert!((left(&whole.share(3)) - 20.0).abs() < 1.0, "{}", left(&whole.share(3)));
        assert!((left(&whole.share(1)) - 60.0).abs() < 1.0, "{}", left(&whole.share(1)));
    }

    #[test]
    fn while_something_is_waited_for_no_attempt_is_counted() {
        let clock = Clock::new(Duration::from_secs(5), Some(Duration::from_secs(60)));
        let patience = Patience::new(clock.clone(), Some(1));
        assert!(patience.pause(9, None, None, 1.0).is_some_and(|pause| pause <= Duration::from_secs(1)));
        clock.start();
        assert_eq!(patience.pause(9, None, None, 1.0), None);
        assert!(patience.deadline() <= Instant::now() + Duration::from_secs(5));
    }
}
