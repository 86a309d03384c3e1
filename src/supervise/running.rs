//! Transitions while the command runs: polls, changes and forwarded signals.

use super::event::{Action, Delay, Event, ExitStatus, Group, Notice, Outcome, PollResult, Timer};
use super::state::{CommandState, EarlierChange, Next, Phase, Poll, RunningState, Stopping, SupervisorState};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

pub fn step(rotation: &RotationOptions, state: RunningState, event: Event) -> (SupervisorState, Vec<Action>) {
    match (event, state.poll) {
        (Event::Signal(signal), _) if rotation.poll_signal == Some(signal) => asked(state),
        (Event::Signal(signal), _) => forward(state, signal),
        (Event::Elapsed(Timer::Poll), Poll::Idle) => poll(state, EarlierChange::None),
        (Event::Elapsed(Timer::Poll), Poll::Waiting) => poll(state, EarlierChange::Delayed),
        (Event::Polled(result), Poll::Polling(change)) => polled(rotation, state, change, result),
        // The next poll finds the change again.
        (Event::Polled(PollResult::Failed), Poll::Waiting) => {
            (SupervisorState::Running(RunningState { poll: Poll::Idle, ..state }), vec![Action::Disarm(Timer::Splay)])
        }
        (Event::Elapsed(Timer::Splay), Poll::Polling(EarlierChange::Delayed)) => {
            (SupervisorState::Running(RunningState { poll: Poll::Polling(EarlierChange::Due), ..state }), Vec::new())
        }
        (Event::Elapsed(Timer::Splay), Poll::Waiting) if may_be_ending(rotation, &state) => {
            (SupervisorState::Running(RunningState { has_term: false, ..state }), vec![Action::Arm(Delay::AfterTerm)])
        }
        (Event::Elapsed(Timer::Splay), Poll::Waiting) => rotate(rotation, state, Vec::new()),
        (Event::Delivered, Poll::Delivering) => delivered(rotation, state),
        (Event::NotDelivered, Poll::Delivering) => idle(state, Vec::new()),
        (Event::Suspended(signal), _) => {
            (SupervisorState::Running(RunningState { is_suspended: true, ..state }), vec![Action::Suspend(signal)])
        }
        (Event::Continued, _) => (SupervisorState::Running(RunningState { is_suspended: false, ..state }), Vec::new()),
        (Event::Ended { status, group }, _) => ended(status, group),
        (
            Event::GroupEmpty | Event::Polled(_) | Event::Delivered | Event::NotDelivered | Event::Elapsed(_),
            Poll::Idle | Poll::Polling(_) | Poll::Waiting | Poll::Delivering,
        ) => (SupervisorState::Running(state), Vec::new()),
    }
}

/// Schedules a poll that was requested, at once or after the launch in flight.
fn asked(state: RunningState) -> (SupervisorState, Vec<Action>) {
    let state = RunningState { is_poll_asked: true, ..state };
    let actions = match state.poll {
        Poll::Idle | Poll::Waiting => vec![state.next_poll()],
        Poll::Polling(_) | Poll::Delivering => Vec::new(),
    };
    (SupervisorState::Running(state), actions)
}

/// Sends a signal to the command's process group. SIGCONT, which a shell sends to continue a job, returns the terminal first. A command
/// that is stopped handles no other signal before it is continued; this process runs, so no shell will do that.
fn forward(state: RunningState, signal: SignalNumber) -> (SupervisorState, Vec<Action>) {
    if signal == SignalNumber::CONT {
        let actions = vec![Action::GiveTerminal, Action::Signal(signal)];
        return (SupervisorState::Running(RunningState { is_suspended: false, ..state }), actions);
    }
    let mut actions = vec![Action::Signal(signal)];
    actions.extend(state.is_suspended.then_some(Action::Signal(SignalNumber::CONT)));
    let has_term = state.has_term || signal == SignalNumber::TERM;
    (SupervisorState::Running(RunningState { has_term, ..state }), actions)
}

fn poll(state: RunningState, change: EarlierChange) -> (SupervisorState, Vec<Action>) {
    let state = RunningState { poll: Poll::Polling(change), is_poll_asked: false, ..state };
    (SupervisorState::Running(state), vec![Action::StartPoll])
}

fn idle(state: RunningState, mut actions: Vec<Action>) -> (SupervisorState, Vec<Action>) {
    actions.push(state.next_poll());
    (SupervisorState::Running(RunningState { poll: Poll::Idle, ..state }), actions)
}

fn polled(
    rotation: &RotationOptions,
    mut state: RunningState,
    change: EarlierChange,
    result: PollResult,
) -> (SupervisorState, Vec<Action>) {
    let mut actions = Vec::new();
    if result == PollResult::Failed {
        state.failures = state.failures.saturating_add(1);
    } else if std::mem::take(&mut state.failures) > 0 {
        actions.push(Action::Report(Notice::PollRecovered));
    }
    match (result, change) {
        (PollResult::Changed, EarlierChange::Due) if !may_be_ending(rotation, &state) => {
            rotate(rotation, state, actions)
        }
        (PollResult::Changed, _) => {
            match change {
                EarlierChange::None => actions.push(Action::Arm(Delay::Splay)),
                EarlierChange::Delayed => {}
                EarlierChange::Due => {
                    state.has_term = false;
                    actions.push(Action::Arm(Delay::AfterTerm));
                }
            }
            actions.push(state.next_poll());
            (SupervisorState::Running(RunningState { poll: Poll::Waiting, ..state }), actions)
        }
        (PollResult::Unchanged | PollResult::Failed, _) => {
            actions.extend((change == EarlierChange::Delayed).then_some(Action::Disarm(Timer::Splay)));
            let is_reverted = result == PollResult::Unchanged && change != EarlierChange::None;
            actions.extend(is_reverted.then_some(Action::Report(Notice::Reverted)));
            idle(state, actions)
        }
    }
}

/// True if a change waits, since the command may be ending by a SIGTERM: a stop would cut that short, and a start undo it.
fn may_be_ending(rotation: &RotationOptions, state: &RunningState) -> bool {
    match rotation.on_rotation {
        OnRotation::Restart | OnRotation::Exit => state.has_term,
        OnRotation::Signal(_) => false,
    }
}

/// Carries out the consequence of a change, whose launch waits at the gate.
fn rotate(rotation: &RotationOptions, state: RunningState, mut actions: Vec<Action>) -> (SupervisorState, Vec<Action>) {
    let next = match rotation.on_rotation {
        OnRotation::Restart => {
            actions.push(Action::Disarm(Timer::Poll));
            Next::Start
        }
        OnRotation::Exit => {
            actions.push(Action::CancelPoll);
            Next::ExitRotated
        }
        OnRotation::Signal(_) => {
            actions.extend([Action::Disarm(Timer::Poll), Action::Deliver]);
            return (SupervisorState::Running(RunningState { poll: Poll::Delivering, ..state }), actions);
        }
    };
    actions.push(Action::Signal(rotation.stop_signal));
    // A suspended process handles a signal when it is continued.
    actions.extend(state.is_suspended.then_some(Action::Signal(SignalNumber::CONT)));
    actions.push(Action::Arm(Delay::Grace));
    let is_poll_asked = state.is_poll_asked;
    let stopping = Stopping { command: CommandState::Alive, phase: Phase::Grace, next, is_poll_asked };
    (SupervisorState::Stopping(stopping), actions)
}

fn delivered(rotation: &RotationOptions, state: RunningState) -> (SupervisorState, Vec<Action>) {
    let signal = match rotation.on_rotation {
        OnRotation::Signal(signal) => Some(Action::Signal(signal)),
        OnRotation::Restart | OnRotation::Exit => None,
    };
    idle(state, signal.into_iter().collect())
}

/// The command ended by itself: asks what is left of its group to end as well.
fn ended(status: ExitStatus, group: Group) -> (SupervisorState, Vec<Action>) {
    let mut actions = vec![Action::Report(Notice::Ended(status)), Action::CancelPoll, Action::Disarm(Timer::Splay)];
    match group {
        Group::Empty => {
            actions.push(Action::Exit(Outcome::Command(status)));
            (SupervisorState::Exited, actions)
        }
        Group::Alive => {
            // Some of it may be stopped, of which this process is not told.
            let signals = [SignalNumber::TERM, SignalNumber::CONT].map(Action::Signal);
            actions.extend(signals);
            actions.push(Action::Arm(Delay::Grace));
            let stopping = Stopping {
                command: CommandState::Ended(status),
                phase: Phase::Grace,
                next: Next::ExitEnded,
                is_poll_asked: false,
            };
            (SupervisorState::Stopping(stopping), actions)
        }
    }
}
