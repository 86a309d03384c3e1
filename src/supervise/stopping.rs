//! Transitions while the process group ends: the grace period, SIGKILL, and what follows.

use super::event::{Action, Delay, Event, ExitStatus, Group, KillReason, Notice, Outcome, PollResult, Timer};
use super::state::{CommandState, Next, Phase, RunningState, Stopping, SupervisorState};
use crate::model::options::{RotationOptions, SignalNumber};

pub fn step(rotation: &RotationOptions, mut state: Stopping, event: Event) -> (SupervisorState, Vec<Action>) {
    match (event, state.command) {
        (Event::Ended { status, group }, CommandState::Alive) => ended(state, status, group),
        (Event::GroupEmpty, CommandState::Ended(status)) => finish(state, status),
        (Event::Elapsed(Timer::Grace), _) if state.phase == Phase::Grace => {
            kill(state, KillReason::GraceOver, Vec::new())
        }
        // A process in an uninterruptible wait does not delay what follows, unless it is the command, which must be reaped.
        (Event::Elapsed(Timer::Kill), CommandState::Alive) if state.phase == Phase::Killed => {
            (SupervisorState::Stopping(state), vec![Action::Arm(Delay::Kill)])
        }
        (Event::Elapsed(Timer::Kill), CommandState::Ended(status)) if state.phase == Phase::Killed => {
            finish(state, status)
        }
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
            | Event::NotDelivered
            | Event::Elapsed(_),
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
        (Next::ExitCancelled, Phase::Grace) => kill(state, KillReason::SecondTerm, vec![Action::Disarm(Timer::Grace)]),
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

fn kill(state: Stopping, reason: KillReason, mut actions: Vec<Action>) -> (SupervisorState, Vec<Action>) {
    let killed = [Action::Report(Notice::Killed(reason)), Action::Signal(SignalNumber::KILL), Action::Arm(Delay::Kill)];
    actions.extend(killed);
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
    let disarm = Action::Disarm(match state.phase {
        Phase::Grace => Timer::Grace,
        Phase::Killed => Timer::Kill,
    });
    let exit = |outcome| (SupervisorState::Exited, vec![disarm, Action::Exit(outcome)]);
    match state.next {
        Next::Start => {
            let running = RunningState { is_poll_asked: state.is_poll_asked, ..RunningState::default() };
            (SupervisorState::Running(running), vec![disarm, Action::Start, running.next_poll()])
        }
        Next::ExitRotated => exit(Outcome::Rotated),
        Next::ExitCancelled | Next::ExitEnded => exit(Outcome::Command(status)),
    }
}
