//! Supervision of the command with `--on-rotation`: a state machine that restarts, signals or stops
//! the command when a secret changes, and the functions that carry out what it orders (in `gate`
//! and `job`).
//!
//! Each poll is a forked child: a launch that resolves the values and then waits at a gate, before
//! delivery and execve. If the gate is opened for a start, the child becomes the command.
//!
//! [`step`] is a function from a state and an event to the next state and a list of actions. It
//! doesn't know the time, the secrets or the processes. The caller (`commands/rotation/parent`)
//! turns what happens into events and carries out the actions in order.
//!
//! These are the states:
//!
//! ```text
//!           ┌── the group has ended, and the next step is a start ──┐
//!           ▼                                                        │
//! begin ─▶ Running ─┬─ a change: the stop signal to the group ────▶ Stopping ── the group has ended ─▶ Exited
//!                   ├─ the command ends before its group: TERM ───▶ Stopping
//!                   └─ the command and its group end ──────────────────────────────────────────────▶ Exited
//!
//! Stopping:  Grace ── the time is over, or a second TERM comes: SIGKILL to the group ─▶ Killed
//! ```
//!
//! While the command runs, there is at most one poll:
//!
//! ```text
//! Idle ── the timer elapses ─▶ Polling ─┬─ no change, or the poll failed ─▶ Idle
//!                                       ├─ a change, with `--splay` ──────▶ Splayed ── the timer elapses ─▶ Polling
//!                                       ├─ a change, `signal=NAME` ───────▶ Delivering ── the signal ─▶ Idle
//!                                       ├─ a change, after a TERM ────────▶ Idle, because the command may be about to end
//!                                       └─ a change, restart or exit ─────▶ Stopping
//! ```
//!
//! If a TERM arrives during the grace period of a rotation, it cancels the start, or the exit with
//! status 75. This process then exits with the status of the command.

#[cfg(target_os = "linux")]
mod gate;
#[cfg(target_os = "linux")]
mod job;
mod state;

#[cfg(target_os = "linux")]
pub use gate::{Gate, LaunchProcess, fork};
#[cfg(target_os = "linux")]
pub use job::{Job, Signals, StateChange, adopt_orphans, next_state_change};
#[cfg(target_os = "linux")]
pub use nix::unistd::Pid;
pub use state::{
    Action, Delay, Event, ExitReason, ExitStatus, Notice, PollResult, Stopping, SupervisorState,
};

use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use state::{GroupState, Next, Phase, Poll, RunningState};

/// Returns the first state and the first actions. The launch of the command is already waiting at
/// its gate, so it is started right away.
pub fn begin() -> (SupervisorState, Vec<Action>) {
    let state = SupervisorState::Running(RunningState::default());
    (state, vec![Action::Start, Action::Arm(Delay::FirstPoll)])
}

/// Returns the state after an event, and the actions to carry out now, in this order.
///
/// An event that doesn't mean anything in the current state is ignored. For example, a poll's
/// result can arrive while the poll is being cancelled.
pub fn step(
    rotation: &RotationOptions,
    state: SupervisorState,
    event: Event,
) -> (SupervisorState, Vec<Action>) {
    let mut step = Step {
        rotation,
        actions: Vec::new(),
    };
    let next = match state {
        SupervisorState::Running(running) => step.while_running(running, event),
        SupervisorState::Stopping(stopping) => step.while_stopping(stopping, event),
        SupervisorState::Exited => SupervisorState::Exited,
    };
    (next, step.actions)
}

/// The step from one state to the next. Its functions add the actions that follow from the event.
struct Step<'a> {
    rotation: &'a RotationOptions,
    actions: Vec<Action>,
}

impl Step<'_> {
    /// Returns the state after an event while the command runs, and adds the actions that follow.
    fn while_running(&mut self, mut state: RunningState, event: Event) -> SupervisorState {
        match (event, state.poll) {
            (Event::Signal(signal), _) if self.rotation.poll_signal == Some(signal) => {
                self.request_poll(&mut state);
            }
            (Event::Signal(signal), _) => self.forward(&mut state, signal),
            (Event::Elapsed, Poll::Idle | Poll::Splayed) => {
                state.poll = Poll::Polling {
                    is_delayed: state.poll == Poll::Splayed,
                };
                state.is_poll_requested = false;
                self.actions.push(Action::StartPoll);
            }
            (Event::Polled(result), Poll::Polling { is_delayed }) => {
                return self.on_poll(state, is_delayed, result);
            }
            (Event::Delivered, Poll::Delivering) => {
                if let OnRotation::Signal(signal) = self.rotation.on_rotation {
                    self.actions.push(Action::Signal(signal));
                }
                self.schedule_poll(&mut state);
            }
            (Event::NotDelivered, Poll::Delivering) => self.schedule_poll(&mut state),
            (Event::Suspended(signal), _) => {
                state.is_suspended = true;
                self.actions.push(Action::Suspend(signal));
            }
            (Event::Continued, _) => state.is_suspended = false,
            (Event::Ended(status, group), _) => return self.on_end(status, group),
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

    /// Notes that the user has asked for a poll, and sets the timer for it. While a launch is under
    /// way, only notes it: when that launch is over, `RunningState::next_poll` sets the timer.
    fn request_poll(&mut self, state: &mut RunningState) {
        state.is_poll_requested = true;
        if matches!(state.poll, Poll::Idle | Poll::Splayed) {
            self.actions.push(Action::Arm(Delay::RequestedPoll));
        }
    }

    /// Adds the action that sends a signal to the command's process group. If job control has
    /// stopped the command, also adds the action that continues it, because the command couldn't
    /// handle the signal otherwise. Nobody else would continue it: the shell only sees this
    /// process, which isn't stopped.
    ///
    /// Notes in `state` that a SIGTERM was forwarded. A SIGCONT ends the suspension.
    fn forward(&mut self, state: &mut RunningState, signal: SignalNumber) {
        if signal == SignalNumber::CONT {
            state.is_suspended = false;
        }
        self.actions.push(Action::Signal(signal));
        if state.is_suspended {
            self.actions.push(Action::Signal(SignalNumber::CONT));
        }
        state.has_term |= signal == SignalNumber::TERM;
    }

    /// Adds the action that sets the timer for the next poll. Until that poll begins, there isn't a
    /// launch.
    fn schedule_poll(&mut self, state: &mut RunningState) {
        state.poll = Poll::Idle;
        self.actions.push(state.next_poll());
    }

    /// Acts on the result of a poll. A change takes effect now, with two exceptions: with
    /// `--splay`, it takes effect at a later poll, and after a SIGTERM, the command isn't stopped
    /// for this change. `is_delayed` is true for the poll after a splay, whose change isn't delayed
    /// again.
    fn on_poll(
        &mut self,
        mut state: RunningState,
        is_delayed: bool,
        result: PollResult,
    ) -> SupervisorState {
        if result == PollResult::Failed {
            state.failures = state.failures.saturating_add(1);
        } else if state.failures > 0 {
            state.failures = 0;
            self.actions.push(Action::Report(Notice::PollRecovered));
        }

        if result != PollResult::Changed {
            self.schedule_poll(&mut state);
        } else if !is_delayed && !self.rotation.splay.is_zero() {
            state.poll = Poll::Splayed;
            let delay = if state.is_poll_requested {
                Delay::RequestedPoll
            } else {
                Delay::Splay
            };
            self.actions
                .extend([Action::CancelPoll, Action::Arm(delay)]);
        } else if let OnRotation::Signal(_) = self.rotation.on_rotation {
            state.poll = Poll::Delivering;
            self.actions.push(Action::Deliver);
        } else if state.has_term {
            state.has_term = false;
            // The command may be about to end. Stopping it would cut its end short, and a restart
            // would undo it. If the command ignores SIGTERM, the next poll finds the change again.
            self.actions.push(Action::CancelPoll);
            self.schedule_poll(&mut state);
        } else {
            return self.stop(state);
        }
        SupervisorState::Running(state)
    }

    /// Adds the actions that stop the command because of a change, and returns the state in which
    /// the supervisor waits for the end of the command. With `restart`, the launch with the new
    /// values waits at its gate until the command has ended. With `exit`, that launch is ended.
    fn stop(&mut self, state: RunningState) -> SupervisorState {
        let mut next = Next::Start;
        if self.rotation.on_rotation != OnRotation::Restart {
            next = Next::ExitRotated;
            self.actions.push(Action::CancelPoll);
        }
        self.actions.push(Action::Signal(self.rotation.stop_signal));
        if state.is_suspended {
            // A suspended process can only handle a signal after it is continued.
            self.actions.push(Action::Signal(SignalNumber::CONT));
        }
        self.actions.push(Action::Arm(Delay::Grace));
        SupervisorState::Stopping(Stopping {
            ended: None,
            phase: Phase::Grace,
            next,
            is_poll_requested: state.is_poll_requested,
        })
    }

    /// Ends the supervision of a command that ended by itself. If processes of its group are left,
    /// they are asked to end first.
    fn on_end(&mut self, status: ExitStatus, group: GroupState) -> SupervisorState {
        self.actions
            .extend([Action::Report(Notice::Ended(status)), Action::CancelPoll]);
        if group == GroupState::Empty {
            self.actions.push(Action::Exit(ExitReason::Command(status)));
            return SupervisorState::Exited;
        }
        // SIGCONT is for processes of the group that are stopped. The kernel reports a stop only to
        // the parent of a process, so this process can't know which ones are stopped.
        self.actions
            .extend([SignalNumber::TERM, SignalNumber::CONT].map(Action::Signal));
        self.actions.push(Action::Arm(Delay::Grace));
        SupervisorState::Stopping(Stopping {
            ended: Some(status),
            phase: Phase::Grace,
            next: Next::ExitEnded,
            is_poll_requested: false,
        })
    }

    /// Returns the state after an event while the process group ends, and adds the actions that
    /// follow.
    fn while_stopping(&mut self, mut state: Stopping, event: Event) -> SupervisorState {
        match (event, state.ended) {
            (Event::Ended(status, group), None) => {
                self.actions.push(Action::Report(Notice::Ended(status)));
                if group == GroupState::Empty {
                    return self.finish(state, status);
                }
                state.ended = Some(status);
            }
            (Event::GroupEmpty, Some(status)) => return self.finish(state, status),
            (Event::Elapsed, _) if state.phase == Phase::Grace => {
                self.kill(&mut state, Notice::GraceOver)
            }
            // A process in an uninterruptible wait doesn't delay the next step, unless it is the
            // command, which has to be reaped.
            (Event::Elapsed, None) => self.actions.push(Action::Arm(Delay::Kill)),
            (Event::Elapsed, Some(status)) => return self.finish(state, status),
            (Event::Signal(signal), _) if self.rotation.poll_signal == Some(signal) => {
                state.is_poll_requested = true
            }
            (Event::Signal(SignalNumber::TERM), _) => self.terminate(&mut state),
            (Event::Signal(signal), _) => self.forward_unless_killed(&state, signal),
            // The launch that waits for this end has died at the gate.
            (Event::Polled(PollResult::Failed), _) if state.next == Next::Start => {
                state.next = Next::ExitRotated
            }
            (Event::Suspended(signal), None) => self.actions.push(Action::Suspend(signal)),
            (
                Event::Ended(..)
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

    /// Cancels the step that was to follow the end of the command, a restart or an exit. If that
    /// step has already been cancelled, kills the group.
    ///
    /// The group has already received the stop signal, so the first SIGTERM is not forwarded,
    /// because many programs end immediately on a second signal. If the command has ended by
    /// itself, SIGTERM is forwarded like any other signal.
    fn terminate(&mut self, state: &mut Stopping) {
        match (state.next, state.phase) {
            (Next::Start | Next::ExitRotated, Phase::Grace | Phase::Killed) => {
                state.next = Next::ExitCancelled;
                self.actions
                    .extend([Action::CancelPoll, Action::Report(Notice::Cancelled)]);
            }
            (Next::ExitCancelled, Phase::Grace) => self.kill(state, Notice::SecondTerm),
            (Next::ExitCancelled, Phase::Killed) => {}
            (Next::ExitEnded, Phase::Grace | Phase::Killed) => {
                self.forward_unless_killed(state, SignalNumber::TERM)
            }
        }
    }

    /// Adds the action that sends a signal to the process group. Does nothing after SIGKILL,
    /// because no process is left that could handle the signal.
    fn forward_unless_killed(&mut self, state: &Stopping, signal: SignalNumber) {
        if state.phase != Phase::Killed {
            self.actions.push(Action::Signal(signal));
        }
    }

    /// Adds the actions that kill the process group, print why, and set the timer for the time
    /// after SIGKILL. The phase becomes [`Phase::Killed`].
    fn kill(&mut self, state: &mut Stopping, notice: Notice) {
        state.phase = Phase::Killed;
        self.actions.extend([
            Action::Report(notice),
            Action::Signal(SignalNumber::KILL),
            Action::Arm(Delay::Kill),
        ]);
    }

    /// Adds the actions that start the command again or exit, and returns the next state. `status`
    /// is the status of the command that has ended.
    fn finish(&mut self, state: Stopping, status: ExitStatus) -> SupervisorState {
        let exit_reason = match state.next {
            Next::Start => {
                let running = RunningState {
                    is_poll_requested: state.is_poll_requested,
                    ..RunningState::default()
                };
                self.actions.extend([Action::Start, running.next_poll()]);
                return SupervisorState::Running(running);
            }
            Next::ExitRotated => ExitReason::Rotated,
            Next::ExitCancelled | Next::ExitEnded => ExitReason::Command(status),
        };
        self.actions.push(Action::Exit(exit_reason));
        SupervisorState::Exited
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod transitions;
