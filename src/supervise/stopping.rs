//! The transitions while the process group ends: the grace period, SIGKILL, and what comes next.

use super::state::{
    Action, Delay, Event, ExitReason, ExitStatus, Next, Notice, Phase, PollResult, RunningState,
    Stopping, SupervisorState,
};
use crate::model::options::{RotationOptions, SignalNumber};

/// Returns the state after an event while the process group ends, and adds the actions to carry
/// out.
pub fn step(
    rotation: &RotationOptions,
    mut state: Stopping,
    event: Event,
    actions: &mut Vec<Action>,
) -> SupervisorState {
    match (event, state.ended) {
        (
            Event::Ended {
                status,
                is_group_empty,
            },
            None,
        ) => {
            actions.push(Action::Report(Notice::Ended(status)));
            if is_group_empty {
                return finish(state, status, actions);
            }
            state.ended = Some(status);
        }
        (Event::GroupEmpty, Some(status)) => return finish(state, status, actions),
        (Event::Elapsed, _) if state.phase == Phase::Grace => {
            kill(&mut state, Notice::GraceOver, actions)
        }
        // A process in an uninterruptible wait doesn't delay the next step, unless it is the
        // command, which has to be reaped.
        (Event::Elapsed, None) => actions.push(Action::Arm(Delay::Kill)),
        (Event::Elapsed, Some(status)) => return finish(state, status, actions),
        (Event::Signal(signal), _) if rotation.poll_signal == Some(signal) => {
            state.is_poll_requested = true
        }
        (Event::Signal(SignalNumber::TERM), _) => terminate(&mut state, actions),
        (Event::Signal(signal), _) => forward(&state, signal, actions),
        // The launch that waits for this end has died at the gate.
        (Event::Polled(PollResult::Failed), _) if state.next == Next::Start => {
            state.next = Next::ExitRotated
        }
        (Event::Suspended(signal), None) => actions.push(Action::Suspend(signal)),
        (
            Event::Ended { .. }
            | Event::GroupEmpty
            | Event::Suspended(_)
            | Event::Continued
            | Event::Polled(_)
            | Event::Delivered
            | Event::NotDelivered,
            _,
        ) => {}
    }
    SupervisorState::Stopping(state)
}

/// Cancels the step that was to follow a rotation. If that step is cancelled already, kills the
/// group.
///
/// The group has already got the stop signal, so the first SIGTERM is not forwarded, because many
/// programs end immediately on a second signal. If the command has ended by itself, SIGTERM is
/// forwarded like any other signal.
fn terminate(state: &mut Stopping, actions: &mut Vec<Action>) {
    match (state.next, state.phase) {
        (Next::Start | Next::ExitRotated, Phase::Grace | Phase::Killed) => {
            state.next = Next::ExitCancelled;
            actions.extend([Action::CancelPoll, Action::Report(Notice::Cancelled)]);
        }
        (Next::ExitCancelled, Phase::Grace) => kill(state, Notice::SecondTerm, actions),
        (Next::ExitCancelled, Phase::Killed) => {}
        (Next::ExitEnded, Phase::Grace | Phase::Killed) => {
            forward(state, SignalNumber::TERM, actions)
        }
    }
}

/// Adds the action that sends a signal to the process group. Does nothing after SIGKILL, because no
/// process is left that could handle the signal.
fn forward(state: &Stopping, signal: SignalNumber, actions: &mut Vec<Action>) {
    if state.phase != Phase::Killed {
        actions.push(Action::Signal(signal));
    }
}

/// Adds the actions that kill the process group, print why, and set the timer for the time after
/// SIGKILL. The phase becomes [`Phase::Killed`].
fn kill(state: &mut Stopping, notice: Notice, actions: &mut Vec<Action>) {
    state.phase = Phase::Killed;
    actions.extend([
        Action::Report(notice),
        Action::Signal(SignalNumber::KILL),
        Action::Arm(Delay::Kill),
    ]);
}

/// Adds the actions that start the command again or exit, and returns the state that follows.
/// `status` is the status of the command that has ended.
fn finish(state: Stopping, status: ExitStatus, actions: &mut Vec<Action>) -> SupervisorState {
    let exit_reason = match state.next {
        Next::Start => {
            let running = RunningState {
                is_poll_requested: state.is_poll_requested,
                ..RunningState::default()
            };
            actions.extend([Action::Start, running.next_poll()]);
            return SupervisorState::Running(running);
        }
        Next::ExitRotated => ExitReason::Rotated,
        Next::ExitCancelled | Next::ExitEnded => ExitReason::Command(status),
    };
    actions.push(Action::Exit(exit_reason));
    SupervisorState::Exited
}
