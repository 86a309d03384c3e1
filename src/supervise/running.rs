//! The transitions while the command runs: polls, changes and forwarded signals.

use super::state::{
    Action, Delay, Event, ExitReason, ExitStatus, Next, Notice, Phase, Poll, PollResult,
    RunningState, Stopping, SupervisorState,
};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

/// Returns the state after an event while the command runs, and adds the actions to carry out.
pub fn step(
    rotation: &RotationOptions,
    mut state: RunningState,
    event: Event,
    actions: &mut Vec<Action>,
) -> SupervisorState {
    match (event, state.poll) {
        (Event::Signal(signal), poll) if rotation.poll_signal == Some(signal) => {
            state.is_poll_requested = true;
            // Otherwise a launch is under way. When it is over, `RunningState::next_poll` sets the
            // timer for the requested poll.
            if matches!(poll, Poll::Idle | Poll::Splayed) {
                actions.push(Action::Arm(Delay::RequestedPoll));
            }
        }
        (Event::Signal(signal), _) => forward(&mut state, signal, actions),
        (Event::Elapsed, Poll::Idle | Poll::Splayed) => {
            state.poll = Poll::Polling {
                is_delayed: state.poll == Poll::Splayed,
            };
            state.is_poll_requested = false;
            actions.push(Action::StartPoll);
        }
        (Event::Polled(result), Poll::Polling { is_delayed }) => {
            return on_poll(rotation, state, is_delayed, result, actions);
        }
        (Event::Delivered, Poll::Delivering) => {
            if let OnRotation::Signal(signal) = rotation.on_rotation {
                actions.push(Action::Signal(signal));
            }
            schedule_poll(&mut state, actions);
        }
        (Event::NotDelivered, Poll::Delivering) => schedule_poll(&mut state, actions),
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
        ) => return on_end(status, is_group_empty, actions),
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

/// Adds the action that sends a signal to the command's process group. If job control has stopped
/// the command, also adds the action that continues it, because the command couldn't handle the
/// signal otherwise. Nobody else would continue it: the shell only sees this process, which isn't
/// stopped.
///
/// Notes in `state` that a SIGTERM was forwarded. A SIGCONT ends the suspension.
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

/// Orders the next poll. Until it begins, there isn't a launch.
fn schedule_poll(state: &mut RunningState, actions: &mut Vec<Action>) {
    state.poll = Poll::Idle;
    actions.push(state.next_poll());
}

/// Acts on the result of a poll. A change takes effect now, with two exceptions: with `--splay`, it
/// takes effect at a later poll, and after a SIGTERM, the command isn't stopped for this change.
/// `is_delayed` is true for the poll after a splay, whose change isn't delayed again.
fn on_poll(
    rotation: &RotationOptions,
    mut state: RunningState,
    is_delayed: bool,
    result: PollResult,
    actions: &mut Vec<Action>,
) -> SupervisorState {
    if result == PollResult::Failed {
        state.failures = state.failures.saturating_add(1);
    } else if state.failures > 0 {
        state.failures = 0;
        actions.push(Action::Report(Notice::PollRecovered));
    }

    if result != PollResult::Changed {
        schedule_poll(&mut state, actions);
    } else if !is_delayed && !rotation.splay.is_zero() {
        state.poll = Poll::Splayed;
        let delay = if state.is_poll_requested {
            Delay::RequestedPoll
        } else {
            Delay::Splay
        };
        actions.extend([Action::CancelPoll, Action::Arm(delay)]);
    } else if let OnRotation::Signal(_) = rotation.on_rotation {
        state.poll = Poll::Delivering;
        actions.push(Action::Deliver);
    } else if state.has_term {
        state.has_term = false;
        // The command may be about to end. Stopping it would cut its end short, and a restart would
        // undo it. If the command ignores SIGTERM, the next poll finds the change again.
        actions.push(Action::CancelPoll);
        schedule_poll(&mut state, actions);
    } else {
        return stop(rotation, state, actions);
    }
    SupervisorState::Running(state)
}

/// Adds the actions that stop the command because of a change, and returns the state in which the
/// supervisor waits for the end of the command. With `restart`, the launch with the new values
/// waits at its gate until the command has ended. With `exit`, that launch is ended.
fn stop(
    rotation: &RotationOptions,
    state: RunningState,
    actions: &mut Vec<Action>,
) -> SupervisorState {
    let mut next = Next::Start;
    if rotation.on_rotation != OnRotation::Restart {
        next = Next::ExitRotated;
        actions.push(Action::CancelPoll);
    }
    actions.push(Action::Signal(rotation.stop_signal));
    if state.is_suspended {
        // A suspended process can only handle a signal after it is continued.
        actions.push(Action::Signal(SignalNumber::CONT));
    }
    actions.push(Action::Arm(Delay::Grace));
    SupervisorState::Stopping(Stopping {
        ended: None,
        phase: Phase::Grace,
        next,
        is_poll_requested: state.is_poll_requested,
    })
}

/// Ends the supervision of a command that ended by itself. If processes of its group are left, they
/// are asked to end first.
fn on_end(status: ExitStatus, is_group_empty: bool, actions: &mut Vec<Action>) -> SupervisorState {
    actions.extend([Action::Report(Notice::Ended(status)), Action::CancelPoll]);
    if is_group_empty {
        actions.push(Action::Exit(ExitReason::Command(status)));
        return SupervisorState::Exited;
    }
    // SIGCONT is for processes of the group that are stopped. The kernel reports a stop only to the
    // parent of a process, so this process can't know which ones are stopped.
    actions.extend([SignalNumber::TERM, SignalNumber::CONT].map(Action::Signal));
    actions.push(Action::Arm(Delay::Grace));
    SupervisorState::Stopping(Stopping {
        ended: Some(status),
        phase: Phase::Grace,
        next: Next::ExitEnded,
        is_poll_requested: false,
    })
}
