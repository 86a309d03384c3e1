//! Retries: exponential backoff with full jitter, limited by attempts and by the deadline.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use crate::model::answer::{FailedRequest, FetchError, Outage, OutageKind, Refusal};
use crate::time::deadline::Deadline;
use crate::time::progress::Progress;

/// The failure of an attempt, by its meaning for further attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptFailure {
    /// The request would fail the same way again.
    Permanent(FetchError),
    /// The request may succeed later, but not before the time that the server's Retry-After names.
    Transient(Outage, Option<Duration>),
}

/// Without a Retry-After.
impl From<Outage> for AttemptFailure {
    fn from(outage: Outage) -> Self {
        Self::Transient(outage, None)
    }
}

impl From<Refusal> for AttemptFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Permanent(FetchError::Refused(refusal))
    }
}

/// No attempt starts with less time left than this.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(20);

/// The number of attempts and the time that one request has.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    deadline: Deadline,
    max_attempts: Option<u32>,
    /// The end of a share of the time.
    share: Option<Instant>,
    /// The request, as `-vv` and a deadline name it.
    request: Option<Arc<str>>,
}

impl RetryBudget {
    /// A budget of all the time until `deadline` and at most `max_attempts` attempts (AWS_MAX_ATTEMPTS).
    pub fn new(deadline: Deadline, max_attempts: Option<u32>) -> Self {
        Self {
            deadline,
            max_attempts,
            share: None,
            request: None,
        }
    }

    /// Returns a budget of 1/`count` of the remaining time, for the first of `count` regions or providers.
    pub fn share(&self, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        Self {
            share: Some(Instant::now() + self.left() / count),
            ..self.clone()
        }
    }

    /// Returns a budget that ends with part `index` of `count` equal parts of the time from `begun` to the deadline.
    pub fn part(&self, begun: Instant, index: usize, count: usize) -> Self {
        let [index, count] =
            [index + 1, count.max(1)].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let whole = self.deadline.left() + begun.elapsed();
        Self {
            share: Some(begun + whole / count * index),
            ..self.clone()
        }
    }

    /// Returns the same budget with a name for the request.
    pub fn for_request(&self, name: impl FnOnce() -> String) -> Self {
        Self {
            request: Some(name().into()),
            ..self.clone()
        }
    }

    /// Traces an attempt. `result` is `None` if the budget ended first.
    fn trace<T>(&self, number: u32, begun: Instant, result: Option<&Result<T, AttemptFailure>>) {
        if let Some(request) = self
            .request
            .as_ref()
            .filter(|_| self.deadline.progress().is_traced())
        {
            let why = |error: &FetchError| {
                format!(
                    ": {}",
                    error.problem(&FailedRequest::default()).message(false)
                )
            };
            let failure = match result {
                Some(Ok(_)) => String::new(),
                Some(Err(AttemptFailure::Permanent(error))) => why(error),
                Some(Err(AttemptFailure::Transient(outage, _))) => {
                    why(&FetchError::Unavailable(outage.clone()))
                }
                None => why(&FetchError::Unavailable(Outage::unanswered())),
            };
            let milliseconds = begun.elapsed().as_millis();
            self.deadline
                .progress()
                .trace(|| format!("{request}, attempt {number}, {milliseconds} ms{failure}"));
        }
    }

    /// The time that is left.
    fn left(&self) -> Duration {
        let share = self
            .share
            .map(|end| end.saturating_duration_since(Instant::now()));
        share.unwrap_or(Duration::MAX).min(self.deadline.left())
    }

    /// Runs a future to its end, or cancels it and returns `None` at the end of the budget.
    // No `async fn`, which would have room for the future twice: as its argument, and as what it awaits.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = Option<F::Output>> {
        timeout_at(Instant::now() + self.left(), future).map(Result::ok)
    }

    /// The progress of the resolution.
    pub fn progress(&self) -> &Progress {
        self.deadline.progress()
    }

    /// Pauses after `attempts` failed attempts; returns false without a pause if there is no further attempt.
    ///
    /// `last` and `retry_after` come from the last failure.
    pub async fn pause(
        &self,
        attempts: u32,
        last: OutageKind,
        retry_after: Option<Duration>,
    ) -> bool {
        let Some(pause) = self.pause_for(attempts, last, retry_after, fastrand::f64()) else {
            return false;
        };
        tokio::time::sleep(pause).await;
        true
    }

    /// Returns the length of the pause; `None` if there is no further attempt.
    ///
    /// Full jitter: between nothing and the longest pause, so that clients that were throttled together spread out (AWS
    /// Architecture Blog, "Exponential Backoff And Jitter"). A Retry-After beyond the end of the budget ends the attempts.
    fn pause_for(
        &self,
        attempts: u32,
        last: OutageKind,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        let left = self.left();
        let retry_after = retry_after.unwrap_or_default();
        let is_last = self.max_attempts.is_some_and(|max| attempts >= max);
        if is_last || left < SHORTEST_ATTEMPT || retry_after >= left {
            return None;
        }
        // The first pause and the longest one in milliseconds, and the factor between two. Other clients that were throttled retry as well,
        // so these pauses grow fast to what a large fleet needs (docs/benchmarks.md); another outage may be over in a moment.
        let (first, factor, longest) = if last == OutageKind::Throttled {
            (2_000, 4_u64, 30_000)
        } else {
            (100, 2, 5_000)
        };
        let pause = factor
            .saturating_pow(attempts.saturating_sub(1))
            .saturating_mul(first)
            .min(longest);
        let jittered = Duration::from_millis(pause).mul_f64(jitter.clamp(0.0, 1.0));
        // Jitter is added to Retry-After, and half the rest of the budget is kept for the attempt.
        Some(retry_after + jittered.min((left - retry_after) / 2))
    }
}

/// Repeats `attempt` until it succeeds, fails permanently, or the budget ends.
///
/// # Errors
/// The permanent failure, or [`FetchError::Unavailable`] with the last outage.
pub async fn retry<T>(
    budget: &RetryBudget,
    attempt: impl AsyncFn() -> Result<T, AttemptFailure>,
) -> Result<T, FetchError> {
    let (begun, mut tried) = (Instant::now(), 0);
    let mut last = Outage::unanswered();
    for attempts in 1.. {
        tried = attempts;
        let attempt_begun = Instant::now();
        if budget.request.is_some() {
            budget.progress().count_request();
        }
        let result = budget.within(attempt()).await;
        budget.trace(attempts, attempt_begun, result.as_ref());
        let retry_after = match result {
            None => break,
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(AttemptFailure::Permanent(error))) => return Err(error),
            Some(Err(AttemptFailure::Transient(outage, retry_after))) => {
                budget.progress().note_reason(outage.reason.to_string());
                last = outage;
                retry_after
            }
        };
        if !budget.pause(attempts, last.kind, retry_after).await {
            break;
        }
    }
    if let (OutageKind::Timeout, Some(request)) = (last.kind, &budget.request) {
        let attempts = if tried == 1 {
            "1 attempt".to_owned()
        } else {
            format!("{tried} attempts")
        };
        last.reason.detail = format!(
            " (after {attempts} in {:.1}s: {request})",
            begun.elapsed().as_secs_f64()
        );
    }
    Err(FetchError::Unavailable(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(seconds: u64, max_attempts: Option<u32>) -> RetryBudget {
        RetryBudget::new(Deadline::new(Duration::from_secs(seconds)), max_attempts)
    }

    #[test]
    fn the_longest_pause_grows_up_to_a_bound() {
        let pauses = [1, 2, 3, 7, 60].map(|attempts| {
            budget(60, None)
                .pause_for(attempts, OutageKind::Service, None, 1.0)
                .unwrap()
                .as_millis()
        });
        assert_eq!(pauses, [100, 200, 400, 5000, 5000]);
        assert_eq!(
            budget(60, None).pause_for(7, OutageKind::Service, None, 0.0),
            Some(Duration::ZERO)
        );
        let pauses = [1, 2, 3, 60].map(|attempts| {
            budget(600, None)
                .pause_for(attempts, OutageKind::Throttled, None, 1.0)
                .unwrap()
                .as_secs()
        });
        assert_eq!(pauses, [2, 8, 30, 30]);
    }

    #[test]
    fn there_is_no_pause_beyond_the_budget() {
        let pause = |budget: RetryBudget, attempts, retry_after, jitter| {
            budget.pause_for(attempts, OutageKind::Service, retry_after, jitter)
        };
        assert_eq!(pause(budget(60, Some(3)), 3, None, 0.0), None);
        assert!(pause(budget(60, Some(3)), 2, None, 0.0).is_some());
        assert_eq!(pause(budget(0, None), 1, None, 1.0), None);
        assert!(
            pause(budget(1, None), 9, None, 1.0)
                .is_some_and(|pause| pause <= Duration::from_millis(500))
        );
        assert_eq!(pause(budget(60, None), 1, Some(Duration::MAX), 0.0), None);
        assert_eq!(
            pause(budget(60, None), 1, Some(Duration::from_secs(61)), 0.0),
            None
        );
        assert_eq!(
            pause(budget(60, None), 1, Some(Duration::from_secs(2)), 0.0),
            Some(Duration::from_secs(2))
        );
        let jittered = pause(budget(60, None), 1, Some(Duration::from_secs(2)), 1.0).unwrap();
        assert_eq!(jittered, Duration::from_millis(2100));
    }

    #[test]
    fn a_share_is_a_fraction_of_the_remaining_time() {
        let left = |budget: &RetryBudget| budget.left().as_secs_f64();
        let whole = budget(60, None);
        assert!(
            (left(&whole.share(3)) - 20.0).abs() < 1.0,
            "{}",
            left(&whole.share(3))
        );
        assert!(
            (left(&whole.share(1)) - 60.0).abs() < 1.0,
            "{}",
            left(&whole.share(1))
        );
        // Thirty seconds after the beginning of ninety, the second of three parts has the next thirty.
        let begun = Instant::now().checked_sub(Duration::from_secs(30)).unwrap();
        assert!(
            (left(&whole.part(begun, 1, 3)) - 30.0).abs() < 1.0,
            "{}",
            left(&whole.part(begun, 1, 3))
        );
    }
}

/// A fleet larger than a machine, for docs/benchmarks.md.
#[cfg(all(test, feature = "simulation"))]
mod simulation {
    use std::cell::{Cell, RefCell};

    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;

    use super::*;

    /// GetSecretValue requests per second that AWS grants an account in a region.
    const QUOTA: f64 = 10_000.0;
    /// Requests at once, after a time without requests. AWS does not say how many, so it is an assumption, a tenth of a second's.
    const BURST: f64 = QUOTA / 10.0;
    /// The time from a request to its answer, another assumption.
    const ANSWER: Duration = Duration::from_millis(10);

    /// A token bucket of [`BURST`] requests, refilled with [`QUOTA`] per second.
    struct Bucket {
        left: f64,
        filled: Instant,
    }

    impl Bucket {
        fn is_granted(&mut self) -> bool {
            let now = Instant::now();
            self.left = BURST.min(self.left + (now - self.filled).as_secs_f64() * QUOTA);
            self.filled = now;
            let is_granted = self.left >= 1.0;
            self.left -= f64::from(u8::from(is_granted));
            is_granted
        }
    }

    /// The time until a launch with one secret has it, if it gets it, and the number of its requests.
    async fn launched(service: &RefCell<Bucket>) -> (Option<Duration>, u32) {
        let (begun, requests) = (Instant::now(), Cell::new(0));
        let attempt = async || {
            requests.set(requests.get() + 1);
            let is_granted = service.borrow_mut().is_granted();
            tokio::time::sleep(ANSWER).await;
            if is_granted {
                Ok(())
            } else {
                Err(Outage::new(OutageKind::Throttled, "Rate exceeded").into())
            }
        };
        let result = retry(
            &RetryBudget::new(Deadline::new(Duration::from_secs(30)), None),
            attempt,
        )
        .await;
        (result.is_ok().then(|| begun.elapsed()), requests.get())
    }

    #[test]
    fn a_fleet_that_starts_at_once_gets_its_secrets() {
        println!(
            "\n| launches | succeed | half of them within | the last after | requests of a launch, mean | at most |"
        );
        println!("|---|---|---|---|---|---|");
        for launches in [1_000, 10_000, 100_000] {
            fastrand::seed(launches);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let ended: Vec<(Option<Duration>, u32)> = runtime.block_on(async {
                let service = RefCell::new(Bucket {
                    left: BURST,
                    filled: Instant::now(),
                });
                let fleet: FuturesUnordered<_> =
                    (0..launches).map(|_| launched(&service)).collect();
                fleet.collect().await
            });
            let mut times: Vec<f64> = ended
                .iter()
                .filter_map(|(time, _)| Some(time.as_ref()?.as_secs_f64()))
                .collect();
            times.sort_by(f64::total_cmp);
            let (half, last) = (times[times.len() / 2], times[times.len() - 1]);
            let requests = ended.iter().map(|(_, requests)| *requests);
            let mean = f64::from(requests.clone().sum::<u32>()) / ended.len() as f64;
            let most = requests.max().unwrap();
            println!(
                "| {launches} | {} | {half:.2} s | {last:.2} s | {mean:.2} | {most} |",
                times.len()
            );
            assert_eq!(times.len(), ended.len());
        }
    }
}
