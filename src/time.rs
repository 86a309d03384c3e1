//! How long a launch tries: the deadline, the retries of a request within the deadline, and the
//! progress that is shown during the launch.
//!
//! The deadline is `--timeout` after the beginning of a try. Code that waits asks the deadline how
//! much time is left. ARCHITECTURE.md, "Time", shows all time limits.
//!
//! The progress is what the launch is waiting for, why the last attempt failed, and which warnings,
//! notes and events of `-vv` are printed. The worker changes the deadline and the progress, and the
//! main thread reads them while it waits.
//!
//! A request is sent again and again, in one region after the other, until it succeeds, fails for
//! good, or the time is up. This is a request with one fallback region:
//!
//! ```text
//!  deadline    ├────────────────────────────────── --timeout ────────────────────────────────────┤
//!  share       ├──────────── us-east-1: half of the time ──────────┼── us-west-2: what is left ──┤
//!  retry       ├─1─┤  ├─2─┤     ├─3─┤            ├─4─┤  │ no room  ├─1─┤  ├─2─┤ success
//!                  pause   pause      pause            for a pause
//!                  0–0.1 s 0–0.2 s    0–0.4 s
//! ```
//!
//! - An attempt that fails with an outage is made again if the outage says so ([`Again`]). Every
//!   other result ends the retries: a denial or an absence is an answer.
//! - The pause before the next attempt has a random length between zero and a maximum that grows
//!   from pause to pause. AWS can lengthen it (`x-amz-retry-after`).
//! - An attempt that is still in progress at the end of the budget is cancelled. The last outage
//!   before that is returned, because it says more than that the time is up.
//! - AWS_MAX_ATTEMPTS limits the attempts in each region, in addition to the time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use crate::model::answer::{Again, Cause, FetchError, FetchResult, OutageKind};
use crate::model::options::Options;
use crate::model::reference::Region;

/// The deadline of a launch. All clones share the same state.
#[derive(Clone, Debug)]
pub struct Deadline {
    times: Arc<Mutex<Times>>,
    pub progress: Progress,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    begun: Instant,
    timeout: Duration,
    wait: Option<Duration>,
    /// The deadline itself. `None` while the user is being asked for something, because the time
    /// for an answer isn't limited.
    end: Option<Instant>,
    /// The end of the time limit of [`Deadline::with_limit`], after which cached values are used.
    limit: Option<Instant>,
}

impl Deadline {
    pub fn new(timeout: Duration) -> Self {
        let begun = Instant::now();
        Self {
            times: Arc::new(Mutex::new(Times {
                begun,
                timeout,
                wait: None,
                end: Some(begun + timeout),
                limit: None,
            })),
            progress: Progress::default(),
        }
    }

    /// Applies `--timeout` and `--wait`. The timeout still begins at the moment when the deadline
    /// was created. With `-vv`, `trace` prints the events from now on. This function is called
    /// again with the options of the declarations.
    pub fn set_options(&self, options: &Options, trace: fn(&str)) {
        let mut times = self.lock();
        times.timeout = options.timeout;
        times.wait = options.wait;
        times.end = Some(times.begun + options.timeout);
        let trace = options.trace.then_some(trace);
        self.progress.with_state(|state| state.trace = trace);
    }

    pub fn elapsed(&self) -> Duration {
        self.lock().begun.elapsed()
    }

    /// Returns the moment of the deadline, which [`Self::with_limit`] doesn't change, or `None`
    /// while the user is being asked for something.
    pub fn end(&self) -> Option<Instant> {
        self.lock().end
    }

    /// Returns the time until the deadline or until the limit of [`Self::with_limit`], whichever is
    /// earlier. While the user is being asked for something, the result is the whole timeout.
    pub fn left(&self) -> Duration {
        let times = *self.lock();
        let Some(deadline) = times.end else {
            return times.timeout;
        };
        let end = times.limit.map_or(deadline, |limit| limit.min(deadline));
        end.saturating_duration_since(Instant::now())
    }

    /// Returns the longest time that the launch can still take. As long as the time of `--wait`
    /// isn't up, another try can begin, and that try has the whole `--timeout`.
    pub fn longest_left(&self) -> Duration {
        let times = *self.lock();
        let elapsed = times.begun.elapsed();
        match times.wait.and_then(|wait| wait.checked_sub(elapsed)) {
            Some(wait_left) => wait_left.saturating_add(times.timeout),
            None => self.left(),
        }
    }

    /// Starts the timeout again, for another try that begins after `pause`, and removes the limit
    /// of [`Self::with_limit`].
    pub fn restart_after(&self, pause: Duration) {
        let mut times = self.lock();
        times.end = Some(Instant::now() + pause + times.timeout);
        times.limit = None;
    }

    /// Returns a future that runs `future`. Until it is ready, [`Self::left`] returns at most what
    /// is left of `limit`, whose time begins with this call, not with the first poll of the future.
    /// The limit doesn't cancel `future`, but its requests fail when no time is left.
    // An `async fn` would need the memory for `future` twice.
    pub fn with_limit<T>(
        &self,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        self.lock().limit = limit.map(|limit| Instant::now() + limit);
        future.inspect(|_| self.lock().limit = None)
    }

    /// Calls `question`, which asks the user something and waits for the answer. The deadline is
    /// extended by the time that the answer takes. Must not be called within [`Self::with_limit`],
    /// whose limit would not be extended.
    pub fn wait_for_user<T>(&self, question: impl FnOnce() -> T) -> T {
        let left = self.left();
        self.lock().end = None;
        let answer = question();
        self.lock().end = Some(Instant::now() + left);
        answer
    }

    /// Locks the times. The lock is never poisoned, because a panic on any thread ends the process.
    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// If less time than this is left, no further attempt starts, because it would hardly get an
/// answer.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(20);

/// The maximum by which AWS's header `x-amz-retry-after` can lengthen a pause. Since 2026, AWS's
/// SDKs have the same limit.
const LONGEST_EXTENSION: Duration = Duration::from_secs(5);

/// A pause that is longer than the rest of the budget is shortened only if at least this much time
/// is left, or if it is the first pause.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// After this number of answers that are damaged or not from AWS, such as a page from a proxy or a
/// captive portal, no further attempt is made. Such answers rarely change.
const MOST_MALFORMED_ANSWERS: u32 = 3;

/// The time and the number of attempts that one request has.
#[derive(Clone)]
pub struct RetryBudget<'r> {
    deadline: Deadline,
    max_attempts: Option<u32>,
    /// The end of the region's share of the time.
    share_end: Option<Instant>,
    /// The host and name of the request, for `-vv` and for the error at the deadline.
    request: Option<(&'r str, &'r dyn fmt::Display)>,
}

impl<'r> RetryBudget<'r> {
    /// Returns a budget with all of the time until `deadline` and at most `max_attempts` attempts
    /// (AWS_MAX_ATTEMPTS).
    pub fn new(deadline: Deadline, max_attempts: Option<u32>) -> Self {
        Self {
            deadline,
            max_attempts,
            share_end: None,
            request: None,
        }
    }

    /// Divides the time from `begun` to the deadline into `count` equal parts, and returns a budget
    /// that ends when the part at `index` ends. Each part allows the full number of attempts.
    pub fn share(&self, begun: Instant, index: usize, count: usize) -> Self {
        let whole = self.deadline.left() + begun.elapsed();
        let share = (index + 1) as f64 / count as f64;
        Self {
            share_end: Some(begun + whole.mul_f64(share)),
            ..self.clone()
        }
    }

    /// Returns the same budget for a named request to `host`. The attempts of a named request are
    /// counted and, with `-vv`, printed with the name and the host.
    pub fn for_request(&self, host: &'r str, name: &'r dyn fmt::Display) -> Self {
        Self {
            request: Some((host, name)),
            ..self.clone()
        }
    }

    /// Makes attempts until one succeeds, until an error rules out a further attempt ([`Again`]),
    /// until there are [`MOST_MALFORMED_ANSWERS`] malformed answers, or until the budget ends.
    ///
    /// # Errors
    /// If no attempt succeeds. The error is that of the last attempt that ended. If not even the
    /// first one ended in time, it is an outage that says so.
    pub async fn retry<T>(&self, attempt: impl AsyncFn() -> FetchResult<T>) -> FetchResult<T> {
        let unanswered = || self.unanswered();
        self.retry_with_last(&mut None, unanswered, attempt).await
    }

    /// Makes attempts as [`Self::retry`] does. `last` is the latest outage of earlier calls, such
    /// as those in other regions, or `None`. Each outage in this call that allows a further attempt
    /// replaces it, so that the next call can return it, too: it says more than a timeout.
    ///
    /// # Errors
    /// If no attempt succeeds. The error is that of the last attempt that ended. If not even the
    /// first one ended in time, it is `last` or, without one, the result of `unanswered`.
    pub async fn retry_with_last<T>(
        &self,
        last: &mut Option<FetchError>,
        unanswered: impl Fn() -> FetchError,
        attempt: impl AsyncFn() -> FetchResult<T>,
    ) -> FetchResult<T> {
        let (begun, is_named) = (Instant::now(), self.request.is_some());
        let (mut attempts, mut malformed_answers) = (0, 0);
        loop {
            attempts += 1;
            let attempt_begun = Instant::now();
            if is_named {
                self.progress().with_state(|state| state.attempts += 1);
            }

            let result = self.within(attempt()).await;
            self.trace_attempt(attempts, attempt_begun, result.as_ref());
            let outage = match result {
                None => break,
                Some(Err(outage)) if outage.again.is_here() => last.insert(outage),
                Some(ended) => return ended,
            };

            self.progress().note_reason(outage.sentence());
            if let Cause::Outage(OutageKind::MalformedResponse | OutageKind::NotTls) = outage.cause
            {
                malformed_answers += 1;
            }
            if malformed_answers >= MOST_MALFORMED_ANSWERS {
                break;
            }
            let Some(pause) = self.pause_for(attempts, outage, fastrand::f64) else {
                break;
            };
            tokio::time::sleep(pause).await;
        }

        let mut error = last.clone().unwrap_or_else(unanswered);
        // Any outage except a missing answer already says what went wrong, and its suffix can be
        // the request id.
        if is_named && let Cause::Outage(OutageKind::Timeout | OutageKind::Silent) = error.cause {
            let noun = if attempts == 1 { "attempt" } else { "attempts" };
            let seconds = begun.elapsed().as_secs_f64();
            error.problem.suffix = format!(" ({attempts} {noun} in {seconds:.1}s)");
        }
        Err(error)
    }

    /// Runs `attempt` in one region after the other, until it succeeds or fails with an error after
    /// which no other region is asked. The regions share the time from `begun` to the deadline, and
    /// each region can also use the time that earlier ones have left.
    ///
    /// # Errors
    /// If no region succeeds. The error is that of the last region that was asked.
    pub async fn over_regions<T>(
        &self,
        begun: Instant,
        regions: &[Region],
        mut attempt: impl AsyncFnMut(&Region, RetryBudget) -> FetchResult<T>,
    ) -> FetchResult<T> {
        let mut last = None;
        for (index, region) in regions.iter().enumerate() {
            let budget = self.share(begun, index, regions.len());
            match attempt(region, budget).await {
                Err(error) if error.again.is_in_next_region() => last = Some(error),
                ended => return ended,
            }
        }
        // `last` is only empty if `regions` is.
        Err(last.unwrap_or_else(|| self.unanswered()))
    }

    /// Returns the outage for a request that is still in progress at the end of the budget.
    fn unanswered(&self) -> FetchError {
        let host = self.request.map_or("AWS", |(host, _)| host);
        FetchError::outage(OutageKind::Timeout, format!("{host} didn't answer in time"))
    }

    /// With `-vv`, prints an attempt of a named request. `result` is `None` if the budget ended
    /// during the attempt.
    fn trace_attempt<T>(&self, number: u32, begun: Instant, result: Option<&FetchResult<T>>) {
        let Some((host, name)) = self.request else {
            return;
        };
        let milliseconds = begun.elapsed().as_millis();
        self.deadline.progress.trace(|| {
            let failure = match result {
                Some(Ok(_)) => String::new(),
                Some(Err(error)) => format!(": {}", error.sentence()),
                None => format!(": {}", self.unanswered().sentence()),
            };
            format!("{name} at {host}, attempt {number}, {milliseconds} ms{failure}")
        });
    }

    fn left(&self) -> Duration {
        let until = |end: Instant| end.saturating_duration_since(Instant::now());
        let share_left = self.share_end.map_or(Duration::MAX, until);
        share_left.min(self.deadline.left())
    }

    /// Runs a future to its end. At the end of the budget, cancels it and returns `None`.
    // An `async fn` would need the memory for `future` twice: as the argument, and while it is
    // awaited.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = Option<F::Output>> {
        timeout_at(Instant::now() + self.left(), future).map(Result::ok)
    }

    pub fn progress(&self) -> &Progress {
        &self.deadline.progress
    }

    /// Returns the length of the pause before the next attempt. Returns `None` if the attempts are
    /// used up, or if too little time is left for a pause and an attempt. `attempts` is the number
    /// of attempts so far, which have all failed, and `last` is the outage of the last one.
    ///
    /// The length has full jitter: it is anywhere between zero and the maximum, so that clients
    /// that were throttled together spread out (AWS Architecture Blog, "Exponential Backoff And
    /// Jitter"). A pause that AWS requests applies instead, within limits.
    fn pause_for(&self, attempts: u32, last: &FetchError, random: fn() -> f64) -> Option<Duration> {
        let is_used_up = self.max_attempts.is_some_and(|max| attempts >= max);
        let left = self.left();
        if is_used_up || left < SHORTEST_ATTEMPT {
            return None;
        }

        let backoff = longest_backoff(attempts, last.cause).mul_f64(random());
        let mut pause = backoff;
        if let Again::Here { after: Some(after) } = last.again {
            pause = after.clamp(backoff, backoff + LONGEST_EXTENSION);
        }

        let longest_that_fits = left - SHORTEST_ATTEMPT;
        if pause <= longest_that_fits {
            return Some(pause);
        }
        // The first pause is always shortened, so that even a short `--timeout` allows a second
        // attempt.
        if attempts > 1 && left < SHORTEST_REST {
            return None;
        }
        // The pause ends at a random moment, because a fleet that was throttled together also has
        // its deadlines at the same time.
        Some(longest_that_fits.mul_f64(random()))
    }
}

/// Returns the maximum length of the pause after this number of failed attempts.
///
/// After throttling, other clients retry, too, so the pauses quickly become long enough for a large
/// fleet (docs/ecs.md, "Many services that start at once"). Other outages can be over in a moment,
/// so their pauses start and stay shorter.
fn longest_backoff(attempts: u32, cause: Cause) -> Duration {
    // The first maximum, the factor by which it grows, and the largest maximum. Both maximums are
    // in milliseconds.
    let (first, factor, limit) = if cause == Cause::Outage(OutageKind::Throttled) {
        (2_000, 4_u64, 30_000)
    } else {
        (100, 2, 5_000)
    };
    let growth = factor.saturating_pow(attempts.saturating_sub(1));
    Duration::from_millis(growth.saturating_mul(first).min(limit))
}

/// The progress of a launch. All clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<ProgressState>>);

/// The things that a launch waits for, and why its last attempt failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The requests and files that are awaited, up to [`LISTED`] of them, with the earliest first.
    pub awaited: Vec<String>,
    pub others: usize,
    pub reason: Option<String>,
}

/// The maximum number of requests and files that a [`Waiting`] lists.
pub const LISTED: usize = 3;

#[derive(Debug, Default)]
struct ProgressState {
    /// The requests and files that are awaited now.
    awaited: BTreeMap<u64, String>,
    /// The reason for the latest failure.
    reason: Option<String>,
    attempts: usize,
    warnings: BTreeSet<String>,
    notes: BTreeSet<String>,
    /// The function that prints events; `None` without `-vv`.
    trace: Option<fn(&str)>,
}

/// A request or a file that is awaited. When this value is dropped, the wait is over.
pub struct Awaited {
    number: u64,
    progress: Progress,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.progress.with_state(|state| {
            state.awaited.remove(&self.number);
            // A failed attempt no longer matters.
            if state.awaited.is_empty() {
                state.reason = None;
            }
        });
    }
}

impl Progress {
    /// Notes that `what` is awaited, until the returned value is dropped.
    #[must_use]
    pub fn awaits(&self, what: String) -> Awaited {
        let number = self.with_state(|state| {
            let number = state
                .awaited
                .last_key_value()
                .map_or(0, |(last, _)| last + 1);
            state.awaited.insert(number, what);
            number
        });
        Awaited {
            number,
            progress: self.clone(),
        }
    }

    /// Notes why an attempt failed. The reason is forgotten when nothing is awaited any more.
    pub fn note_reason(&self, why: String) {
        self.with_state(|state| state.reason = Some(why));
    }

    /// Returns the number of attempts so far, for all named requests together
    /// ([`RetryBudget::for_request`]).
    pub fn attempts(&self) -> usize {
        self.with_state(|state| state.attempts)
    }

    /// Adds a warning. It is printed once, after the worker has ended.
    pub fn warn(&self, text: String) {
        self.with_state(|state| state.warnings.insert(text));
    }

    /// Adds a note. With `-v`, it is printed once, after the worker has ended.
    pub fn note(&self, text: String) {
        self.with_state(|state| state.notes.insert(text));
    }

    /// Returns the warnings and the notes.
    pub fn notices(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        self.with_state(|state| (state.warnings.clone(), state.notes.clone()))
    }

    pub fn waiting(&self) -> Waiting {
        self.with_state(|state| Waiting {
            awaited: state.awaited.values().take(LISTED).cloned().collect(),
            others: state.awaited.len().saturating_sub(LISTED),
            reason: state.reason.clone(),
        })
    }

    /// True with `-vv`.
    pub fn is_traced(&self) -> bool {
        self.with_state(|state| state.trace.is_some())
    }

    /// Prints an event with `-vv`. Without `-vv`, `event` isn't called, so its text isn't built.
    pub fn trace(&self, event: impl FnOnce() -> String) {
        if let Some(trace) = self.with_state(|state| state.trace) {
            trace(&event());
        }
    }

    fn with_state<T>(&self, change: impl FnOnce(&mut ProgressState) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The main thread ends the process at the deadline, so the deadline must not move: the answer
    /// of a worker that is late for a limit can still be used.
    #[test]
    fn a_limit_shortens_the_time_that_is_left_but_not_the_deadline() {
        let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let deadline = Deadline::new(minute);
        let end = deadline.end();
        let limited =
            deadline.with_limit(Some(second), async { (deadline.left(), deadline.end()) });
        let (left, end_meanwhile) = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(limited);
        assert!(left <= second && deadline.left() > second);
        assert_eq!(end_meanwhile, end);
    }

    #[test]
    fn a_reason_is_forgotten_when_nothing_is_awaited_any_more() {
        let progress = Progress::default();
        let (first, second) = (
            progress.awaits("a".to_owned()),
            progress.awaits("b".to_owned()),
        );
        let reason = "no answer".to_owned();
        progress.note_reason(reason.clone());
        drop(first);
        assert_eq!(progress.waiting().reason, Some(reason));
        drop(second);
        assert_eq!(progress.waiting().reason, None);
    }

    fn budget(seconds: u64, max_attempts: Option<u32>) -> RetryBudget<'static> {
        RetryBudget::new(Deadline::new(Duration::from_secs(seconds)), max_attempts)
    }

    #[test]
    fn the_longest_pause_grows_up_to_a_bound() {
        let pause = |attempts, last, random| {
            let pause =
                budget(600, None).pause_for(attempts, &FetchError::outage(last, ""), random);
            pause.unwrap().as_millis()
        };
        let service = [1, 2, 3, 7, 60].map(|attempts| pause(attempts, OutageKind::Service, || 1.0));
        assert_eq!(service, [100, 200, 400, 5_000, 5_000]);
        assert_eq!(pause(7, OutageKind::Service, || 0.0), 0);
        let throttled =
            [1, 2, 3, 60].map(|attempts| pause(attempts, OutageKind::Throttled, || 1.0));
        assert_eq!(throttled, [2_000, 8_000, 30_000, 30_000]);
    }

    #[test]
    fn a_pause_that_does_not_fit_ends_within_what_is_left_if_that_is_a_second_or_more() {
        let pause = |budget: RetryBudget, attempts, random| {
            budget.pause_for(
                attempts,
                &FetchError::outage(OutageKind::Service, ""),
                random,
            )
        };
        assert_eq!(pause(budget(60, Some(3)), 3, || 0.0), None);
        assert!(pause(budget(60, Some(3)), 2, || 0.0).is_some());
        assert_eq!(pause(budget(0, None), 1, || 0.0), None);
        let latest = pause(budget(2, None), 9, || 1.0).unwrap();
        assert!(
            (1_900..=1_980).contains(&latest.as_millis()),
            "{latest:?} of two seconds"
        );
        // The share is a third of two seconds. Even a first pause that would be longer ends within
        // it.
        let third = || budget(2, None).share(Instant::now(), 0, 3);
        let throttled = FetchError::outage(OutageKind::Throttled, "");
        let first = third().pause_for(1, &throttled, || 1.0);
        assert!(
            first.is_some_and(|pause| pause < Duration::from_secs(1)),
            "{first:?}"
        );
        assert_eq!(pause(third(), 9, || 1.0), None);
        assert!(pause(third(), 1, || 1.0).is_some());
    }

    #[test]
    fn a_retry_after_is_honoured_within_the_backoff_and_five_seconds_more() {
        let outage = |kind, after| FetchError {
            again: Again::Here { after },
            ..FetchError::outage(kind, "")
        };
        let pause = |retry_after, random| {
            let after = Some(Duration::from_millis(retry_after));
            budget(60, None).pause_for(1, &outage(OutageKind::Service, after), random)
        };
        for (retry_after, shortest, longest) in [
            (50, 50, 100),
            (2_000, 2_000, 2_000),
            (u64::MAX, 5_000, 5_100),
        ] {
            assert_eq!(
                pause(retry_after, || 0.0),
                Some(Duration::from_millis(shortest))
            );
            assert_eq!(
                pause(retry_after, || 1.0),
                Some(Duration::from_millis(longest))
            );
        }
        let almost_over = budget(3, None);
        let year = Some(Duration::from_secs(365 * 24 * 60 * 60));
        assert!(
            almost_over
                .pause_for(1, &outage(OutageKind::Throttled, year), || 0.5)
                .is_some_and(|pause| pause < Duration::from_secs(2))
        );
    }

    #[test]
    fn a_share_is_a_fraction_of_the_remaining_time() {
        let left = |budget: &RetryBudget| budget.left().as_secs_f64();
        let whole = budget(60, None);
        let third = whole.share(Instant::now(), 0, 3);
        assert!((left(&third) - 20.0).abs() < 1.0, "{}", left(&third));
        let all = whole.share(Instant::now(), 0, 1);
        assert!((left(&all) - 60.0).abs() < 1.0, "{}", left(&all));
        // Thirty of ninety seconds are over. The second of three parts is then the next thirty
        // seconds.
        let begun = Instant::now().checked_sub(Duration::from_secs(30)).unwrap();
        assert!(
            (left(&whole.share(begun, 1, 3)) - 30.0).abs() < 1.0,
            "{}",
            left(&whole.share(begun, 1, 3))
        );
    }
}

/// A simulation of a fleet that is too large for a machine. docs/ecs.md has its result.
#[cfg(all(test, feature = "simulation"))]
mod simulation {
    use std::cell::{Cell, RefCell};

    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;

    use super::*;

    /// The GetSecretValue requests per second that AWS allows for an account in a region.
    const QUOTA: f64 = 10_000.0;
    /// The requests that AWS allows in a burst, after a time without requests. AWS doesn't publish
    /// this number, so we assume the requests of a tenth of a second.
    const BURST: f64 = QUOTA / 10.0;
    /// The default of `--timeout`, in seconds.
    const TIMEOUT: usize = 30;
    /// The time from a request to its answer, which is another assumption.
    const ANSWER: Duration = Duration::from_millis(10);

    /// A token bucket of [`BURST`] requests, refilled with [`QUOTA`] per second.
    struct Bucket {
        left: f64,
        filled: Instant,
    }

    impl Bucket {
        fn take_token(&mut self) -> bool {
            let now = Instant::now();
            self.left = BURST.min(self.left + (now - self.filled).as_secs_f64() * QUOTA);
            self.filled = now;
            let has_token = self.left >= 1.0;
            self.left -= f64::from(u8::from(has_token));
            has_token
        }
    }

    struct Launched {
        /// The time until the launch has the secret; `None` if it never gets it.
        time: Option<Duration>,
        /// The number of its requests in each second of `--timeout`.
        requests: [u32; TIMEOUT],
    }

    /// Simulates a launch with one secret.
    async fn launch(is_granted: impl Fn() -> bool) -> Launched {
        let (begun, requests) = (Instant::now(), Cell::new([0; TIMEOUT]));
        let attempt = async || {
            let mut counts = requests.get();
            counts[begun.elapsed().as_secs() as usize] += 1;
            requests.set(counts);
            let is_granted = is_granted();
            tokio::time::sleep(ANSWER).await;
            if is_granted {
                Ok(())
            } else {
                Err(FetchError::outage(OutageKind::Throttled, "Rate exceeded"))
            }
        };
        let deadline = Deadline::new(Duration::from_secs(TIMEOUT as u64));
        let result = RetryBudget::new(deadline, None).retry(attempt).await;
        Launched {
            time: result.is_ok().then(|| begun.elapsed()),
            requests: requests.get(),
        }
    }

    /// Simulates a fleet of launches that start together. The clock is simulated, too, and jumps to
    /// the next event.
    fn run_fleet(launches: u64, is_granted: impl Fn() -> bool) -> Vec<Launched> {
        fastrand::seed(launches);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let fleet: FuturesUnordered<_> = (0..launches).map(|_| launch(&is_granted)).collect();
            fleet.collect().await
        })
    }

    #[test]
    fn a_fleet_that_starts_at_once_gets_its_secrets() {
        println!(
            "\n| launches | succeed | half of them within | the last after | requests of a launch, mean | at most |"
        );
        println!("|---|---|---|---|---|---|");
        for launches in [1_000, 10_000, 100_000] {
            let service = RefCell::new(None);
            let ended = run_fleet(launches, || {
                let mut service = service.borrow_mut();
                let bucket = service.get_or_insert_with(|| Bucket {
                    left: BURST,
                    filled: Instant::now(),
                });
                bucket.take_token()
            });
            let times = ended.iter().filter_map(|launched| launched.time);
            let mut times: Vec<f64> = times.map(|time| time.as_secs_f64()).collect();
            times.sort_by(f64::total_cmp);
            let (half, last) = (times[times.len() / 2], times[times.len() - 1]);
            let requests = ended
                .iter()
                .map(|launched| launched.requests.iter().sum::<u32>());
            let mean = f64::from(requests.clone().sum::<u32>()) / ended.len() as f64;
            let most = requests.max().unwrap();
            println!(
                "| {launches} | {} | {half:.2} s | {last:.2} s | {mean:.2} | {most} |",
                times.len()
            );
            assert_eq!(times.len(), ended.len());
        }
    }

    #[test]
    fn a_fleet_that_is_throttled_until_its_deadline_does_not_end_with_a_burst_of_requests() {
        let launches = 10_000;
        let ended = run_fleet(launches, || false);
        let per_second: Vec<f64> = (0..TIMEOUT)
            .map(|second| {
                let requests = ended.iter().map(|launched| launched.requests[second]);
                f64::from(requests.sum::<u32>()) / launches as f64
            })
            .collect();
        println!("requests of a launch in each second: {per_second:.2?}");
        assert!(ended.iter().all(|launched| launched.time.is_none()));
        // In the first second, each launch sends its first request. In no later second are there
        // more requests than launches.
        assert!(
            per_second[1..].iter().all(|requests| *requests < 1.1),
            "{per_second:.2?}"
        );
    }
}
