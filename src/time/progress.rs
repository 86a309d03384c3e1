//! The progress of a resolution: what is awaited, the last reason for that, and the events that `-vv` prints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::answer::{FetchError, Outage};

/// The progress of a resolution. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    state: Arc<Mutex<State>>,
    observer: Observer,
}

/// The functions that are told of progress.
#[derive(Clone, Copy, Debug)]
pub struct Observer {
    /// Called whenever the status changes.
    pub changed: fn(&Status),
    /// Called for each event; `None` without `-vv`.
    pub trace: Option<fn(&Event)>,
}

impl Default for Observer {
    fn default() -> Self {
        Self { changed: |_| {}, trace: None }
    }
}

/// The requests and files that are awaited now, and the last error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The first [`LISTED`] things that are awaited, the earliest first.
    pub awaited: Vec<String>,
    /// The number of the others.
    pub others: usize,
    /// The reason of the last attempt that failed.
    pub reason: Option<WaitReason>,
}

/// The reason of an attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitReason {
    Outage(Outage),
    /// A source of credentials or of a token, and its failure.
    Source(&'static str, String),
}

/// An event that `-vv` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The provider that has the credentials.
    Credentials { provider: &'static str },
    /// The ARN of the credentials of a role, or without one of those of the provider; `None` if STS did not answer.
    Identity { role: Option<String>, arn: Option<String> },
    /// One attempt of a request.
    Attempt {
        /// The operation, its subject and the endpoint.
        request: String,
        /// Counted from 1.
        number: u32,
        elapsed: Duration,
        failure: Option<FetchError>,
    },
}

/// The number of awaited things in a [`Status`] at most.
pub const LISTED: usize = 3;

#[derive(Debug, Default)]
struct State {
    next: u64,
    awaited: BTreeMap<u64, String>,
    reason: Option<WaitReason>,
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
    pub fn new(observer: Observer) -> Self {
        Self { observer, ..Self::default() }
    }

    /// Notes that `what` is awaited.
    #[must_use]
    pub fn awaits(&self, what: String) -> Awaited {
        let number = self.change(|state| {
            state.next += 1;
            state.awaited.insert(state.next, what);
            state.next
        });
        Awaited { number, progress: self.clone() }
    }

    /// Notes why an attempt failed.
    pub fn note_reason(&self, why: WaitReason) {
        self.change(|state| state.reason = Some(why));
    }

    pub fn status(&self) -> Status {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).status()
    }

    /// True if events are traced.
    pub fn is_traced(&self) -> bool {
        self.observer.trace.is_some()
    }

    /// Traces an event.
    pub fn trace(&self, event: impl FnOnce() -> Event) {
        if let Some(trace) = self.observer.trace {
            trace(&event());
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state);
        let status = state.status();
        drop(state);
        (self.observer.changed)(&status);
        result
    }
}

impl State {
    fn status(&self) -> Status {
        Status {
            awaited: self.awaited.values().take(LISTED).cloned().collect(),
            others: self.awaited.len().saturating_sub(LISTED),
            reason: self.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_what_is_awaited_is_listed_and_the_others_are_counted() {
        let progress = Progress::default();
        let awaited: Vec<_> = ["a", "b", "c", "d", "e"].map(|what| progress.awaits(what.to_owned())).into();
        let status = progress.status();
        assert_eq!((status.awaited, status.others), (vec!["a".into(), "b".into(), "c".into()], 2));
        drop(awaited);
        assert_eq!(progress.status(), Status::default());
    }

    #[test]
    fn a_reason_is_forgotten_when_nothing_is_awaited_any_more() {
        let progress = Progress::default();
        let (first, second) = (progress.awaits("a".to_owned()), progress.awaits("b".to_owned()));
        let reason = WaitReason::Outage(Outage::unanswered());
        progress.note_reason(reason.clone());
        drop(first);
        assert_eq!(progress.status().reason, Some(reason));
        drop(second);
        assert_eq!(progress.status().reason, None);
    }
}
