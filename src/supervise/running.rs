//! Transitions while the command runs: polls, changes and forwarded signals.

use super::event::{Action, Delay, Event, ExitStatus, Group, Notice, Outcome, PollResult};
use super::state::{CommandState, Next, Phase, Poll, RunningState, Stopping, SupervisorState};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

pub fn step(rotation: &RotationOptions, state: RunningState, event: Event) -> (SupervisorState, Vec<Action>) {
    match (event, state.poll) {
        (Event::Signal(signal), _) if rotation.poll_signal == Some(signal) => asked(state),
        (Event::Signal(signal), _) => forward(state, signal),
        (Event::Elapsed, Poll::Idle) => poll(state, false),
        (Event::Elapsed, Poll::Splayed | Poll::AfterTerm) => poll(state, true),
        (Event::Polled(result), Poll::Polling { is_delayed }) => polled(rotation, state, is_delayed, result),
        (Event::Delivered, Poll::Delivering) => delivered(rotation, state),
        (Event::NotDelivered, Poll::Delivering) => idle(state, Vec::new()),
        (Event::Suspended(signal), _) => {
            (SupervisorState::Running(RunningState { is_suspended: true, ..state }), vec![Action::Suspend(signal)])
        }
        (Event::Continued, _) => (SupervisorState::Running(RunningState { is_suspended: false, ..state }), Vec::new()),
        (Event::Ended { status, group }, _) => ended(status, group),
        (
            Event::GroupEmpty | Event::Polled(_) | Event::Delivered | Event::NotDelivered | Event::Elapsed,
            Poll::Idle | Poll::Splayed | Poll::AfterTerm | Poll::Polling { .. } | Poll::Delivering,
        ) => (SupervisorState::Running(state), Vec::new()),
    }
}

/// Schedules a poll that was requested: at once, after the launch in flight, or where the command may be ending, after its time for that.
fn asked(state: RunningState) -> (SupervisorState, Vec<Action>) {
    let state = RunningState { is_poll_asked: true, ..state };
    let actions = match state.poll {
        Poll::Idle | Poll::Splayed => vec![Action::Arm(Delay::AskedPoll)],
        Poll::AfterTerm | Poll::Polling { .. } | Poll::Delivering => Vec::new(),
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

fn poll(state: RunningState, is_delayed: bool) -> (SupervisorState, Vec<Action>) {
    let state = RunningState { poll: Poll::Polling { is_delayed }, is_poll_asked: false, ..state };
    (SupervisorState::Running(state), vec![Action::StartPoll])
}

fn idle(state: RunningState, mut actions: Vec<Action>) -> (SupervisorState, Vec<Action>) {
    actions.push(state.next_poll());
    (SupervisorState::Running(RunningState { poll: Poll::Idle, ..state }), actions)
}

fn polled(
    rotation: &RotationOptions,
    mut state: RunningState,
    is_delayed: bool,
    result: PollResult,
) -> (SupervisorState, Vec<Action>) {
    let mut actions = Vec::new();
    if result == PollResult::Failed {
        state.failures = state.failures.saturating_add(1);
    } else if std::mem::take(&mut state.failures) > 0 {
        actions.push(Action::Report(Notice::PollRecovered));
    }
    if result != PollResult::Changed {
        return idle(state, actions);
    }
    if !is_delayed && !rotation.splay.is_zero() {
        state.poll = Poll::Splayed;
        let delay = if state.is_poll_asked { Delay::AskedPoll } else { Delay::Splay };
        actions.extend([Action::CancelPoll, Action::Arm(delay)]);
    } else if state.has_term && !matches!(rotation.on_rotation, OnRotation::Signal(_)) {
        // A stop would cut the end of the command short, and a start undo it.
        (state.poll, state.has_term) = (Poll::AfterTerm, false);
        actions.extend([Action::CancelPoll, Action::Arm(Delay::AfterTerm)]);
    } else {
        return rotate(rotation, state, actions);
    }
    (SupervisorState::Running(state), actions)
}

/// Carries out the consequence of a change, whose launch waits at the gate.
fn rotate(rotation: &RotationOptions, state: RunningState, mut actions: Vec<Action>) -> (SupervisorState, Vec<Action>) {
    let next = match rotation.on_rotation {
        OnRotation::Restart => Next::Start,
        OnRotation::Exit => {
            actions.push(Action::CancelPoll);
            Next::ExitRotated
        }
        OnRotation::Signal(_) => {
            actions.push(Action::Deliver);
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
    let mut actions = vec![Action::Report(Notice::Ended(status)), Action::CancelPoll];
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
