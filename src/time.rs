//! The deadline of a resolution, which is a point in time `--timeout` after its beginning, and the progress until then: what is awaited,
//! the last reason for that, warnings, and the events that `-vv` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use crate::model::options::Options;

/// A deadline. Clones share one state.
#[derive(Clone, Debug)]
pub struct Deadline {
    times: Arc<Mutex<Times>>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    begun: Instant,
    /// `--timeout`
    timeout: Duration,
    /// `--wait`
    wait: Option<Duration>,
    /// `None` during a question to the user.
    end: Option<Instant>,
    /// An earlier end of what runs now, after which something else may give the values.
    limit: Option<Instant>,
}

impl Deadline {
    /// Starts the timeout.
    pub fn new(timeout: Duration) -> Self {
        let begun = Instant::now();
        let times = Times {
            begun,
            timeout,
            wait: None,
            end: Some(begun + timeout),
            limit: None,
        };
        Self {
            times: Arc::new(Mutex::new(times)),
            progress: Progress::default(),
        }
    }

    /// Applies `--timeout`, which still counts from the beginning, and `--wait`. With `-vv`, `trace` prints the events from here on.
    pub fn set_options(&self, options: &Options, trace: fn(&str)) {
        let mut times = self.lock();
        times.timeout = options.timeout;
        times.wait = options.wait;
        times.end = Some(times.begun + options.timeout);
        self.progress.change(|state| {
            state.trace = options.trace.then_some(trace);
        });
    }

    /// The time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.lock().begun.elapsed()
    }

    /// The end of the resolution, whatever is limited now; `None` during a question to the user.
    pub fn end(&self) -> Option<Instant> {
        self.lock().end
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        let times = *self.lock();
        let Some(end) = times.end else {
            return times.timeout;
        };
        times
            .limit
            .map_or(end, |limit| limit.min(end))
            .saturating_duration_since(Instant::now())
    }

    /// The time that is left at most: until `--wait` is over, another try may begin, with a deadline of its own.
    pub fn longest_left(&self) -> Duration {
        let Times {
            begun,
            timeout,
            wait,
            ..
        } = *self.lock();
        let wait_left = wait.and_then(|wait| wait.checked_sub(begun.elapsed()));
        match wait_left {
            Some(wait_left) => wait_left.saturating_add(timeout),
            None => self.left(),
        }
    }

    /// Starts the timeout again.
    pub fn restart(&self) {
        let mut times = self.lock();
        times.end = Some(Instant::now() + times.timeout);
        times.limit = None;
    }

    /// Runs a future with at most `limit`, from this call, of the time that is left.
    // No `async fn`, as `RetryBudget::within`.
    pub fn limited<T>(
        &self,
        limit: Option<Duration>,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = T> {
        self.lock().limit = limit.map(|limit| Instant::now() + limit);
        future.inspect(|_| self.lock().limit = None)
    }

    /// Asks the user `question`, whose time does not count.
    pub fn asking<T>(&self, question: impl FnOnce() -> T) -> T {
        let left = self.left();
        self.lock().end = None;
        let answer = question();
        let mut times = self.lock();
        times.end = Some(Instant::now() + left);
        times.limit = None;
        answer
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The progress of a resolution. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    state: Arc<Mutex<ProgressState>>,
}

/// The requests and files that are awaited now, and the last error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The first [`LISTED`] things that are awaited, the earliest first.
    pub awaited: Vec<String>,
    /// The number of the others.
    pub others: usize,
    /// The reason of the last attempt that failed.
    pub reason: Option<String>,
}

/// The number of awaited things in a [`Waiting`] at most.
pub const LISTED: usize = 3;

#[derive(Debug, Default)]
struct ProgressState {
    next: u64,
    awaited: BTreeMap<u64, String>,
    reason: Option<String>,
    requests: usize,
    warnings: BTreeSet<String>,
    /// The function that prints events; `None` without `-vv`.
    trace: Option<fn(&str)>,
}

/// Something that is awaited until the value is dropped.
#[derive(Debug)]
pub struct Awaited {
    number: u64,
    progress: Progress,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.progress.change(|state| {
            state.awaited.remove(&self.number);
            if state.awaited.is_empty() {
                state.reason = None;
            }
        });
    }
}

impl Progress {
    /// Notes that `what` is awaited.
    #[must_use]
    pub fn awaits(&self, what: String) -> Awaited {
        let number = self.change(|state| {
            state.next += 1;
            state.awaited.insert(state.next, what);
            state.next
        });
        Awaited {
            number,
            progress: self.clone(),
        }
    }

    /// Notes why an attempt failed.
    pub fn note_reason(&self, why: String) {
        self.change(|state| state.reason = Some(why));
    }

    /// Counts an attempt at a request.
    pub fn count_request(&self) {
        self.change(|state| state.requests += 1);
    }

    /// The attempts at requests so far.
    pub fn requests(&self) -> usize {
        self.change(|state| state.requests)
    }

    /// Adds a warning, which is printed once, at the end of the resolution.
    pub fn warn(&self, text: String) {
        self.change(|state| state.warnings.insert(text));
    }

    pub fn warnings(&self) -> BTreeSet<String> {
        self.change(|state| state.warnings.clone())
    }

    pub fn waiting(&self) -> Waiting {
        self.change(|state| Waiting {
            awaited: state.awaited.values().take(LISTED).cloned().collect(),
            others: state.awaited.len().saturating_sub(LISTED),
            reason: state.reason.clone(),
        })
    }

    /// True if events are traced.
    pub fn is_traced(&self) -> bool {
        self.change(|state| state.trace.is_some())
    }

    /// Traces an event.
    pub fn trace(&self, event: impl FnOnce() -> String) {
        if let Some(trace) = self.change(|state| state.trace) {
            trace(&event());
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut ProgressState) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The main thread ends the process at the end: a worker that is late for a limit still has an answer.
    #[test]
    fn a_limit_shortens_the_time_that_is_left_and_leaves_the_end_where_it_is() {
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
