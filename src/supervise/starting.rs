//! Transitions while the command is being started.

use super::event::{Action, Delay, Event, Notice, Outcome};
use super::policy::Policy;
use super::state::{Change, Poll, Running, Starting, State, hold};
use crate::model::options::SignalNumber;

pub fn step(policy: &Policy, mut state: Starting, event: Event) -> (State, Vec<Action>) {
    match event {
        Event::Started => return started(state),
        Event::StartFailed => return (State::Exited, vec![Action::Exit(Outcome::NotStarted)]),
        Event::Signal(signal) if policy.polls_on(signal) => state.next_poll.is_due = true,
        Event::Signal(signal) => hold(&mut state.held, signal),
        Event::Ended { .. }
        | Event::GroupEmpty
        | Event::Suspended(_)
        | Event::Continued
        | Event::Polled(_)
        | Event::Prepared
        | Event::NotPrepared
        | Event::Elapsed(_) => {}
    }
    (State::Starting(state), Vec::new())
}

fn started(Starting { is_first, held, next_poll }: Starting) -> (State, Vec<Action>) {
    let mut actions = vec![if is_first { Action::NotifyReady } else { Action::Report(Notice::Restarted) }];
    let has_term = held.contains(&SignalNumber::TERM);
    actions.extend(held.into_iter().map(Action::Signal));
    let failures = next_poll.failures;
    let (poll, action) = if next_poll.is_due {
        (Poll::InFlight { again: false }, Action::StartPoll)
    } else {
        let delay = if is_first { Delay::FirstPoll } else { Delay::NextPoll { failures } };
        (Poll::Scheduled, Action::Arm(delay))
    };
    actions.push(action);
    (State::Running(Running { poll, failures, change: Change::None, is_suspended: false, has_term }), actions)
}
