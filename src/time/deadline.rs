//! The time that a launch has (the deadline), and what the launch is doing (the progress).
//!
//! The deadline is `--timeout` after the beginning of a try. (Only with `--wait` can a launch have
//! several tries.) Code that has to wait asks how much time is left. ARCHITECTURE.md, "Time", shows
//! all time limits.
//!
//! The progress is what the launch is waiting for, why the last attempt failed, and the warnings,
//! notes and `-vv` events to print. The worker changes the deadline and the progress, and the main
//! thread reads them while it waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::model::message::Record;
use crate::model::options::Options;
use crate::system::lifecycle::locked;

/// The time by which a launch must end, and the launch's progress. All clones share the same state.
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
    /// The deadline itself. `None` while we wait for the user's answer, which has no time limit.
    end: Option<Instant>,
    /// When the time limit of [`Deadline::with_limit`] ends. After that, a launch with `--cache`
    /// uses cached values.
    limit: Option<Instant>,
}

impl Deadline {
    /// Creates a deadline that is `timeout` from now.
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

    /// Applies `--timeout` and `--wait`. The timeout is still measured from the deadline's
    /// creation. With `-vv`, `trace` prints the events from now on. This function is called a
    /// second time once the options in the declarations are known.
    pub fn set_options(&self, options: &Options, trace: fn(&str)) {
        let mut times = self.lock();
        times.timeout = options.timeout;
        times.wait = options.wait;
        times.end = Some(times.begun + options.timeout);
        self.progress
            .with_state(|state| state.trace = options.trace.then_some(trace));
    }

    pub fn elapsed(&self) -> Duration {
        self.lock().begun.elapsed()
    }

    /// The moment when the launch's time is up. A limit set by [`Self::with_limit`] doesn't change
    /// it. `None` while we wait for the user's answer, which has no time limit.
    pub fn end(&self) -> Option<Instant> {
        self.lock().end
    }

    /// The time left until the deadline or until the limit set by [`Self::with_limit`], whichever
    /// comes first. While we wait for the user to type an answer, this is always the full timeout.
    pub fn left(&self) -> Duration {
        let times = *self.lock();
        let Some(deadline) = times.end else {
            return times.timeout;
        };
        let end = times.limit.map_or(deadline, |limit| limit.min(deadline));
        end.saturating_duration_since(Instant::now())
    }

    /// True while a limit is set by [`Self::with_limit`].
    pub fn is_limited(&self) -> bool {
        self.lock().limit.is_some()
    }

    /// The remaining time of `--wait`, during which another try can begin.
    pub fn wait_left(&self) -> Option<Duration> {
        let times = *self.lock();
        times.wait?.checked_sub(times.begun.elapsed())
    }

    /// The longest time that the launch can still take. With `--wait`, the last try can begin just
    /// before [`Self::wait_left`] runs out, and then has the whole `--timeout`.
    pub fn longest_left(&self) -> Duration {
        match self.wait_left() {
            Some(wait_left) => wait_left.saturating_add(self.lock().timeout),
            None => self.left(),
        }
    }

    /// Restarts the timeout for another try, which begins after `pause`. Also removes the limit of
    /// [`Self::with_limit`].
    pub fn restart_after(&self, pause: Duration) {
        let mut times = self.lock();
        times.end = Some(Instant::now() + pause + times.timeout);
        times.limit = None;
    }

    /// Wraps `future` in a time limit, which starts now, not when the future is first polled.
    ///
    /// Until the returned future is ready, [`Self::left`] returns at most what remains of `limit`.
    /// The limit doesn't cancel `future`, but the requests in `future` fail when no time is left.
    // An `async fn` would need the memory for `future` twice.
    pub fn with_limit<T>(
        &self,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        self.lock().limit = limit.map(|limit| Instant::now() + limit);
        future.inspect(|_| self.lock().limit = None)
    }

    /// Calls `question`, which asks the user something, and returns the answer. Extends the
    /// deadline by the time that the user takes. Must not be called within [`Self::with_limit`],
    /// because that limit isn't extended.
    pub fn wait_for_user<T>(&self, question: impl FnOnce() -> T) -> T {
        let left = self.left();
        self.lock().end = None;
        let answer = question();
        self.lock().end = Some(Instant::now() + left);
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        locked(&self.times)
    }
}

/// The progress of a launch: what it is waiting for, and the warnings and notes so far. All clones
/// share the same state.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<ProgressState>>);

/// A description of what a launch is waiting for, and why its last attempt failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The request or file that has been awaited the longest.
    pub awaited: Option<String>,
    /// The number of other requests and files that the launch is waiting for.
    pub others: usize,
    pub reason: Option<String>,
}

#[derive(Debug, Default)]
struct ProgressState {
    /// The requests and files that the launch is waiting for, numbered in the order in which the
    /// waits began.
    awaited: BTreeMap<u64, String>,
    /// The reason why the latest attempt failed.
    reason: Option<String>,
    attempts: usize,
    /// When the launch last stopped waiting for a request or a file.
    waited_until: Option<Instant>,
    /// The warnings and notes so far, by message. The keys of details begin with `true`, so details
    /// come last.
    notices: BTreeMap<(bool, String), Record>,
    /// The function that prints events. `None` without `-vv`.
    trace: Option<fn(&str)>,
}

/// A request or a file that the launch waits for. Dropping this value ends the wait.
pub struct Awaited {
    number: u64,
    progress: Progress,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.progress.with_state(|state| {
            state.awaited.remove(&self.number);
            state.waited_until = Some(Instant::now());
            // Once the launch waits for nothing, the reason for an earlier failure no longer
            // matters.
            if state.awaited.is_empty() {
                state.reason = None;
            }
        });
    }
}

impl Progress {
    /// Records that the launch is waiting for `what`, until the returned value is dropped.
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

    /// Records why an attempt failed. The reason is forgotten once the launch no longer waits for
    /// anything.
    pub fn note_reason(&self, why: String) {
        self.with_state(|state| state.reason = Some(why));
    }

    /// Counts an attempt of a named request ([`Self::attempts`]).
    pub(super) fn count_attempt(&self) {
        self.with_state(|state| state.attempts += 1);
    }

    /// The total number of attempts so far, for all requests with a name
    /// (`RetryBudget::for_request`).
    pub fn attempts(&self) -> usize {
        self.with_state(|state| state.attempts)
    }

    /// The time from `begun` until the launch last stopped waiting for a request or a file.
    ///
    /// Zero if it hasn't waited since `begun`. Requests that only ask STS who the caller is aren't
    /// included, because no value depends on them.
    pub fn waited_since(&self, begun: Instant) -> Duration {
        let waited_until = self.with_state(|state| state.waited_until);
        waited_until.unwrap_or(begun).duration_since(begun)
    }

    /// Adds a warning ([`Self::add`]).
    pub fn warn(&self, text: String) {
        self.add(Record::warning(text));
    }

    /// Adds a note that text output shows only with `--verbose` ([`Self::add`]).
    pub fn note(&self, text: String) {
        self.add(Record::note(text).event("trace").detail());
    }

    /// Adds a warning or a note, which is printed after the worker has ended. If several have the
    /// same message, only the last one is printed.
    pub fn add(&self, notice: Record) {
        let parts = notice.parts();
        let key = (parts.is_detail, parts.message.clone());
        self.with_state(|state| state.notices.insert(key, notice));
    }

    /// The warnings and notes, sorted by their messages. Details come last.
    pub fn notices(&self) -> Vec<Record> {
        self.with_state(|state| state.notices.values().cloned().collect())
    }

    /// Describes what the launch is waiting for now, and why its last attempt failed.
    pub fn waiting(&self) -> Waiting {
        self.with_state(|state| Waiting {
            awaited: state.awaited.values().next().cloned(),
            others: state.awaited.len().saturating_sub(1),
            reason: state.reason.clone(),
        })
    }

    /// True if `-vv` is set, so events are printed.
    pub fn is_traced(&self) -> bool {
        self.with_state(|state| state.trace.is_some())
    }

    /// Prints an event if `-vv` is set. Otherwise, `event` isn't called, so its text isn't even
    /// built.
    pub fn trace(&self, event: impl FnOnce() -> String) {
        if let Some(trace) = self.with_state(|state| state.trace) {
            trace(&event());
        }
    }

    fn with_state<T>(&self, change: impl FnOnce(&mut ProgressState) -> T) -> T {
        change(&mut locked(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The main thread ends the process at the deadline. A limit must not move the deadline,
    /// because an answer that arrives after the limit can still be used.
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
}
