//! The deadline of a resolution: a point in time, `--timeout` after its beginning.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::progress::Progress;

/// A deadline. Clones share one state.
#[derive(Clone, Debug)]
pub struct Deadline {
    timeout: Duration,
    /// `None` during a question to the user.
    end: Arc<Mutex<Option<Instant>>>,
    progress: Progress,
}

impl Deadline {
    /// Starts the timeout.
    pub fn new(timeout: Duration) -> Self {
        let end = Instant::now() + timeout;
        Self { timeout, end: Arc::new(Mutex::new(Some(end))), progress: Progress::default() }
    }

    /// Returns the deadline with a function that prints the events of its progress.
    #[must_use]
    pub fn traced_by(self, trace: Option<fn(&str)>) -> Self {
        Self { progress: Progress::new(trace), ..self }
    }

    /// `None` during a question to the user.
    pub fn end(&self) -> Option<Instant> {
        *self.lock()
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.end().map_or(self.timeout, |end| end.saturating_duration_since(Instant::now()))
    }

    /// Starts the timeout again.
    pub fn restart(&self) {
        *self.lock() = Some(Instant::now() + self.timeout);
    }

    /// Runs a future with at most `limit` of the time that is left.
    pub async fn limited<T>(&self, limit: Option<Duration>, future: impl Future<Output = T>) -> T {
        let end = self.end();
        if let Some(limit) = limit {
            *self.lock() = Some(Instant::now() + limit.min(self.left()));
        }
        let output = future.await;
        *self.lock() = end;
        output
    }

    /// Asks the user `question`, whose time does not count.
    pub fn asking<T>(&self, question: impl FnOnce() -> T) -> T {
        let left = self.left();
        *self.lock() = None;
        let answer = question();
        *self.lock() = Some(Instant::now() + left);
        answer
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
