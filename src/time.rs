//! The deadline of a resolution, and its progress.
//!
//! The deadline is `--timeout` after the beginning. Everything that waits asks the deadline how
//! much time is left. ARCHITECTURE.md, "Time", shows it together with the other limits of a launch.
//! The progress is what the resolution waits for now, why the last attempt failed, and what is
//! printed about that: warnings, and the events of `-vv`. The worker changes both, and the main
//! thread reads them while it waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::model::options::Options;

/// The deadline of a resolution. All clones have the same state.
#[derive(Clone, Debug)]
pub struct Deadline {
    times: Arc<Mutex<Times>>,
    progress: Progress,
}

/// The moments and durations that a deadline is computed from.
#[derive(Clone, Copy, Debug)]
struct Times {
    begun: Instant,
    /// `--timeout`
    timeout: Duration,
    /// `--wait`
    wait: Option<Duration>,
    /// The deadline itself. `None` while the user is being asked for something, because the time
    /// for an answer isn't limited.
    end: Option<Instant>,
    /// An earlier end for what runs now, set by [`Deadline::limited`]. Once it has passed,
    /// something else may provide the values, such as the cache.
    limit: Option<Instant>,
}

impl Deadline {
    /// Creates a deadline that begins now.
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
    /// was created. With `-vv`, `trace` prints the events from now on.
    ///
    /// This function is called again when the declarations have been read, because a declaration
    /// can set these options, too.
    pub fn set_options(&self, options: &Options, trace: fn(&str)) {
        let mut times = self.lock();
        times.timeout = options.timeout;
        times.wait = options.wait;
        times.end = Some(times.begun + options.timeout);
        self.progress.with_state(|state| {
            state.trace = options.trace.then_some(trace);
        });
    }

    /// Returns the time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.lock().begun.elapsed()
    }

    /// Returns the time at which the resolution ends, even if [`Self::limited`] has set an earlier
    /// end for what runs now. Returns `None` while the user is being asked for something.
    pub fn end(&self) -> Option<Instant> {
        self.lock().end
    }

    /// Returns the time that is left for what runs now. While the user is being asked for
    /// something, this is the whole timeout.
    pub fn left(&self) -> Duration {
        let times = *self.lock();
        let Some(deadline) = times.end else {
            return times.timeout;
        };
        let end = times.limit.map_or(deadline, |limit| limit.min(deadline));
        end.saturating_duration_since(Instant::now())
    }

    /// Returns the longest time that the resolution can still take. As long as the time of `--wait`
    /// isn't up, another try can begin, and that try has the whole `--timeout`. Without `--wait`,
    /// this is the time until the deadline.
    pub fn longest_left(&self) -> Duration {
        let times = *self.lock();
        let wait_left = times
            .wait
            .and_then(|wait| wait.checked_sub(times.begun.elapsed()));
        match wait_left {
            Some(wait_left) => wait_left.saturating_add(times.timeout),
            None => self.left(),
        }
    }

    /// Starts the timeout again, for another try that begins after `pause`, and removes the limit
    /// of [`Self::limited`].
    pub fn restart_after(&self, pause: Duration) {
        let mut times = self.lock();
        times.end = Some(Instant::now() + pause + times.timeout);
        times.limit = None;
    }

    /// Runs a future with a time limit that may end before the deadline. The limit begins with this
    /// call, not with the first poll of the future, and is removed when the future is ready. If
    /// `limit` is `None`, only the deadline applies.
    // This isn't an `async fn`, for the same reason as `RetryBudget::within`.
    pub fn limited<T>(
        &self,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        self.lock().limit = limit.map(|limit| Instant::now() + limit);
        future.inspect(|_| self.lock().limit = None)
    }

    /// Calls `question`, which asks the user something and waits for the answer. The deadline is
    /// extended by the time that this takes. Must not be called within [`Self::limited`], whose
    /// limit would not be extended.
    pub fn asking<T>(&self, question: impl FnOnce() -> T) -> T {
        let left = self.left();
        self.lock().end = None;
        let answer = question();
        self.lock().end = Some(Instant::now() + left);
        answer
    }

    /// Returns the progress of this resolution.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Locks the times. A panic on another thread ends the process, so a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The progress of a resolution. All clones have the same state.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    state: Arc<Mutex<ProgressState>>,
}

/// The things that a resolution waits for, and the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The requests and files that are awaited, up to [`LISTED`] of them, with the earliest first.
    pub awaited: Vec<String>,
    /// The number of other requests and files that are awaited.
    pub others: usize,
    /// The reason why the last attempt failed.
    pub reason: Option<String>,
}

/// The maximum number of requests and files that a [`Waiting`] lists.
pub const LISTED: usize = 3;

/// The state that all clones of a [`Progress`] share.
#[derive(Debug, Default)]
struct ProgressState {
    /// The number of the last request or file that was awaited.
    last_number: u64,
    /// The requests and files that are awaited now. The one with the lowest number has been awaited
    /// for the longest time.
    awaited: BTreeMap<u64, String>,
    reason: Option<String>,
    requests: usize,
    warnings: BTreeSet<String>,
    notes: BTreeSet<String>,
    /// The function that prints events; `None` without `-vv`.
    trace: Option<fn(&str)>,
}

/// A request or a file that is awaited. When this value is dropped, the wait is over.
#[derive(Debug)]
pub struct Awaited {
    number: u64,
    progress: Progress,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.progress.with_state(|state| {
            state.awaited.remove(&self.number);
            if state.awaited.is_empty() {
                state.reason = None;
            }
        });
    }
}

impl Progress {
    /// Notes that `what` is awaited, until the returned value is dropped. Messages about a long
    /// wait name it.
    #[must_use]
    pub fn awaits(&self, what: String) -> Awaited {
        let number = self.with_state(|state| {
            state.last_number += 1;
            state.awaited.insert(state.last_number, what);
            state.last_number
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

    /// Counts an attempt to send a request.
    pub fn count_request(&self) {
        self.with_state(|state| state.requests += 1);
    }

    /// Returns the number of attempts so far, for all requests together.
    pub fn requests(&self) -> usize {
        self.with_state(|state| state.requests)
    }

    /// Adds a warning, which is printed once, at the end of the resolution.
    pub fn warn(&self, text: String) {
        self.with_state(|state| state.warnings.insert(text));
    }

    /// Returns the warnings so far.
    pub fn warnings(&self) -> BTreeSet<String> {
        self.with_state(|state| state.warnings.clone())
    }

    /// Adds a note, which is printed once with `-v`, at the end of the resolution.
    pub fn note(&self, text: String) {
        self.with_state(|state| state.notes.insert(text));
    }

    /// Returns the notes so far.
    pub fn notes(&self) -> BTreeSet<String> {
        self.with_state(|state| state.notes.clone())
    }

    /// Returns what the resolution waits for now.
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

    /// Prints an event with `-vv`. Without `-vv`, `event` isn't called, so its text isn't even
    /// built.
    pub fn trace(&self, event: impl FnOnce() -> String) {
        if let Some(trace) = self.with_state(|state| state.trace) {
            trace(&event());
        }
    }

    /// Locks the state and reads or changes it.
    fn with_state<T>(&self, change: impl FnOnce(&mut ProgressState) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The main thread ends the process at the deadline, so it must not move: the answer of a
    /// worker that is late for a limit can still be used.
    #[test]
    fn a_limit_shortens_the_time_that_is_left_but_not_the_deadline() {
        let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let deadline = Deadline::new(minute);
        let end = deadline.end();
        let limited = deadline.limited(Some(second), async { (deadline.left(), deadline.end()) });
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
