//! The time that a launch has (the deadline), and what the launch is doing (the progress). The
//! worker changes them, and the main thread reads them while it waits.
//!
//! The deadline is `--timeout` after the beginning of a try. Only with `--wait` can a launch have
//! several tries. ARCHITECTURE.md, "Time", shows all time limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::model::message::Record;
use crate::model::options::Options;
use crate::system::lifecycle::locked;

/// A launch's deadline and progress. All clones share the same state.
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
    /// `None` while we wait for the user's answer, which has no time limit.
    end: Option<Instant>,
    /// The end of the limit of [`Deadline::with_limit`]. After this moment, a launch with `--cache`
    /// uses cached values.
    limit: Option<Instant>,
}

impl Deadline {
    /// A deadline that is `timeout` from now.
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

    /// Applies `--timeout`, `--wait` and `-vv`. The timeout is still measured from the deadline's
    /// creation. This is called again once the options in the declarations are known.
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

    /// The deadline itself, without the limit of [`Self::with_limit`]. `None` while we wait for the
    /// user's answer.
    pub fn end(&self) -> Option<Instant> {
        self.lock().end
    }

    /// The time until the deadline or the limit of [`Self::with_limit`]. While we wait for the
    /// user's answer, this is always the full timeout.
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

    /// The remaining time of `--wait`. `None` without `--wait`, or when its time is over.
    pub fn wait_left(&self) -> Option<Duration> {
        let times = *self.lock();
        times.wait?.checked_sub(times.begun.elapsed())
    }

    /// The longest time that the launch can still take. With `--wait`, the last try has the whole
    /// timeout.
    pub fn longest_left(&self) -> Duration {
        match self.wait_left() {
            Some(wait_left) => wait_left.saturating_add(self.lock().timeout),
            None => self.left(),
        }
    }

    /// Restarts the timeout for another try, which begins after `pause`. Removes the limit of
    /// [`Self::with_limit`].
    pub fn restart_after(&self, pause: Duration) {
        let mut times = self.lock();
        times.end = Some(Instant::now() + pause + times.timeout);
        times.limit = None;
    }

    /// Limits [`Self::left`] to `limit` until the returned future is ready. The limit starts now,
    /// not when the future is first polled. It doesn't cancel `future`, but requests that `future`
    /// sends fail when no time is left.
    // An `async fn` would need the memory for `future` twice.
    pub fn with_limit<T>(
        &self,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        self.lock().limit = limit.map(|limit| Instant::now() + limit);
        future.inspect(|_| self.lock().limit = None)
    }

    /// Extends the deadline by the time that the user takes to answer `question`. Must not be
    /// called within [`Self::with_limit`], because that limit isn't extended.
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

/// What a launch is waiting for, and its warnings and notes so far. All clones share the same
/// state.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<ProgressState>>);

/// What a launch is waiting for, and why its last attempt failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The request or file that has been awaited the longest.
    pub awaited: Option<String>,
    /// The number of other requests and files.
    pub others: usize,
    pub reason: Option<String>,
}

#[derive(Debug, Default)]
struct ProgressState {
    /// The requests and files, in the order in which the waits began.
    awaited: BTreeMap<u64, String>,
    /// Why the latest attempt failed.
    reason: Option<String>,
    attempts: usize,
    /// When the launch last stopped waiting for a request or a file.
    waited_until: Option<Instant>,
    /// The warnings and notes by message. The keys of details, which need `--verbose`, begin with
    /// `true`, so details come last.
    notices: BTreeMap<(bool, String), Record>,
    /// `None` without `-vv`.
    trace: Option<fn(&str)>,
}

/// A wait for a request or a file, which ends when this value is dropped.
pub struct Awaited {
    number: u64,
    progress: Progress,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.progress.with_state(|state| {
            state.awaited.remove(&self.number);
            state.waited_until = Some(Instant::now());
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

    /// Records why an attempt failed. The reason is forgotten when the launch is no longer waiting
    /// for anything.
    pub fn note_reason(&self, why: String) {
        self.with_state(|state| state.reason = Some(why));
    }

    /// Counts an attempt of a named request.
    pub(super) fn count_attempt(&self) {
        self.with_state(|state| state.attempts += 1);
    }

    /// The attempts so far, of all requests with a name (`RetryBudget::for_request`).
    pub fn attempts(&self) -> usize {
        self.with_state(|state| state.attempts)
    }

    /// The time from `begun` until the launch last stopped waiting. A request that only asks STS
    /// for the caller's identity doesn't count, because no value depends on it.
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

    /// Adds a warning or a note, which is printed after the worker has ended. Only the last one
    /// with the same message is printed.
    pub fn add(&self, notice: Record) {
        let parts = notice.parts();
        let key = (parts.is_detail, parts.message.clone());
        self.with_state(|state| state.notices.insert(key, notice));
    }

    /// The warnings and notes, sorted by their messages, with details last.
    pub fn notices(&self) -> Vec<Record> {
        self.with_state(|state| state.notices.values().cloned().collect())
    }

    /// What the launch is waiting for now.
    pub fn waiting(&self) -> Waiting {
        self.with_state(|state| Waiting {
            awaited: state.awaited.values().next().cloned(),
            others: state.awaited.len().saturating_sub(1),
            reason: state.reason.clone(),
        })
    }

    /// True with `-vv`.
    pub fn is_traced(&self) -> bool {
        self.with_state(|state| state.trace.is_some())
    }

    /// Prints an event if `-vv` is set.
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
