//! The state machine of `--on-rotation`: its states, the events that it receives, and the actions
//! that it orders.
//!
//! [`step`] is a function from a state and an event to the next state and a list of actions. It
//! doesn't use the time, the secrets or the processes. The caller (`commands/rotation/parent`)
//! turns what happens into events and carries out the actions in order.
//!
//! ```text
//!           ┌── the group has ended, and the next step is a start ──┐
//!           ▼                                                        │
//! begin ─▶ Running ─┬─ a change: the stop signal to the group ────▶ Stopping ── the group has ended ─▶ Exited
//!                   ├─ the command ends before its group: TERM ───▶ Stopping
//!                   └─ the command and its group end ──────────────────────────────────────────────▶ Exited
//!
//! Stopping:  Grace ── the time is over, or a second TERM arrives: SIGKILL to the group ─▶ Killed
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

use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use Event::{Continued, Delivered, Elapsed, Ended, GroupEmpty, NotDelivered, Polled, Suspended};

/// The first trial is already waiting at its gate, so it is started right away.
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
    let actions = Vec::new();
    let mut step = Step { rotation, actions };
    let next = match state {
        SupervisorState::Running(running) => step.while_running(running, event),
        SupervisorState::Stopping(stopping) => step.while_stopping(stopping, event),
        SupervisorState::Exited => SupervisorState::Exited,
    };
    (next, step.actions)
}

/// The command exists in `Running`, and in `Stopping` until its end. Processes of its group can
/// outlive it, but only in `Stopping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorState {
    Running(RunningState),
    Stopping(Stopping),
    /// The order to exit has been given.
    Exited,
}

/// The default is the state of a command that was just started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningState {
    pub poll: Poll,
    /// The number of failed polls in a row.
    pub failures: u32,
    /// True if a poll was requested since the last poll began. The last poll isn't enough for this
    /// request, because it may have read the secret before the change.
    pub(super) is_poll_requested: bool,
    /// True while job control has stopped the command.
    pub(super) is_suspended: bool,
    /// True if a SIGTERM was forwarded, after which the command may be about to end. Set to false
    /// when a change is ignored for this reason.
    pub(super) has_term: bool,
}

/// The trial that reads the values again. As long as there isn't one, the timer is set for the next
/// trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Poll {
    /// There isn't a trial.
    #[default]
    Idle,
    /// There isn't a trial. The last poll found a change, which `--splay` delays. The next poll
    /// begins after this delay or on request, and its change takes effect.
    Splayed,
    /// The trial is resolving the values. `is_delayed` is true if `--splay` has delayed a change
    /// until this poll.
    Polling { is_delayed: bool },
    /// The gate is open, and the trial is replacing the files.
    Delivering,
}

/// The state after the process group was asked to end, or killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// The status of the command, once it has ended while other processes of its group are left.
    pub ended: Option<ExitStatus>,
    pub(super) phase: Phase,
    pub next: Next,
    /// True if a poll was requested since the last poll began. The requested poll begins after the
    /// next command has started.
    pub(super) is_poll_requested: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The group got a signal that asks it to end, and has the time of `--grace` to do so.
    Grace,
    Killed,
}

/// The step that follows the end of the process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start the trial that waits at the gate.
    Start,
    /// Exit because a secret changed.
    ExitRotated,
    /// Exit with the command's status, because SIGTERM arrived while a rotation was stopping the
    /// command.
    ExitCancelled,
    /// Exit with the command's status, because the command ended by itself.
    ExitEnded,
}

impl RunningState {
    /// Returns the action that sets the timer for a poll after `delay`, or as soon as possible if a
    /// poll is requested.
    fn arm_poll(&self, delay: Delay) -> Action {
        Action::Arm(match self.is_poll_requested {
            true => Delay::RequestedPoll,
            false => delay,
        })
    }
}

/// Something that has happened to this process, to one of its children or to the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The command has ended and has been reaped. A trial whose gate was opened by
    /// [`Action::Start`] is the command, so this event also occurs, with status 78, 126 or 127, if
    /// such a trial can't rename the files or execute the command.
    Ended {
        status: ExitStatus,
        /// True if no other process of the group is left, not even a zombie.
        is_last: bool,
    },
    /// The last process of the group has ended. The command ended some time before.
    GroupEmpty,
    /// Job control has stopped the command with this signal.
    Suspended(SignalNumber),
    Continued,
    /// This process got a signal that may be forwarded, or that requests a poll.
    Signal(SignalNumber),
    /// The result of a poll. If the trial that waits at the gate dies, the result is
    /// [`PollResult::Failed`].
    Polled(PollResult),
    Delivered,
    NotDelivered,
    /// The delay of the last [`Action::Arm`] has passed.
    Elapsed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Exited(u8),
    Killed(SignalNumber),
}

/// The result of a poll. A poll compares the values that it reads with the values of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollResult {
    /// The values differ, and the trial waits at the gate with the new values.
    Changed,
    Unchanged,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open the gate of the trial that waits there. From then on, that trial is the command.
    Start,
    /// Open the gate of the trial that waits there. The trial replaces the files and ends.
    /// [`Event::Delivered`] or [`Event::NotDelivered`] follows.
    Deliver,
    /// Fork a trial that polls. [`Event::Polled`] follows, unless the poll is cancelled.
    StartPoll,
    /// End the trial that is polling, waiting at the gate or replacing files, if there is one.
    CancelPoll,
    /// Send a signal to the command's process group, which is never empty when this action is
    /// returned.
    Signal(SignalNumber),
    /// Take the terminal back, and stop this process with the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the timer. There is only one, so an earlier delay is replaced.
    Arm(Delay),
    Report(Notice),
    /// Remove the files and exit. No action follows.
    Exit(ExitReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    FirstPoll,
    NextPoll {
        failures: u32,
    },
    /// The next poll was requested. It begins once a second has passed since the last poll began or
    /// the command started.
    RequestedPoll,
    /// A random part of `--splay`, between the poll that finds a change and the poll whose change
    /// takes effect.
    Splay,
    Grace,
    /// The time that processes get to disappear after SIGKILL.
    Kill,
}

/// A line for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    PollRecovered,
    Ended(ExitStatus),
    /// A SIGTERM has cancelled the restart, or the exit after a change.
    Cancelled,
    /// The group is killed, because the time of `--grace` is up.
    GraceOver,
    /// The group is killed, because a second SIGTERM arrived.
    SecondTerm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// A secret changed. The status is EX_TEMPFAIL (sysexits(3)), for a service manager that starts
    /// the unit again.
    Rotated,
    /// The command has ended. Its status is also the status of this process.
    Command(ExitStatus),
}

impl ExitStatus {
    /// Returns the exit status as a shell reports it.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(SignalNumber(number)) => {
                u8::try_from(number).unwrap_or(u8::MAX).saturating_add(128)
            }
        }
    }
}

/// The step from one state to the next, with the actions that its functions have added so far.
struct Step<'a> {
    rotation: &'a RotationOptions,
    actions: Vec<Action>,
}

impl Step<'_> {
    /// Returns the state after an event while the command runs, and adds the actions that follow.
    fn while_running(&mut self, mut state: RunningState, event: Event) -> SupervisorState {
        match (event, state.poll) {
            (Event::Signal(signal), _) if self.rotation.poll_signal == Some(signal) => {
                state.is_poll_requested = true;
                // If a trial is under way, `RunningState::arm_poll` sets the timer at its end.
                if matches!(state.poll, Poll::Idle | Poll::Splayed) {
                    self.actions.push(Action::Arm(Delay::RequestedPoll));
                }
            }
            (Event::Signal(signal), _) => self.forward(&mut state, signal),
            (Elapsed, Poll::Idle | Poll::Splayed) => {
                let is_delayed = state.poll == Poll::Splayed;
                state.poll = Poll::Polling { is_delayed };
                state.is_poll_requested = false;
                self.actions.push(Action::StartPoll);
            }
            (Polled(result), Poll::Polling { is_delayed }) => {
                return self.on_poll(state, is_delayed, result);
            }
            (Delivered, Poll::Delivering) => {
                if let OnRotation::Signal(signal) = self.rotation.on_rotation {
                    // A suspended command handles this signal once a user continues it.
                    self.actions.push(Action::Signal(signal));
                }
                self.schedule_poll(&mut state);
            }
            (NotDelivered, Poll::Delivering) => self.schedule_poll(&mut state),
            (Suspended(signal), _) => {
                state.is_suspended = true;
                self.actions.push(Action::Suspend(signal));
            }
            (Continued, _) => state.is_suspended = false,
            (Ended { status, is_last }, _) => return self.on_end(status, is_last),
            // These events mean nothing in this state ([`step`]).
            (GroupEmpty | Polled(_) | Delivered | NotDelivered | Elapsed, _) => {}
        }
        SupervisorState::Running(state)
    }

    /// Adds the action that sends a signal to the command's process group. If job control has
    /// stopped the command, also adds the action that continues it, because a stopped command can't
    /// handle the signal. Nobody else would continue the command: the shell only sees this process,
    /// which isn't stopped. Notes in `state` that a SIGTERM was forwarded.
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

    /// Notes that there isn't a trial, and adds the action that sets the timer for the next poll.
    fn schedule_poll(&mut self, state: &mut RunningState) {
        state.poll = Poll::Idle;
        let failures = state.failures;
        let next_poll = state.arm_poll(Delay::NextPoll { failures });
        self.actions.push(next_poll);
    }

    /// Returns the state after a poll, and adds the actions that follow. A change takes effect now,
    /// with two exceptions:
    ///
    /// - With `--splay`, it takes effect at a second poll, after the delay. `is_delayed` is true
    ///   for that poll, whose change isn't delayed again.
    /// - If the command has been sent a SIGTERM since the last poll, it may be about to end, so it
    ///   isn't stopped.
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
            self.actions.push(Action::CancelPoll);
            self.actions.push(state.arm_poll(Delay::Splay));
        } else if let OnRotation::Signal(_) = self.rotation.on_rotation {
            state.poll = Poll::Delivering;
            self.actions.push(Action::Deliver);
        } else if state.has_term {
            state.has_term = false;
            // `--grace` would cut the command's end short, and a restart would undo the SIGTERM. If
            // the command ignores SIGTERM, the next poll finds the change again.
            self.actions.push(Action::CancelPoll);
            self.schedule_poll(&mut state);
        } else {
            return self.stop(state);
        }
        SupervisorState::Running(state)
    }

    /// Adds the actions that stop the command because of a change, and returns the state in which
    /// the supervisor waits for the end of the command. With `restart`, the trial with the new
    /// values waits at its gate until the command has ended. With `exit`, that trial is ended.
    fn stop(&mut self, mut state: RunningState) -> SupervisorState {
        let mut next = Next::Start;
        if self.rotation.on_rotation != OnRotation::Restart {
            next = Next::ExitRotated;
            self.actions.push(Action::CancelPoll);
        }
        self.forward(&mut state, self.rotation.stop_signal);
        self.actions.push(Action::Arm(Delay::Grace));
        SupervisorState::Stopping(Stopping {
            ended: None,
            phase: Phase::Grace,
            next,
            is_poll_requested: state.is_poll_requested,
        })
    }

    /// Returns the state after the end of a command that ended by itself, and adds the actions that
    /// follow. If processes of its group are left, they are asked to end before this process exits.
    fn on_end(&mut self, status: ExitStatus, is_last: bool) -> SupervisorState {
        self.actions.push(Action::Report(Notice::Ended(status)));
        self.actions.push(Action::CancelPoll);
        if is_last {
            self.actions.push(Action::Exit(ExitReason::Command(status)));
            return SupervisorState::Exited;
        }

        // SIGCONT is for processes of the group that are stopped. The kernel reports a stop only to
        // the parent of a process, so this process can't know which ones are stopped.
        self.actions.push(Action::Signal(SignalNumber::TERM));
        self.actions.push(Action::Signal(SignalNumber::CONT));
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
            (Ended { status, is_last }, None) => {
                self.actions.push(Action::Report(Notice::Ended(status)));
                if is_last {
                    return self.finish(state, status);
                }
                state.ended = Some(status);
            }
            (Elapsed, _) if state.phase == Phase::Grace => self.kill(&mut state, Notice::GraceOver),
            // After SIGKILL, a process in an uninterruptible wait doesn't delay the next step,
            // unless it is the command, which has to be reaped.
            (Elapsed, None) => self.actions.push(Action::Arm(Delay::Kill)),
            (Elapsed | GroupEmpty, Some(status)) => return self.finish(state, status),
            (Event::Signal(signal), _) if self.rotation.poll_signal == Some(signal) => {
                state.is_poll_requested = true
            }
            (Event::Signal(SignalNumber::TERM), _) => self.terminate(&mut state),
            (Event::Signal(signal), _) => self.forward_unless_killed(&state, signal),
            // The next trial, which was waiting at its gate, has died.
            (Polled(PollResult::Failed), _) if state.next == Next::Start => {
                state.next = Next::ExitRotated
            }
            (Suspended(signal), None) => self.actions.push(Action::Suspend(signal)),
            // These events mean nothing in this state ([`step`]).
            (Ended { .. } | Suspended(_), Some(_)) | (GroupEmpty, None) => {}
            (Continued | Polled(_) | Delivered | NotDelivered, _) => {}
        }
        SupervisorState::Stopping(state)
    }

    /// Acts on a SIGTERM. The first one cancels the restart, or the exit after a change. The second
    /// one kills the group, if it hasn't been killed.
    ///
    /// The first SIGTERM isn't forwarded, because the group has already received the stop signal,
    /// and many programs end immediately on a second signal. If the command has ended by itself,
    /// SIGTERM is forwarded like any other signal.
    fn terminate(&mut self, state: &mut Stopping) {
        match state.next {
            Next::Start | Next::ExitRotated => {
                state.next = Next::ExitCancelled;
                self.actions.push(Action::CancelPoll);
                self.actions.push(Action::Report(Notice::Cancelled));
            }
            Next::ExitCancelled if state.phase == Phase::Killed => {}
            Next::ExitCancelled => self.kill(state, Notice::SecondTerm),
            Next::ExitEnded => self.forward_unless_killed(state, SignalNumber::TERM),
        }
    }

    /// Does nothing after SIGKILL, because no process is left that could handle the signal.
    fn forward_unless_killed(&mut self, state: &Stopping, signal: SignalNumber) {
        if state.phase != Phase::Killed {
            self.actions.push(Action::Signal(signal));
        }
    }

    fn kill(&mut self, state: &mut Stopping, notice: Notice) {
        state.phase = Phase::Killed;
        self.actions.push(Action::Report(notice));
        self.actions.push(Action::Signal(SignalNumber::KILL));
        self.actions.push(Action::Arm(Delay::Kill));
    }

    /// Adds the actions that follow [`Stopping`]: the command is started again, or this process
    /// exits. Returns the next state.
    fn finish(&mut self, state: Stopping, status: ExitStatus) -> SupervisorState {
        let exit_reason = match state.next {
            Next::Start => {
                let running = RunningState {
                    is_poll_requested: state.is_poll_requested,
                    ..RunningState::default()
                };
                let next_poll = running.arm_poll(Delay::NextPoll { failures: 0 });
                self.actions.extend([Action::Start, next_poll]);
                return SupervisorState::Running(running);
            }
            Next::ExitRotated => ExitReason::Rotated,
            Next::ExitCancelled | Next::ExitEnded => ExitReason::Command(status),
        };
        self.actions.push(Action::Exit(exit_reason));
        SupervisorState::Exited
    }
}
