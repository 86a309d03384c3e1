//! Decides which request may be sent next to an endpoint that fails.
//!
//! The requests of a launch to one endpoint (a service in a region) share the pauses between their
//! attempts. So a launch with a hundred secrets puts little more load on a service that is
//! recovering than a launch with one secret:
//!
//! ```text
//! request A  ──x··············▸ waits for its turn          x  a failure that is retried
//! request B  ──x··pause··x················▸ waits again     o  any other answer
//! request C  ──x·········pause··········o                   ·  a wait, without a request
//! request A                             └─────o
//! request D                (never sent) └─────o             └  follows immediately
//! ```
//!
//! - After a failure, only one request is sent after each pause: the request with the longest wait.
//!   Requests that haven't been sent yet wait in the same line. Requests that are in flight
//!   continue.
//! - An answer that isn't retried (a value, a denial or an absence) shows that the endpoint works
//!   again. All waiting requests are then sent immediately, and the next failure begins with the
//!   shortest pause. After throttling, the waiting requests are sent one by one instead, without
//!   pauses, because AWS would throttle most of them again if they were sent together. The
//!   simulation shows that a launch then ends just as early, with less than half of the requests.
//! - Requests that were sent together fail together, so only the first of their failures is
//!   counted. An answer to a request that was sent before the latest failure doesn't prove that the
//!   endpoint works again. Such an answer only lets through the requests that haven't been sent
//!   yet, so that one secret that fails on its own doesn't hold up the others.
//! - The limits on the number of attempts (AWS_MAX_ATTEMPTS, malformed answers) also apply to the
//!   failures of the endpoint, whichever requests they belong to. Once such a limit is reached, all
//!   waiting requests end with the same error.
//! - An attempt that hasn't ended after [`SILENCE`] continues, but the next request may be sent. If
//!   the server was silent for too long in an attempt, it may be silent for twice as long in the
//!   next one, up to half of the time that is left. The other half leaves time to ask a service
//!   that comes back late once more.
//!
//! If a launch has only one request to an endpoint, the request waits for no other one, so its
//! pauses depend only on its own failures.
//!
//! In the SDK, each request is tried again on its own, and a bucket of tokens ends the attempts of
//! a client that fails too often (aws-sdk-rust#1234, closed; smithy-rs#4749 is about the pauses of
//! 2026). Nothing was found upstream about taking turns.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::model::answer::{Cause, FetchError, OutageKind};

/// The time for which the server may be silent during the first attempts. After the same time, an
/// attempt no longer keeps the next request from being sent.
pub const SILENCE: Duration = Duration::from_secs(5);

/// The state that the requests of a launch to one endpoint share: the latest failures of the
/// endpoint, and the line of the requests that wait.
#[derive(Default)]
pub struct Turns {
    state: RefCell<State>,
    /// Wakes all waiting requests after a change of the state. Each of them then checks whether it
    /// may be sent now.
    changed: Notify,
}

/// The end of a pause. It depends on whether other requests wait for the same endpoint, which can
/// change during the pause, so there is one end for each case.
#[derive(Clone, Copy)]
pub(super) struct PauseEnd {
    pub alone: Instant,
    pub with_others: Instant,
}

#[derive(Default)]
struct State {
    /// True while requests are sent one after the other: from a failure until the endpoint answers
    /// or, after throttling, until no request waits.
    takes_turns: bool,
    /// The number of consecutive failures of the endpoint.
    failures: u32,
    /// The number of consecutive failures that were malformed answers.
    malformed: u32,
    /// The number of failures that were ever counted. If it is higher than in [`Sent`], the
    /// endpoint has failed since that attempt was sent.
    period: u32,
    has_latest_failed: bool,
    is_used_up: bool,
    /// The latest failure, and the end of the pause after it.
    last: Option<(FetchError, PauseEnd)>,
    /// The time for which the server may be silent during the next attempt. `None` stands for
    /// [`SILENCE`].
    silence: Option<Duration>,
    /// The tickets of the waiting requests. The first request is sent next.
    line: VecDeque<u32>,
    tickets: u32,
    /// The ticket of the request whose turn it is, and the end of its turn.
    turn: Option<(u32, Instant)>,
}

/// The facts about an attempt that are known when it is sent.
#[derive(Clone, Copy)]
pub struct Sent {
    /// The time for which the server may be silent during the attempt.
    pub silence: Duration,
    period: u32,
}

/// The number of consecutive failures of an endpoint, and how many of them were malformed answers.
#[derive(Clone, Copy)]
pub(super) struct Failures {
    pub all: u32,
    pub malformed: u32,
}

/// A request to the endpoint. Dropping it removes it from the line.
pub(super) struct Waiter<'t> {
    turns: &'t Turns,
    /// The ticket of this request, while it waits in the line or has its turn.
    ticket: Option<u32>,
    /// The end of the pause after this request's own failure.
    not_before: Option<Instant>,
}

impl Turns {
    pub(super) fn request(&self) -> Waiter<'_> {
        Waiter {
            turns: self,
            ticket: None,
            not_before: None,
        }
    }

    /// Forgets the failures of the endpoint, so that the next fetch starts without a pause. Keeps
    /// the time for which the server may be silent, because the endpoint has needed this time
    /// before.
    pub fn forget_failures(&self) {
        let silence = self.state.borrow().silence;
        self.state.replace(State {
            silence,
            ..State::default()
        });
    }

    /// True if no further request is sent to the endpoint, because all allowed attempts have
    /// failed.
    pub(super) fn are_used_up(&self) -> bool {
        self.state.borrow().is_used_up
    }

    /// The latest failure of the endpoint.
    pub(super) fn last_failure(&self) -> Option<FetchError> {
        let state = self.state.borrow();
        let (error, _) = state.last.as_ref()?;
        Some(error.clone())
    }
}

/// The next step of a request.
enum NextStep {
    /// The request may be sent at this moment, unless the state changes before.
    Ask(Instant),
    /// Other requests are before this one in the line.
    Wait,
    /// The request is given up: the attempts are used up, or the pause doesn't end in time.
    End,
}

impl Waiter<'_> {
    /// Waits until this request may be sent. Returns false if that isn't before `end`, or if the
    /// attempts that are allowed are used up.
    pub(super) async fn turn(&mut self, end: Instant) -> bool {
        loop {
            // The notification is created before the step is decided, so that no change is missed.
            let changed = self.turns.changed.notified();
            let now = Instant::now();
            let until = match self.next_step(now, end) {
                NextStep::Ask(at) if at <= now => {
                    self.take_turn(now);
                    return true;
                }
                NextStep::Ask(at) => at.min(end),
                NextStep::Wait => end,
                NextStep::End => return false,
            };
            if end <= now {
                return false;
            }
            let _ = timeout_at(until, changed).await;
        }
    }

    /// Decides the next step of this request. If the request has to wait, adds it to the line.
    fn next_step(&mut self, now: Instant, end: Instant) -> NextStep {
        let state = &mut *self.turns.state.borrow_mut();
        let is_sent = self.not_before.is_some();
        let is_let_through = !state.takes_turns || (!is_sent && !state.has_latest_failed);
        let pause_end = match &state.last {
            Some((_, end)) if !is_let_through => *end,
            _ => return NextStep::Ask(self.not_before.unwrap_or(now)),
        };
        let ticket = *self.ticket.get_or_insert_with(|| state.new_ticket());
        let is_alone = state.line.len() == 1 && state.turn.is_none();
        let pause_end = if state.failures == 0 {
            self.not_before.unwrap_or(now)
        } else if is_alone {
            pause_end.alone
        } else {
            pause_end.with_others
        };
        if state.is_used_up || pause_end >= end {
            NextStep::End
        } else if state.line.front() != Some(&ticket) {
            NextStep::Wait
        } else {
            let turn_end = state.turn.map_or(pause_end, |(_, end)| end);
            NextStep::Ask(pause_end.max(turn_end))
        }
    }

    /// Takes the request out of the line. If the endpoint is failing, it is this request's turn
    /// from now on.
    fn take_turn(&mut self, now: Instant) {
        let Some(ticket) = self.ticket else { return };
        let state = &mut *self.turns.state.borrow_mut();
        state.line.retain(|other| *other != ticket);
        if state.takes_turns {
            state.turn = Some((ticket, now + SILENCE));
        }
        self.turns.changed.notify_waiters();
    }

    pub(super) fn sent(&self) -> Sent {
        let state = self.turns.state.borrow();
        Sent {
            silence: state.silence.unwrap_or(SILENCE),
            period: state.period,
        }
    }

    /// Records an answer that isn't retried. If the attempt was sent after the latest failure, the
    /// endpoint works again.
    pub(super) fn answered(&mut self, sent: Sent) {
        let state = &mut *self.turns.state.borrow_mut();
        state.has_latest_failed = false;
        if sent.period == state.period {
            state.failures = 0;
            state.malformed = 0;
            state.is_used_up = false;
            state.takes_turns &= state.is_throttled();
        }
        self.leave(state);
    }

    /// Records a failure that is retried, and puts the request at the end of the line. `pause_end`
    /// gets the number of consecutive failures, and returns the end of the pause after them, or
    /// `None` if there must not be another attempt.
    pub(super) fn failed(
        &mut self,
        sent: Sent,
        outage: &FetchError,
        pause_end: impl FnOnce(Failures) -> Option<PauseEnd>,
    ) {
        let state = &mut *self.turns.state.borrow_mut();
        if outage.cause == Cause::Outage(OutageKind::Timeout) {
            state.silence = state.silence.max(Some(sent.silence.saturating_mul(2)));
        }
        state.has_latest_failed = true;
        if sent.period == state.period {
            state.period += 1;
            state.takes_turns = true;
            state.failures += 1;
            state.malformed += u32::from(outage.is_malformed());
            let failures = Failures {
                all: state.failures,
                malformed: state.malformed,
            };
            let now = Instant::now();
            let end = pause_end(failures);
            state.is_used_up = end.is_none();
            let end = end.unwrap_or(PauseEnd {
                alone: now,
                with_others: now,
            });
            state.last = Some((outage.clone(), end));
        }

        self.leave(state);
        self.ticket = Some(state.new_ticket());
        self.not_before = state.last.as_ref().map(|(_, end)| end.with_others);
    }

    /// Gives up the request's place in the line, or its turn.
    fn leave(&mut self, state: &mut State) {
        if let Some(ticket) = self.ticket.take() {
            state.line.retain(|other| *other != ticket);
            state.turn = state.turn.filter(|(holder, _)| *holder != ticket);
        }
        state.takes_turns &= state.failures > 0 || !state.line.is_empty();
        self.turns.changed.notify_waiters();
    }
}

impl State {
    /// True if AWS has throttled the latest request whose failure was counted.
    fn is_throttled(&self) -> bool {
        self.last
            .as_ref()
            .is_some_and(|(error, _)| error.cause == Cause::Outage(OutageKind::Throttled))
    }

    /// Adds a ticket at the end of the line.
    fn new_ticket(&mut self) -> u32 {
        self.tickets += 1;
        self.line.push_back(self.tickets);
        self.tickets
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let turns = self.turns;
        self.leave(&mut turns.state.borrow_mut());
    }
}
