//! Makes an operation, or a path, of the fake fail: its first answers, all of them, or all for a while.

use std::time::{Duration, Instant};

use super::Aws;
use super::fault::Fault;

/// What goes wrong with one operation before it is answered as ever.
pub struct Trouble {
    fault: Fault,
    /// So many answers, unless the time is over before.
    left: usize,
    until: Option<Instant>,
}

impl Trouble {
    /// The fault of the next answer, if the trouble is not over.
    pub fn next(&mut self) -> Option<Fault> {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        if self.left == 0 || is_late {
            return None;
        }
        self.left -= 1;
        Some(self.fault.clone())
    }
}

impl Aws {
    /// Fails every request of an operation or a path.
    pub fn fails(self, operation: &str, fault: Fault) -> Self {
        self.trouble(operation, Trouble { fault, left: usize::MAX, until: None })
    }

    /// Fails so many requests of an operation or a path, and answers the others.
    pub fn fails_first(self, operation: &str, times: usize, fault: Fault) -> Self {
        self.trouble(operation, Trouble { fault, left: times, until: None })
    }

    /// Fails every request that comes before the time is over.
    pub fn fails_for(self, operation: &str, time: Duration, fault: Fault) -> Self {
        self.trouble(operation, Trouble { fault, left: usize::MAX, until: Some(Instant::now() + time) })
    }

    fn trouble(self, operation: &str, trouble: Trouble) -> Self {
        self.shared.service().troubles.insert(operation.to_owned(), trouble);
        self
    }
}
