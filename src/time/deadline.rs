//! The deadline of a resolution: a point in time, `--timeout` after its beginning.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::progress::Progress;

/// A deadline. Clones share one state.
#[derive(Clone, Debug)]
pub struct Deadline {
    timeout: Duration,
    times: Arc<Mutex<Times>>,
    progress: Progress,
}

#[derive(Debug)]
struct Times {
    /// `None` during a question to the user.
    end: Option<Instant>,
    /// An earlier end of what runs now, after which something else may give the values.
    limit: Option<Instant>,
}

impl Deadline {
    /// Starts the timeout.
    pub fn new(timeout: Duration) -> Self {
        let times = Times {
            end: Some(Instant::now() + timeout),
            limit: None,
        };
        Self {
            timeout,
            times: Arc::new(Mutex::new(times)),
            progress: Progress::default(),
        }
    }

    /// Returns the deadline with a function that prints the events of its progress.
    #[must_use]
    pub fn traced_by(self, trace: Option<fn(&str)>) -> Self {
        Self {
            progress: Progress::new(trace),
            ..self
        }
    }

    /// The end of the resolution, whatever is limited now; `None` during a question to the user.
    pub fn end(&self) -> Option<Instant> {
        self.lock().end
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        let Times { end, limit } = *self.lock();
        let Some(end) = end else { return self.timeout };
        limit
            .map_or(end, |limit| limit.min(end))
            .saturating_duration_since(Instant::now())
    }

    /// Starts the timeout again.
    pub fn restart(&self) {
        *self.lock() = Times {
            end: Some(Instant::now() + self.timeout),
            limit: None,
        };
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
        *self.lock() = Times {
            end: Some(Instant::now() + left),
            limit: None,
        };
        answer
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
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
}
