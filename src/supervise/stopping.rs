//! Transitions while the process group ends: the grace period, SIGKILL, and what follows.

use super::event::{Action, Delay, Event, ExitStatus, Group, KillReason, Notice, Outcome, PollResult};
use super::state::{CommandState, Next, Phase, RunningState, Stopping, SupervisorState};
use crate::model::options::{RotationOptions, SignalNumber};

pub fn step(rotation: &RotationOptions, mut state: Stopping, event: Event) -> (SupervisorState, Vec<Action>) {
    match (event, state.command) {
        (Event::Ended { status, group }, CommandState::Alive) => ended(state, status, group),
        (Event::GroupEmpty, CommandState::Ended(status)) => finish(state, status),
        (Event::Elapsed, _) if state.phase == Phase::Grace => kill(state, KillReason::GraceOver),
        // A process in an uninterruptible wait does not delay what follows, unless it is the command, which must be reaped.
        (Event::Elapsed, CommandState::Alive) => (SupervisorState::Stopping(state), vec![Action::Arm(Delay::Kill)]),
        (Event::Elapsed, CommandState::Ended(status)) => finish(state, status),
        (Event::Signal(signal), _) if rotation.poll_signal == Some(signal) => {
            state.is_poll_asked = true;
            (SupervisorState::Stopping(state), Vec::new())
        }
        (Event::Signal(SignalNumber::TERM), _) => terminate(state),
        (Event::Signal(signal), _) => forward(state, signal),
        // The launch that waits for this end died at the gate.
        (Event::Polled(PollResult::Failed), _) if state.next == Next::Start => {
            (SupervisorState::Stopping(Stopping { next: Next::ExitRotated, ..state }), Vec::new())
        }
        (Event::Suspended(signal), CommandState::Alive) => {
            (SupervisorState::Stopping(state), vec![Action::Suspend(signal)])
        }
        (
            Event::Ended { .. }
            | Event::GroupEmpty
            | Event::Suspended(_)
            | Event::Continued
            | Event::Polled(_)
            | Event::Delivered
            | Event::NotDelivered,
            CommandState::Alive | CommandState::Ended(_),
        ) => (SupervisorState::Stopping(state), Vec::new()),
    }
}

/// Cancels what was to follow a rotation, and kills if it is cancelled already. The stop signal was sent, so the first SIGTERM is not
/// forwarded: many programs end at once on a second one. After the end of the command, SIGTERM is forwarded like any signal.
fn terminate(state: Stopping) -> (SupervisorState, Vec<Action>) {
    match (state.next, state.phase) {
        (Next::Start | Next::ExitRotated, Phase::Grace | Phase::Killed) => {
            let state = Stopping { next: Next::ExitCancelled, ..state };
            (SupervisorState::Stopping(state), vec![Action::CancelPoll, Action::Report(Notice::Cancelled)])
        }
        (Next::ExitCancelled, Phase::Grace) => kill(state, KillReason::SecondTerm),
        (Next::ExitCancelled, Phase::Killed) => (SupervisorState::Stopping(state), Vec::new()),
        (Next::ExitEnded, Phase::Grace | Phase::Killed) => forward(state, SignalNumber::TERM),
    }
}

/// Sends a signal to the process group. After SIGKILL, no process is left to handle it.
fn forward(state: Stopping, signal: SignalNumber) -> (SupervisorState, Vec<Action>) {
    let mut actions = Vec::new();
    if state.phase == Phase::Grace {
        let returns_terminal = signal == SignalNumber::CONT && state.command == CommandState::Alive;
        actions.extend(returns_terminal.then_some(Action::GiveTerminal));
        actions.push(Action::Signal(signal));
    }
    (SupervisorState::Stopping(state), actions)
}

fn kill(state: Stopping, reason: KillReason) -> (SupervisorState, Vec<Action>) {
    let actions =
        vec![Action::Report(Notice::Killed(reason)), Action::Signal(SignalNumber::KILL), Action::Arm(Delay::Kill)];
    (SupervisorState::Stopping(Stopping { phase: Phase::Killed, ..state }), actions)
}

fn ended(state: Stopping, status: ExitStatus, group: Group) -> (SupervisorState, Vec<Action>) {
    let state = Stopping { command: CommandState::Ended(status), ..state };
    let (state, actions) = match group {
        Group::Empty => finish(state, status),
        Group::Alive => (SupervisorState::Stopping(state), Vec::new()),
    };
    (state, [vec![Action::Report(Notice::Ended(status))], actions].concat())
}

/// Starts the command again, or exits. The status is the command's.
fn finish(state: Stopping, status: ExitStatus) -> (SupervisorState, Vec<Action>) {
    let outcome = match state.next {
        Next::Start => {
            let running = RunningState { is_poll_asked: state.is_poll_asked, ..RunningState::default() };
            return (SupervisorState::Running(running), vec![Action::Start, running.next_poll()]);
        }
        Next::ExitRotated => Outcome::Rotated,
        Next::ExitCancelled | Next::ExitEnded => Outcome::Command(status),
    };
    (SupervisorState::Exited, vec![Action::Exit(outcome)])
}
