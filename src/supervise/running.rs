//! Transitions while the command runs: polls, changes and forwarded signals.

use super::event::{Action, Delay, Event, ExitStatus, Group, Notice, Outcome, PollResult, Timer};
use super::policy::Policy;
use super::state::{Change, Command, Next, NextPoll, Phase, Poll, Running, State, Stopping};
use crate::model::options::{OnRotation, SignalNumber};

pub fn step(policy: &Policy, state: Running, event: Event) -> (State, Vec<Action>) {
    match event {
        Event::Elapsed(Timer::Poll) if state.poll == Poll::Scheduled => poll(state, vec![Action::StartPoll]),
        Event::Signal(signal) if policy.polls_on(signal) => requested(state),
        Event::Signal(signal) => forward(state, signal),
        Event::Polled(result) => polled(state, result),
        Event::Elapsed(Timer::Splay) if state.change == Change::Delayed => delayed(policy, state),
        Event::Prepared if state.change == Change::Preparing => prepared(policy, state),
        Event::NotPrepared if state.change == Change::Preparing => {
            (State::Running(Running { change: Change::None, ..state }), vec![Action::Report(Notice::NotPrepared)])
        }
        Event::Suspended(signal) => {
            (State::Running(Running { is_suspended: true, ..state }), vec![Action::Suspend(signal)])
        }
        Event::Continued => (State::Running(Running { is_suspended: false, ..state }), Vec::new()),
        Event::Ended { status, group } => ended(&state, status, group),
        Event::Started
        | Event::StartFailed
        | Event::GroupEmpty
        | Event::Prepared
        | Event::NotPrepared
        | Event::Elapsed(_) => (State::Running(state), Vec::new()),
    }
}

fn poll(state: Running, actions: Vec<Action>) -> (State, Vec<Action>) {
    (State::Running(Running { poll: Poll::InFlight { again: false }, ..state }), actions)
}

/// Polls at once, or again after the poll in flight.
fn requested(state: Running) -> (State, Vec<Action>) {
    match state.poll {
        Poll::Scheduled => poll(state, vec![Action::Disarm(Timer::Poll), Action::StartPoll]),
        Poll::InFlight { .. } => {
            (State::Running(Running { poll: Poll::InFlight { again: true }, ..state }), Vec::new())
        }
    }
}

/// Prepares the change, unless the command may be ending by a SIGTERM: a stop would cut that short, and a start undo it.
fn delayed(policy: &Policy, state: Running) -> (State, Vec<Action>) {
    let stops = match policy.on_rotation {
        OnRotation::Restart | OnRotation::Exit => true,
        OnRotation::Signal(_) => false,
    };
    if stops && state.has_term {
        return (State::Running(Running { has_term: false, ..state }), vec![Action::Arm(Delay::AfterTerm)]);
    }
    (State::Running(Running { change: Change::Preparing, ..state }), vec![Action::Prepare])
}

/// Sends a signal to the command's process group. SIGCONT, which a shell sends to continue a job, returns the terminal first. A command
/// that is stopped handles no other signal before it is continued; this process runs, so no shell will do that.
fn forward(state: Running, signal: SignalNumber) -> (State, Vec<Action>) {
    if signal == SignalNumber::CONT {
        let actions = vec![Action::GiveTerminal, Action::Signal(signal)];
        return (State::Running(Running { is_suspended: false, ..state }), actions);
    }
    let mut actions = vec![Action::Signal(signal)];
    actions.extend(state.is_suspended.then_some(Action::Signal(SignalNumber::CONT)));
    let has_term = state.has_term || signal == SignalNumber::TERM;
    (State::Running(Running { has_term, ..state }), actions)
}

fn polled(state: Running, result: PollResult) -> (State, Vec<Action>) {
    let Poll::InFlight { again } = state.poll else { return (State::Running(state), Vec::new()) };
    let failures = match result {
        PollResult::Failed => state.failures.saturating_add(1),
        PollResult::Changed | PollResult::Kept | PollResult::Unchanged => 0,
    };
    let mut actions = Vec::new();
    if (state.failures == 0) != (failures == 0) {
        actions.push(Action::Report(if failures == 0 { Notice::PollRecovered } else { Notice::PollFailed }));
    }
    let (change, consequence) = compared(result, state.change);
    actions.extend(consequence);
    let state = Running { failures, change, ..state };
    if again {
        actions.push(Action::StartPoll);
        return poll(state, actions);
    }
    actions.push(Action::Arm(Delay::NextPoll { failures }));
    (State::Running(Running { poll: Poll::Scheduled, ..state }), actions)
}

/// Returns the change after a poll, and what follows from its result.
fn compared(result: PollResult, change: Change) -> (Change, Vec<Action>) {
    match (result, change) {
        (PollResult::Changed, Change::None) => {
            (Change::Delayed, vec![Action::Report(Notice::Changed), Action::Arm(Delay::Splay)])
        }
        // One consequence for both changes.
        (PollResult::Changed, Change::Delayed) => (Change::Delayed, vec![Action::Report(Notice::Changed)]),
        // The next poll finds it again.
        (PollResult::Changed, Change::Preparing) => (Change::Preparing, vec![Action::Discard]),
        (PollResult::Unchanged, Change::Delayed) => {
            let actions = vec![Action::Disarm(Timer::Splay), Action::Discard, Action::Report(Notice::Reverted)];
            (Change::None, actions)
        }
        (PollResult::Unchanged, Change::None | Change::Preparing) | (PollResult::Kept | PollResult::Failed, _) => {
            (change, Vec::new())
        }
    }
}

fn prepared(policy: &Policy, state: Running) -> (State, Vec<Action>) {
    match policy.on_rotation {
        OnRotation::Restart => stop(policy, &state, Next::Start),
        OnRotation::Exit => stop(policy, &state, Next::ExitRotated),
        OnRotation::Signal(signal) => {
            (State::Running(Running { change: Change::None, ..state }), vec![Action::Signal(signal)])
        }
    }
}

/// Asks the process group to end.
fn stop(policy: &Policy, state: &Running, next: Next) -> (State, Vec<Action>) {
    let mut actions = vec![Action::CancelPoll, Action::Signal(policy.stop_signal)];
    // A suspended process handles a signal when it is continued.
    actions.extend(state.is_suspended.then_some(Action::Signal(SignalNumber::CONT)));
    actions.push(Action::Arm(Delay::Grace));
    (State::Stopping(stopping(state, Command::Alive, next)), actions)
}

/// The command ended by itself: asks what is left of its group to end as well.
fn ended(state: &Running, status: ExitStatus, group: Group) -> (State, Vec<Action>) {
    let mut actions = vec![Action::Report(Notice::Ended(status)), Action::CancelPoll];
    actions.extend((state.change == Change::Delayed).then_some(Action::Disarm(Timer::Splay)));
    match group {
        Group::Empty => {
            actions.push(Action::Exit(Outcome::Command(status)));
            (State::Exited, actions)
        }
        Group::Alive => {
            // Some of it may be stopped, of which this process is not told.
            let signals = [SignalNumber::TERM, SignalNumber::CONT].map(Action::Signal);
            actions.extend(signals);
            actions.push(Action::Arm(Delay::Grace));
            (State::Stopping(stopping(state, Command::Ended(status), Next::ExitEnded)), actions)
        }
    }
}

fn stopping(state: &Running, command: Command, next: Next) -> Stopping {
    let is_due = matches!(state.poll, Poll::InFlight { .. });
    let next_poll = NextPoll { is_due, failures: state.failures };
    Stopping { command, phase: Phase::Grace, next, held: Vec::new(), next_poll }
}
