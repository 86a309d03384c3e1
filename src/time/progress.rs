//! The progress of a resolution: what is awaited, the last reason for that, warnings, and the events that `-vv` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The progress of a resolution. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    state: Arc<Mutex<ProgressState>>,
    /// The function that prints events; `None` without `-vv`.
    trace: Option<fn(&str)>,
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
    pub fn new(trace: Option<fn(&str)>) -> Self {
        Self {
            trace,
            ..Self::default()
        }
    }

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
        self.trace.is_some()
    }

    /// Traces an event.
    pub fn trace(&self, event: impl FnOnce() -> String) {
        if let Some(trace) = self.trace {
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
