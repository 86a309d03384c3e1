//! Transitions while the command runs: polls, changes and forwarded signals.

use super::state::{
    Action, Delay, Event, ExitStatus, Next, Notice, Outcome, Phase, Poll, PollResult, RunningState,
    Stopping, SupervisorState,
};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

pub fn step(
    rotation: &RotationOptions,
    mut state: RunningState,
    event: Event,
    actions: &mut Vec<Action>,
) -> SupervisorState {
    match (event, state.poll) {
        (Event::Signal(signal), poll) if rotation.poll_signal == Some(signal) => {
            state.is_poll_asked = true;
            // Otherwise it follows the launch in flight, or the time of a command that may be ending.
            if matches!(poll, Poll::Idle | Poll::Splayed) {
                actions.push(Action::Arm(Delay::AskedPoll));
            }
        }
        (Event::Signal(signal), _) => forward(&mut state, signal, actions),
        (Event::Elapsed, Poll::Idle | Poll::Splayed | Poll::AfterTerm) => {
            state.poll = Poll::Polling {
                is_delayed: state.poll != Poll::Idle,
            };
            state.is_poll_asked = false;
            actions.push(Action::StartPoll);
        }
        (Event::Polled(result), Poll::Polling { is_delayed }) => {
            return polled(rotation, state, is_delayed, result, actions);
        }
        (Event::Delivered, Poll::Delivering) => {
            if let OnRotation::Signal(signal) = rotation.on_rotation {
                actions.push(Action::Signal(signal));
            }
            rest(&mut state, actions);
        }
        (Event::NotDelivered, Poll::Delivering) => rest(&mut state, actions),
        (Event::Suspended(signal), _) => {
            state.is_suspended = true;
            actions.push(Action::Suspend(signal));
        }
        (Event::Continued, _) => state.is_suspended = false,
        (
            Event::Ended {
                status,
                is_group_empty,
            },
            _,
        ) => return ended(status, is_group_empty, actions),
        (
            Event::GroupEmpty
            | Event::Polled(_)
            | Event::Delivered
            | Event::NotDelivered
            | Event::Elapsed,
            _,
        ) => {}
    }
    SupervisorState::Running(state)
}

/// Sends a signal to the command's process group. Any signal continues a stopped command, which would not handle it otherwise: no shell
/// continues the command, since this process is not stopped.
fn forward(state: &mut RunningState, signal: SignalNumber, actions: &mut Vec<Action>) {
    if signal == SignalNumber::CONT {
        state.is_suspended = false;
    }
    actions.push(Action::Signal(signal));
    if state.is_suspended {
        actions.push(Action::Signal(SignalNumber::CONT));
    }
    state.has_term |= signal == SignalNumber::TERM;
}

/// Waits for the next poll.
fn rest(state: &mut RunningState, actions: &mut Vec<Action>) {
    state.poll = Poll::Idle;
    actions.push(state.next_poll());
}

fn polled(
    rotation: &RotationOptions,
    mut state: RunningState,
    is_delayed: bool,
    result: PollResult,
    actions: &mut Vec<Action>,
) -> SupervisorState {
    if result == PollResult::Failed {
        state.failures = state.failures.saturating_add(1);
    } else if std::mem::take(&mut state.failures) > 0 {
        actions.push(Action::Report(Notice::PollRecovered));
    }
    if result != PollResult::Changed {
        rest(&mut state, actions);
    } else if !is_delayed && !rotation.splay.is_zero() {
        state.poll = Poll::Splayed;
        let delay = if state.is_poll_asked {
            Delay::AskedPoll
        } else {
            Delay::Splay
        };
        actions.extend([Action::CancelPoll, Action::Arm(delay)]);
    } else if let OnRotation::Signal(_) = rotation.on_rotation {
        state.poll = Poll::Delivering;
        actions.push(Action::Deliver);
    } else if state.has_term {
        // A stop would cut the end of the command short, and a start undo it.
        (state.poll, state.has_term) = (Poll::AfterTerm, false);
        actions.extend([Action::CancelPoll, Action::Arm(Delay::AfterTerm)]);
    } else {
        return stop(rotation, state, actions);
    }
    SupervisorState::Running(state)
}

/// Stops the command for a change, whose launch is at the gate.
fn stop(
    rotation: &RotationOptions,
    state: RunningState,
    actions: &mut Vec<Action>,
) -> SupervisorState {
    let next = if rotation.on_rotation == OnRotation::Restart {
        Next::Start
    } else {
        Next::ExitRotated
    };
    if next == Next::ExitRotated {
        actions.push(Action::CancelPoll);
    }
    actions.push(Action::Signal(rotation.stop_signal));
    if state.is_suspended {
        // A suspended process handles a signal when it is continued.
        actions.push(Action::Signal(SignalNumber::CONT));
    }
    actions.push(Action::Arm(Delay::Grace));
    let is_poll_asked = state.is_poll_asked;
    SupervisorState::Stopping(Stopping {
        ended: None,
        phase: Phase::Grace,
        next,
        is_poll_asked,
    })
}

/// The command ended by itself: asks what is left of its group to end as well.
fn ended(status: ExitStatus, is_group_empty: bool, actions: &mut Vec<Action>) -> SupervisorState {
    actions.extend([Action::Report(Notice::Ended(status)), Action::CancelPoll]);
    if is_group_empty {
        actions.push(Action::Exit(Outcome::Command(status)));
        return SupervisorState::Exited;
    }
    // SIGCONT: the kernel reports stopped processes of the group to their own parents alone.
    actions.extend([SignalNumber::TERM, SignalNumber::CONT].map(Action::Signal));
    actions.push(Action::Arm(Delay::Grace));
    let (ended, next) = (Some(status), Next::ExitEnded);
    SupervisorState::Stopping(Stopping {
        ended,
        phase: Phase::Grace,
        next,
        is_poll_asked: false,
    })
}
