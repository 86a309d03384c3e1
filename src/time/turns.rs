//! Decides which request may be sent next to an endpoint that fails.
//!
//! The requests of a launch to one endpoint (a service in a region) take turns while the endpoint
//! fails. So a launch with a hundred secrets puts little more load on a recovering service than a
//! launch with one secret:
//!
//! ```text
//! request A  ──x··············▸ waits for its turn          x  a failure that is retried
//! request B  ──x··pause··x················▸ waits again     o  any other answer
//! request C  ──x·········pause··········o                   ·  a wait, without a request
//! request A                             └─────o
//! request D                (never sent) └─────o             └  follows immediately
//! ```
//!
//! - While the endpoint fails, a request needs a lock for its pause and its attempt, even if it
//!   hasn't been sent yet. The lock is fair. Requests in flight continue.
//! - An answer that isn't retried (a value, a denial or an absence) shows that the endpoint works
//!   again. The waiting requests then follow together and without pauses. After throttling, they
//!   follow one by one, because AWS would throttle most of them again. The simulation
//!   (`simulation.rs`) shows that a launch then ends just as early, with fewer requests.
//! - Requests that were sent together fail together, so only the first of their failures is
//!   counted.
//! - The limits on attempts (AWS_MAX_ATTEMPTS, malformed answers) also apply to all failures of the
//!   endpoint together. Once a limit is reached, all waiting requests end with the same error.
//! - After a timeout, the server may be silent for twice as long, up to half of the remaining time.
//!   The other half is for one more attempt, in case the service comes back late.
//! - If a launch can ask another region, an endpoint that hasn't answered any request gives way to
//!   it after [`PATIENCE`]. Throttling is an answer, because the endpoint works.
//!
//! The SDK repeats each request on its own, and a bucket of tokens ends the attempts of a client
//! that fails too often (aws-sdk-rust#1234, closed; smithy-rs#4749 is about the pauses of 2026).
//! Nothing was found upstream about taking turns.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::model::message::{Cause, FetchError, OutageKind};

/// Before the first timeout, an attempt fails if the server is silent for longer than this.
pub const SILENCE: Duration = Duration::from_secs(5);

/// An endpoint that hasn't answered for this long gives way to another region. This time is longer
/// than [`SILENCE`], so a healthy endpoint gets a second attempt after a lost connection.
pub const PATIENCE: Duration = Duration::from_secs(6);

/// Permission to send a request. `None` while requests don't have to take turns.
pub(super) type Turn<'t> = Option<MutexGuard<'t, ()>>;

/// What all of a launch's requests to the same endpoint share.
#[derive(Default)]
pub struct Turns {
    lock: Mutex<()>,
    /// Each unfinished request holds a clone ([`Self::join`]).
    requests: Rc<()>,
    failures: Cell<Failures>,
    /// Once a request has used up the allowed attempts, all waiting requests end.
    is_used_up: Cell<bool>,
    last_failure: RefCell<Option<FetchError>>,
    /// How long the server may be silent. Before the first timeout, this is zero, which stands for
    /// [`SILENCE`].
    longer_silence: Cell<Duration>,
    first_sent: Cell<Option<Instant>>,
    /// True once the endpoint has answered, even if the only answer was throttling.
    has_answered: Cell<bool>,
}

/// All failures, and the malformed answers among them.
#[derive(Clone, Copy, Default)]
pub(super) struct Failures {
    pub all: u32,
    pub malformed: u32,
}

impl Turns {
    /// Counts a request as unfinished until the returned value is dropped.
    pub(super) fn join(&self) -> Rc<()> {
        Rc::clone(&self.requests)
    }

    /// Waits until the request may be sent. Keep the turn until the attempt has ended.
    pub(super) async fn turn(&self) -> Turn<'_> {
        if !self.must_take_turns() {
            return None;
        }
        let turn = self.lock.lock().await;
        if !self.must_take_turns() {
            return None;
        }
        Some(turn)
    }

    fn must_take_turns(&self) -> bool {
        let throttled = Cause::Outage(OutageKind::Throttled);
        let last = self.last_failure.borrow();
        let is_throttled = last.as_ref().is_some_and(|last| last.cause() == throttled);
        self.failures() > 0 || (is_throttled && self.has_several_requests())
    }

    /// True if more than one request is unfinished.
    pub(super) fn has_several_requests(&self) -> bool {
        // The field itself also holds a reference.
        Rc::strong_count(&self.requests) > 2
    }

    /// Failures since the endpoint last answered.
    pub(super) fn failures(&self) -> u32 {
        self.failures.get().all
    }

    /// Records that a request is being sent, and returns [`Self::failures()`].
    pub(super) fn record_sending(&self) -> u32 {
        let first = self.first_sent.get().unwrap_or_else(Instant::now);
        self.first_sent.set(Some(first));
        self.failures()
    }

    /// When this endpoint gives way to another region, because it doesn't answer or because the
    /// requests have a time limit (`is_limited`). `None` if it doesn't give way.
    pub(super) fn gives_way_at(&self, is_limited: bool) -> Option<Instant> {
        if self.has_answered.get() && !is_limited {
            return None;
        }
        Some(self.first_sent.get()? + PATIENCE)
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.is_used_up.get()
    }

    /// The endpoint's latest failure.
    pub(super) fn last_failure(&self) -> Option<FetchError> {
        self.last_failure.borrow().clone()
    }

    pub(super) fn silence(&self) -> Duration {
        self.longer_silence.get().max(SILENCE)
    }

    /// Records an answer that isn't retried.
    pub(super) fn answered(&self) {
        self.has_answered.set(true);
        self.failures.take();
        self.is_used_up.take();
    }

    /// Lets the next fetch start without a pause. Keeps the raised limit on the server's silence,
    /// because the server needed the time.
    pub fn forget_failures(&self) {
        self.answered();
        self.last_failure.take();
        self.first_sent.take();
        self.has_answered.take();
    }

    /// Records a failure after which the request is retried, and returns the failures since the
    /// endpoint last answered.
    ///
    /// `failures_before` is what [`Self::record_sending`] returned for this attempt, and `silence`
    /// is how long the server was allowed to be silent in it.
    pub(super) fn failed(
        &self,
        failures_before: u32,
        silence: Duration,
        outage: &FetchError,
    ) -> Failures {
        if outage.cause() == Cause::Outage(OutageKind::Timeout) {
            let longer = silence.saturating_mul(2);
            self.longer_silence.set(longer.max(self.silence()));
        }
        if outage.cause() == Cause::Outage(OutageKind::Throttled) {
            self.has_answered.set(true);
        }
        let mut failures = self.failures.get();
        // Requests that were sent together count as one failure. If this is false, another of them
        // failed first and was counted.
        if failures.all <= failures_before {
            failures.all += 1;
            failures.malformed += u32::from(outage.is_malformed());
            self.failures.set(failures);
        }
        self.last_failure.replace(Some(outage.clone()));
        failures
    }

    /// Ends all waiting requests, because one has used up the allowed attempts.
    pub(super) fn use_up(&self) {
        self.is_used_up.set(true);
    }
}
