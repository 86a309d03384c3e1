//! Transitions while the process group ends: the grace period, SIGKILL, and what follows.

use super::state::{
    Action, Delay, Event, ExitStatus, Next, Notice, Outcome, Phase, PollResult, RunningState,
    Stopping, SupervisorState,
};
use crate::model::options::{RotationOptions, SignalNumber};

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
        // A process in an uninterruptible wait does not delay what follows, unless it is the command, which must be reaped.
        (Event::Elapsed, None) => actions.push(Action::Arm(Delay::Kill)),
        (Event::Elapsed, Some(status)) => return finish(state, status, actions),
        (Event::Signal(signal), _) if rotation.poll_signal == Some(signal) => {
            state.is_poll_asked = true
        }
        (Event::Signal(SignalNumber::TERM), _) => terminate(&mut state, actions),
        (Event::Signal(signal), _) => forward(&state, signal, actions),
        // The launch that waits for this end died at the gate.
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

/// Cancels what was to follow a rotation, and kills if it is cancelled already. The stop signal was sent, so the first SIGTERM is not
/// forwarded: many programs end at once on a second one. After the end of the command, SIGTERM is forwarded like any signal.
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

/// Sends a signal to the process group. After SIGKILL, no process is left to handle it.
fn forward(state: &Stopping, signal: SignalNumber, actions: &mut Vec<Action>) {
    if state.phase != Phase::Killed {
        actions.push(Action::Signal(signal));
    }
}

fn kill(state: &mut Stopping, notice: Notice, actions: &mut Vec<Action>) {
    state.phase = Phase::Killed;
    actions.extend([
        Action::Report(notice),
        Action::Signal(SignalNumber::KILL),
        Action::Arm(Delay::Kill),
    ]);
}

/// Starts the command again, or exits. The status is the command's.
fn finish(state: Stopping, status: ExitStatus, actions: &mut Vec<Action>) -> SupervisorState {
    let outcome = match state.next {
        Next::Start => {
            let running = RunningState {
                is_poll_asked: state.is_poll_asked,
                ..RunningState::default()
            };
            actions.extend([Action::Start, running.next_poll()]);
            return SupervisorState::Running(running);
        }
        Next::ExitRotated => Outcome::Rotated,
        Next::ExitCancelled | Next::ExitEnded => Outcome::Command(status),
    };
    actions.push(Action::Exit(outcome));
    SupervisorState::Exited
}
