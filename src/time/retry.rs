//! Retries: exponential backoff with full jitter, limited by attempts and by the deadline.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout_at};

use super::deadline::Deadline;
use super::progress::{Event, WaitReason};
use crate::model::answer::{FetchError, Outage, Refusal};

/// The failure of an attempt, by its meaning for further attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The request would fail the same way again.
    Permanent(FetchError),
    /// The request may succeed later, but not before the time that the server's Retry-After names.
    Transient(Outage, Option<Duration>),
}

/// Without a Retry-After.
impl From<Outage> for Retry {
    fn from(outage: Outage) -> Self {
        Self::Transient(outage, None)
    }
}

impl From<Refusal> for Retry {
    fn from(refusal: Refusal) -> Self {
        Self::Permanent(FetchError::Refused(refusal))
    }
}

/// No attempt starts with less time left than this.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(20);

/// The bounds of the pauses between attempts. Pause n is at most `first` · `factor`ⁿ⁻¹ and at most `longest`.
struct Backoff {
    first: Duration,
    factor: u32,
    longest: Duration,
}

/// After an outage, which may be over in a moment.
const OUTAGE: Backoff = Backoff { first: Duration::from_millis(100), factor: 2, longest: Duration::from_secs(5) };
/// After throttling. The other clients that were throttled retry as well, in unknown number, so the pauses grow fast to what a
/// large fleet needs (docs/fleet.md has the figures).
const THROTTLED: Backoff = Backoff { first: Duration::from_secs(2), factor: 4, longest: Duration::from_secs(30) };
/// While `--wait` waits.
const WAITING: Backoff = Backoff { first: Duration::from_millis(100), factor: 2, longest: Duration::from_secs(1) };

/// A limit that comes before the deadline.
#[derive(Clone, Copy, Debug)]
struct Limit {
    end: Instant,
    /// The length of all pauses at the beginning; later ones move the end.
    paused: Duration,
}

/// The number of attempts and the time that one request has.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    deadline: Deadline,
    max_attempts: Option<u32>,
    /// The start and the divisor of a share of the time.
    share: Option<(Instant, u32)>,
    limit: Option<Limit>,
    /// The request as `-vv` names it.
    request: Option<Arc<str>>,
}

impl RetryBudget {
    /// A budget of all the time until `deadline` and at most `max_attempts` attempts (AWS_MAX_ATTEMPTS).
    pub fn new(deadline: Deadline, max_attempts: Option<u32>) -> Self {
        Self { deadline, max_attempts, share: None, limit: None, request: None }
    }

    /// Returns a budget of 1/`count` of the remaining time, for the first of `count` regions or providers.
    pub fn share(&self, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        Self { share: Some((Instant::now(), count)), ..self.clone() }
    }

    /// Returns the same budget with an end after `time` at the latest. Questions to the user do not count.
    pub fn limited(&self, time: Duration) -> Self {
        let limit = Limit { end: Instant::now() + time, paused: self.deadline.time_paused() };
        Self { limit: Some(limit), ..self.clone() }
    }

    /// Returns the same budget with the deadline as its end.
    pub fn without_limit(&self) -> Self {
        Self { limit: None, ..self.clone() }
    }

    /// Returns the same budget with a name for the request, if attempts are traced.
    pub fn for_request(&self, name: impl FnOnce() -> String) -> Self {
        let request = self.deadline.progress().is_traced().then(|| name().into());
        Self { request, ..self.clone() }
    }

    /// Makes one attempt within the budget, and traces it. `None`: the budget ended first.
    pub async fn attempt<T>(
        &self,
        number: u32,
        attempt: impl Future<Output = Result<T, Retry>>,
    ) -> Option<Result<T, Retry>> {
        let begun = Instant::now();
        let result = self.within(attempt).await;
        if let Some(request) = &self.request {
            let failure = match &result {
                Some(Ok(_)) => None,
                Some(Err(Retry::Permanent(error))) => Some(error.clone()),
                Some(Err(Retry::Transient(outage, _))) => Some(FetchError::Unavailable(outage.clone())),
                None => Some(FetchError::Unavailable(Outage::unanswered())),
            };
            let (request, elapsed) = (request.to_string(), begun.elapsed());
            self.deadline.progress().trace(|| Event::Attempt { request, number, elapsed, failure });
        }
        result
    }

    /// The end of the budget, which moves when `--wait` ends and the timeout starts.
    pub fn end(&self) -> Instant {
        let (begun, over) = self.deadline.span();
        let over = match self.limit {
            None => over,
            Some(Limit { end, paused }) => over.min(end + self.deadline.time_paused().saturating_sub(paused)),
        };
        match self.share {
            None => over,
            Some((share_begun, count)) => {
                let begun = begun.max(share_begun);
                begun + over.saturating_duration_since(begun) / count
            }
        }
    }

    /// Runs a future to its end, or cancels it and returns `None` at the end of the budget.
    pub async fn within<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        loop {
            match timeout_at(self.end(), select(future.as_mut(), pin!(self.deadline.started()))).await {
                Ok(Either::Left((output, _))) => return Some(output),
                // The timeout has started, so the end has moved.
                Ok(Either::Right(_)) => {}
                Err(_) => {
                    self.notice_deadline();
                    return None;
                }
            }
        }
    }

    /// True if there is no time for another attempt.
    pub fn is_spent(&self) -> bool {
        self.end() <= Instant::now() + SHORTEST_ATTEMPT
    }

    /// Pauses after `attempts` failed attempts; returns false without a pause if there is no further attempt.
    ///
    /// `outage` and `retry_after` are those of the last failure.
    pub async fn pause(&self, attempts: u32, outage: Option<&Outage>, retry_after: Option<Duration>) -> bool {
        match self.pause_for(attempts, outage, retry_after, fastrand::f64()) {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                true
            }
            None => {
                self.notice_deadline();
                false
            }
        }
    }

    /// Tells the watchdog if there is no time for another attempt, so that it leaves time to report the last one.
    fn notice_deadline(&self) {
        if self.deadline.span().1 <= Instant::now() + SHORTEST_ATTEMPT {
            self.deadline.mark_noticed();
        }
    }

    /// Returns the length of the pause; `None` if there is no further attempt.
    ///
    /// Full jitter: between nothing and the longest pause, so that clients that were throttled together spread out (AWS
    /// Architecture Blog, "Exponential Backoff And Jitter"). A Retry-After beyond the end of the budget ends the attempts.
    fn pause_for(
        &self,
        attempts: u32,
        outage: Option<&Outage>,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        let left = self.end().saturating_duration_since(Instant::now());
        let retry_after = retry_after.unwrap_or_default();
        let is_waiting = self.deadline.is_waiting();
        let is_last = !is_waiting && self.max_attempts.is_some_and(|max| attempts >= max);
        if is_last || left < SHORTEST_ATTEMPT || retry_after >= left {
            return None;
        }
        let backoff = match outage {
            _ if is_waiting => WAITING,
            Some(Outage::Throttled(_)) => THROTTLED,
            Some(_) | None => OUTAGE,
        };
        let longest = backoff.first.saturating_mul(backoff.factor.saturating_pow(attempts.saturating_sub(1)));
        let jittered = longest.min(backoff.longest).mul_f64(jitter.clamp(0.0, 1.0));
        // Jitter is added to Retry-After, and half the rest of the budget is kept for the attempt.
        Some(retry_after + jittered.min((left - retry_after) / 2))
    }
}

/// Repeats `attempt` until it succeeds, fails permanently, or the budget ends.
///
/// # Errors
/// The permanent failure, or [`FetchError::Unavailable`] with the last outage.
pub async fn retry<T>(budget: &RetryBudget, attempt: impl AsyncFn() -> Result<T, Retry>) -> Result<T, FetchError> {
    let mut last = Outage::unanswered();
    for attempts in 1.. {
        let retry_after = match budget.attempt(attempts, attempt()).await {
            None => break,
            Some(Ok(answer)) => {
                budget.deadline.mark_reachable();
                return Ok(answer);
            }
            Some(Err(Retry::Permanent(error))) => {
                budget.deadline.mark_reachable();
                return Err(error);
            }
            Some(Err(Retry::Transient(outage, retry_after))) => {
                budget.deadline.progress().note_reason(WaitReason::Outage(outage.clone()));
                match &outage {
                    Outage::Connection(_) | Outage::Timeout(_) => {}
                    Outage::Throttled(_) | Outage::Service(_) | Outage::MalformedResponse(_) | Outage::ClockSkew(_) => {
                        budget.deadline.mark_reachable()
                    }
                }
                last = outage;
                retry_after
            }
        };
        if !budget.pause(attempts, Some(&last), retry_after).await {
            break;
        }
    }
    Err(FetchError::Unavailable(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(seconds: u64, max_attempts: Option<u32>) -> RetryBudget {
        RetryBudget::new(Deadline::new(Duration::from_secs(seconds), None), max_attempts)
    }

    #[test]
    fn a_limited_budget_ends_before_the_deadline_and_is_shared() {
        let deadline = Deadline::new(Duration::from_secs(60), None);
        let begun = Instant::now();
        let budget = RetryBudget::new(deadline.clone(), None).limited(Duration::from_secs(10));
        assert!(budget.end() <= Instant::now() + Duration::from_secs(10));
        assert!(budget.share(2).end() <= Instant::now() + Duration::from_secs(5));
        let pause = Duration::from_millis(20);
        deadline.paused(|| std::thread::sleep(pause));
        assert!(budget.end() >= begun + Duration::from_secs(10) + pause);
        assert!(
            RetryBudget::new(deadline, None).limited(Duration::from_secs(90)).end() <= begun + Duration::from_secs(61)
        );
    }

    #[test]
    fn the_longest_pause_grows_up_to_a_bound() {
        let pauses =
            [1, 2, 3, 7, 60].map(|attempts| budget(60, None).pause_for(attempts, None, None, 1.0).unwrap().as_millis());
        assert_eq!(pauses, [100, 200, 400, 5000, 5000]);
        assert_eq!(budget(60, None).pause_for(7, None, None, 0.0), Some(Duration::ZERO));
        let throttled = Outage::Throttled(String::new());
        let pauses = [1, 2, 3, 60]
            .map(|attempts| budget(600, None).pause_for(attempts, Some(&throttled), None, 1.0).unwrap().as_secs());
        assert_eq!(pauses, [2, 8, 30, 30]);
    }

    #[test]
    fn there_is_no_pause_beyond_the_budget() {
        let pause =
            |budget: RetryBudget, attempts, retry_after, jitter| budget.pause_for(attempts, None, retry_after, jitter);
        assert_eq!(pause(budget(60, Some(3)), 3, None, 0.0), None);
        assert!(pause(budget(60, Some(3)), 2, None, 0.0).is_some());
        assert_eq!(pause(budget(0, None), 1, None, 1.0), None);
        assert!(pause(budget(1, None), 9, None, 1.0).is_some_and(|pause| pause <= Duration::from_millis(500)));
        assert_eq!(pause(budget(60, None), 1, Some(Duration::MAX), 0.0), None);
        assert_eq!(pause(budget(60, None), 1, Some(Duration::from_secs(61)), 0.0), None);
        assert_eq!(pause(budget(60, None), 1, Some(Duration::from_secs(2)), 0.0), Some(Duration::from_secs(2)));
        let jittered = pause(budget(60, None), 1, Some(Duration::from_secs(2)), 1.0).unwrap();
        assert_eq!(jittered, Duration::from_millis(2100));
    }

    #[test]
    fn a_share_is_a_fraction_of_the_remaining_time() {
        let left = |budget: &RetryBudget| budget.end().saturating_duration_since(Instant::now()).as_secs_f64();
        let whole = budget(60, None);
        assert!((left(&whole.share(3)) - 20.0).abs() < 1.0, "{}", left(&whole.share(3)));
        assert!((left(&whole.share(1)) - 60.0).abs() < 1.0, "{}", left(&whole.share(1)));
    }

    #[test]
    fn attempts_are_not_limited_while_waiting() {
        let deadline = Deadline::new(Duration::from_secs(5), Some(Duration::from_secs(60)));
        let budget = RetryBudget::new(deadline.clone(), Some(1));
        assert!(budget.pause_for(9, None, None, 1.0).is_some_and(|pause| pause <= Duration::from_secs(1)));
        deadline.start();
        assert_eq!(budget.pause_for(9, None, None, 1.0), None);
        assert!(budget.end() <= Instant::now() + Duration::from_secs(5));
    }
}
