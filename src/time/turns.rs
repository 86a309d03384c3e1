//! Whose turn it is to ask an endpoint that fails.
//!
//! The requests of a launch to one endpoint (a service in a region) share their pauses, so that a
//! launch with a hundred secrets costs a service that tries to come back little more than a launch
//! with one:
//!
//! ```text
//! request A  ──x··············▸ waits for its turn          x  a failure that is retried
//! request B  ──x··pause··x················▸ waits again     o  any other answer
//! request C  ──x·········pause··········o                   ·  a wait, without a request
//! request A                             └─────o
//! request D                (never sent) └─────o             └  follows immediately
//! ```
//!
//! - After a failure, only the request that has waited longest asks after each pause. A request
//!   that hasn't been sent waits in the same line. Requests in flight are finished.
//! - An answer that isn't retried (a value, but also a denial or an absence) ends the failure: all
//!   that wait follow immediately, and the pauses begin again at the shortest. After throttling, they
//!   follow one by one, without pauses, because AWS would throttle most of them again. The
//!   simulation shows that a launch ends just as early, with less than half of the requests.
//! - Requests that were sent together fail together, so only the first of their failures is
//!   counted. And a value that was requested before the latest failure doesn't end it: such a value
//!   only lets requests through that haven't been sent, so that one secret which fails on its own
//!   doesn't hold up the others.
//! - What ends after a number of attempts counts the failures of the endpoint. When they are used
//!   up, every request that waits ends with the same reason.
//! - An attempt that has been silent for [`SILENCE`] no longer holds the turn. If its own limit
//!   runs out, the next attempt may be silent for twice as long, up to half of the time that is
//!   left. So a service that comes back late is asked once more.
//!
//! A request that has no company waits for nobody, so its pauses are only its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::model::answer::{Cause, FetchError, OutageKind};

/// The time for which the first attempts may be silent, and after which an attempt no longer holds
/// the turn.
pub const SILENCE: Duration = Duration::from_secs(5);

/// The line of the requests to one endpoint.
#[derive(Default)]
pub struct Turns {
    state: RefCell<State>,
    /// Wakes every request in the line, because each looks itself whether it may go on.
    changed: Notify,
}

/// The end of a pause. It depends on the company of a request, which can change during the pause.
#[derive(Clone, Copy)]
pub(super) struct PauseEnd {
    pub alone: Instant,
    pub with_others: Instant,
}

#[derive(Default)]
struct State {
    /// True while the requests ask one after the other: after a failure, until the endpoint
    /// answers or, if it was throttled, until nobody waits.
    takes_turns: bool,
    /// The failures in a row.
    failures: u32,
    /// Those of the failures in a row that were malformed answers.
    malformed: u32,
    /// The number of failures that were ever counted.
    period: u32,
    has_latest_failed: bool,
    is_used_up: bool,
    /// The latest failure, and the end of the pause after it.
    last: Option<(FetchError, PauseEnd)>,
    /// The longest silence of an attempt. `None` stands for [`SILENCE`].
    silence: Option<Duration>,
    /// The tickets of the requests that wait, the next one first.
    line: VecDeque<u32>,
    tickets: u32,
    /// The request that asks now, and the end of its turn.
    turn: Option<(u32, Instant)>,
}

/// The facts about an attempt that are known when it is sent.
#[derive(Clone, Copy)]
pub struct Sent {
    /// How long the attempt may be silent.
    pub silence: Duration,
    period: u32,
}

/// The failures in a row of an endpoint.
#[derive(Clone, Copy)]
pub(super) struct Failures {
    pub all: u32,
    pub malformed: u32,
}

/// A request to the endpoint. Dropping it leaves the line.
pub(super) struct Waiter<'t> {
    turns: &'t Turns,
    /// Its place in the line, while it waits or asks.
    ticket: Option<u32>,
    /// The end of the pause after its own failure.
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

    /// Forgets the failures, for another try. The silence that the endpoint needs is kept.
    pub fn forget_failures(&self) {
        let silence = self.state.borrow().silence;
        self.state.replace(State {
            silence,
            ..State::default()
        });
    }

    /// True if nobody asks any more, because all attempts that are allowed have failed.
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
    /// It may ask at this moment, unless something changes before.
    Ask(Instant),
    /// Others are before it in the line.
    Wait,
    /// Nobody asks any more.
    End,
}

impl Waiter<'_> {
    /// Waits until this request may be sent. Returns false if that isn't before `end`, or if the
    /// attempts that are allowed are used up.
    pub(super) async fn turn(&mut self, end: Instant) -> bool {
        loop {
            // Created before the step is decided, so that no change is missed.
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

    /// Decides the next step. A request that has to wait gets a place in the line.
    fn next_step(&mut self, now: Instant, end: Instant) -> NextStep {
        let state = &mut *self.turns.state.borrow_mut();
        let is_sent = self.not_before.is_some();
        let is_let_through = !state.takes_turns || (!is_sent && !state.has_latest_failed);
        let pause_end = match &state.last {
            Some((_, end)) if !is_let_through => *end,
            Some(_) | None => return NextStep::Ask(self.not_before.unwrap_or(now)),
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

    /// Leaves the line. If the endpoint is failing, holds the turn from now on.
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

    /// Notes an answer that isn't retried.
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

    /// Notes a failure that is retried, and goes to the end of the line. `pause_end` returns the
    /// end of the pause after so many failures in a row, or `None` if there must not be another
    /// attempt.
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

    /// Gives up the place in the line, or the turn.
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
    /// True if the latest failure that was counted was a throttled request.
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
