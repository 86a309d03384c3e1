//! Failures of an operation or a path of the fake: of its first answers, of all, or of all for some time.

use std::time::{Duration, Instant};

use super::Aws;
use super::fault::Fault;

/// The failure of one operation, until so many answers have failed or the time is over.
pub struct Trouble {
    fault: Fault,
    /// The answers that have yet to fail.
    left: usize,
    time: Duration,
    /// The first request. `time` counts from there, so that a launch that starts late meets the fault all the same.
    began: Option<Instant>,
}

impl Trouble {
    /// A failure of all answers.
    pub fn lasting(fault: Fault) -> Self {
        Self { fault, left: usize::MAX, time: Duration::MAX, began: None }
    }

    /// The fault of the next answer; `None` when the trouble is over.
    pub fn next(&mut self) -> Option<Fault> {
        let began = *self.began.get_or_insert_with(Instant::now);
        if self.left == 0 || began.elapsed() >= self.time {
            return None;
        }
        self.left -= 1;
        Some(self.fault.clone())
    }
}

impl Aws {
    /// Fails every request of an operation or a path.
    pub fn fails(self, operation: &str, fault: Fault) -> Self {
        self.trouble(operation, Trouble::lasting(fault))
    }

    /// Fails the first `times` requests of an operation or a path, and answers the others.
    pub fn fails_first(self, operation: &str, times: usize, fault: Fault) -> Self {
        self.trouble(operation, Trouble { fault, left: times, time: Duration::MAX, began: None })
    }

    /// Fails every request until `time` after the first one.
    pub fn fails_for(self, operation: &str, time: Duration, fault: Fault) -> Self {
        self.trouble(operation, Trouble { fault, left: usize::MAX, time, began: None })
    }

    fn trouble(self, operation: &str, trouble: Trouble) -> Self {
        self.shared.service().troubles.insert(operation.to_owned(), trouble);
        self
    }
}
