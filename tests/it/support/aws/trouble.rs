//! Makes an operation, or a path, of the fake fail: its first answers, all of them, or all for a while.

use std::time::{Duration, Instant};

use super::Aws;
use super::fault::Fault;

/// What goes wrong with one operation before it is answered as ever.
pub struct Trouble {
    fault: Fault,
    /// So many answers, unless the time is over before.
    left: usize,
    time: Duration,
    /// The first request; the time is counted from there, however long a launch takes to begin.
    began: Option<Instant>,
}

impl Trouble {
    /// The fault of the next answer, if the trouble is not over.
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
        self.trouble(operation, Trouble { fault, left: usize::MAX, time: Duration::MAX, began: None })
    }

    /// Fails so many requests of an operation or a path, and answers the others.
    pub fn fails_first(self, operation: &str, times: usize, fault: Fault) -> Self {
        self.trouble(operation, Trouble { fault, left: times, time: Duration::MAX, began: None })
    }

    /// Fails every request until so long after the first one.
    pub fn fails_for(self, operation: &str, time: Duration, fault: Fault) -> Self {
        self.trouble(operation, Trouble { fault, left: usize::MAX, time, began: None })
    }

    fn trouble(self, operation: &str, trouble: Trouble) -> Self {
        self.shared.service().troubles.insert(operation.to_owned(), trouble);
        self
    }
}
