//! The state machine of `--on-rotation`: its states, the events that it receives, and the actions
//! that it orders.
//!
//! [`step`] is a function from a state and an event to the next state and a list of actions. It
//! doesn't use the time, the secrets or the processes. The caller (`commands/rotation/parent`)
//! turns what happens into events and carries out the actions in order.
//!
//! ```text
//!           ┌───── nothing is left, and the next step is a start ─────┐
//!           ▼                                                          │
//! begin ─▶ Running ─┬─ a change: the stop signal to the command ────▶ Stopping ── nothing is left ─▶ Exited
//!           ▲       ├─ the command ends before its group: TERM ─────▶ Stopping
//!           │       └─ the command and its group end ────────────────────────────────────────────▶ Exited
//!           └───── the system refuses the stop signal ─────────────────┘
//! ```
//!
//! While the supervisor stops the command, three kinds of processes may be left, and end in this
//! order: the command, its process group, and every other child of this process. Other children are
//! orphans that this process has adopted, such as a program that an init has started. They are
//! ended only after a change. Children from before the first start, and orphans of their groups and
//! sessions, are never ended. They don't appear in the state machine.
//!
//! ```text
//! Grace    the command has got the stop signal, its group TERM once the command has ended, and
//!   │      other children TERM once the group is empty
//!   │ the time is over, or a second TERM arrives: SIGKILL to the group, or to the other children
//!   ▼
//! Killed   other children, which may be new, get SIGKILL once the group is empty
//!   │ 1 s
//!   ▼
//! what is left can't be stopped
//! ```
//!
//! A trial is a launch in a forked process, which waits at a gate before it becomes the command. A
//! trial makes each start and each poll. There is at most one trial, and while the command runs, the
//! trial has one of these stages:
//!
//! ```text
//! Ended ── the timer elapses ─▶ Reading ─┬─ no change, or the trial ends ─▶ Ended
//!                                        ├─ a change, after a TERM ───────▶ Ended, because the command may be about to end
//!                                        ├─ a change, `signal=NAME` ──────▶ Opened
//!                                        └─ a change, restart or exit ────▶ Stopping, in which the trial of a restart waits
//!                                                                           at its gate
//! a start ────────────────────▶ Opened ──┬─ the files are in place ───────▶ Placed
//!                                        └─ the trial ends ───────────────▶ Ended, because the trial has failed
//!                               Placed ──┬─ no start is possible ─────────▶ Opened
//!                                        └─ the trial ends ───────────────▶ Ended: the command has the trial's values
//! ```

use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use Event::{
    Changed, Continued, Elapsed, Ended, NotStarted, Placed, Refused, Suspended, TrialEnded,
    Unchanged,
};

/// The settings that stay the same while the command is supervised.
#[derive(Debug)]
pub struct Supervision {
    pub rotation: RotationOptions,
    /// True if no process can outlive this one, because it is PID 1, or because systemd ends the
    /// remaining processes of the unit.
    pub ends_everything: bool,
}

/// The first state, and the first action. The first trial is already waiting at its gate, so the
/// first action lets this trial become the command.
pub fn begin() -> (SupervisorState, Action) {
    let running = RunningState {
        trial: Stage::Opened(Purpose::FirstStart),
        ..RunningState::default()
    };
    (SupervisorState::Running(running), Action::Start)
}

/// The state after an event, and the actions to carry out now, in this order.
///
/// An event that doesn't mean anything in the current state is ignored. For example, a message of a
/// trial can arrive while the trial is being cancelled.
pub fn step(
    supervision: &Supervision,
    state: SupervisorState,
    event: Event,
) -> (SupervisorState, Vec<Action>) {
    let mut step = Step {
        rotation: &supervision.rotation,
        ends_everything: supervision.ends_everything,
        actions: Vec::new(),
    };
    let next = match state {
        SupervisorState::Running(running) => step.while_running(running, event),
        SupervisorState::Stopping(stopping) => step.while_stopping(stopping, event),
        SupervisorState::Exited => SupervisorState::Exited,
    };
    (next, step.actions)
}

/// The state of the supervisor. The command exists in `Running`, and in `Stopping` until the
/// command ends. Processes of its group and other children can outlive the command, but only in
/// `Stopping`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SupervisorState {
    Running(RunningState),
    Stopping(Stopping),
    /// The supervisor has ordered this process to exit.
    Exited,
}

impl SupervisorState {
    /// True if the command has ended, but not yet all processes that it has left.
    pub fn has_command_ended(&self) -> bool {
        match self {
            Self::Stopping(stopping) => stopping.ended.is_some(),
            Self::Running(_) | Self::Exited => false,
        }
    }
}

/// The state while the command runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunningState {
    pub(super) trial: Stage,
    /// The number of failed polls in a row.
    pub(super) failures: u32,
    /// True if a poll was requested since the last poll began. The last poll isn't enough for this
    /// request, because it may have read the secrets before they changed.
    pub(super) is_poll_requested: bool,
    /// True while job control has stopped the command.
    pub(super) is_suspended: bool,
    /// True if a SIGTERM was forwarded, after which the command may be about to end. Set to false
    /// when a change is ignored for this reason, or when the system refuses to forward the SIGTERM.
    pub(super) has_term: bool,
    /// True once the system has refused to pass a SIGTERM on. Only the first refusal is reported.
    pub(super) is_term_refused: bool,
}

/// The stage of the trial while the command runs, or while the trial becomes the command. The timer
/// is set for the next poll only while there is no trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// The last trial has ended, has found no change, or has executed the command.
    #[default]
    NoTrial,
    /// The trial of a poll reads the values.
    Reading,
    /// The gate was opened. If the trial ends now, it has failed.
    Opened(Purpose),
    /// The trial has renamed its files, and hasn't reported a failure since. If it ends now, it has
    /// succeeded.
    Placed(Purpose),
}

/// The purpose for which the gate of a trial was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// The trial becomes the command, for the first time.
    FirstStart,
    /// The trial becomes the command, after a change has stopped the previous one.
    Restart,
    /// To replace the files of the running command. Once the trial has ended, the command gets this
    /// signal.
    Delivery(SignalNumber),
}

/// The state after the command or its group was asked to end or was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stopping {
    /// The exit status of the command, or `None` while the command hasn't ended.
    pub(super) ended: Option<ExitStatus>,
    pub(super) left: Left,
    pub(super) phase: Phase,
    pub(super) next: Next,
    /// True if a poll was requested since the last poll began. The requested poll begins after the
    /// next command has started.
    pub(super) is_poll_requested: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The processes were asked to end, and have the time of `--grace` to do so.
    Grace,
    Killed,
}

/// The processes that a command has left, not counting the trial that waits at its gate. If the
/// command is being stopped, the processes of its group have to end before the other children are
/// asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Left {
    /// At least one process of the command's group, perhaps a zombie.
    Group,
    /// Only orphans that this process has adopted and that aren't in the group.
    Others,
    Nothing,
}

/// The sender of a signal decides whether only the command gets the signal or the command's whole
/// group does, as with tini(1) and Docker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The kernel, which has sent the signal to this process's whole group because of the terminal,
    /// as with Ctrl-C.
    Kernel,
    Process,
}

/// The step that follows once all processes that are being stopped have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Let the trial that waits at its gate become the command.
    Start,
    /// Exit because a secret changed.
    ExitRotated,
    /// Exit with the command's status, because SIGTERM arrived while a rotation was stopping the
    /// command.
    ExitCancelled,
    /// Exit with the command's status, because the command ended by itself.
    ExitEnded,
}

/// Something that has happened to this process, to one of its children or to the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The command has ended and has been reaped. A trial whose gate was opened by
    /// [`Action::Start`] is the command, so this event also occurs, with status 78, 126 or 127, if
    /// such a trial can't rename the files or execute the command.
    Ended {
        status: ExitStatus,
        left: Left,
    },
    /// The processes that are left, some time after the command has ended.
    Left(Left),
    /// Job control has stopped the command with this signal.
    Suspended(SignalNumber),
    Continued,
    /// This process got a signal that may be forwarded, or that requests a poll.
    Signal(SignalNumber, Sender),
    /// The system has refused to send a signal, because this process isn't allowed to (EPERM). The
    /// command has changed its user or, if the command has ended, a process that it has left has
    /// done so.
    Refused(SignalNumber),
    /// The trial of a poll has found the values that the command has, and ends by itself.
    Unchanged,
    /// The trial of a poll has found other values, and waits at its gate.
    Changed,
    /// The trial, whose gate was opened, has renamed its files.
    Placed,
    /// The trial, whose gate was opened, can't become the command.
    NotStarted,
    /// The trial has ended or has executed the command, or no trial could be forked for a poll.
    TrialEnded,
    /// The delay of the last [`Action::Arm`] has passed.
    Elapsed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    Exited(u8),
    Killed(SignalNumber),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let the trial (a launch in a forked process) that waits at its gate become the command. From
    /// then on, the state machine treats the trial as the command.
    Start,
    /// Let the trial that waits at its gate replace the command's files and end.
    Deliver,
    /// Fork a trial that polls.
    StartPoll,
    /// End the trial, if there is one. A trial whose gate was opened finishes its work first. No
    /// event of this trial follows, but events that are in the queue may be from it.
    CancelPoll,
    /// Note that the command has the values that the latest trial has read.
    Adopt,
    /// Report the first start to the user and, with `--notify-ready`, to the service manager.
    AnnounceStart,
    /// Send a signal to the command, which has not been reaped when this action is returned.
    /// [`Event::Refused`] may follow, as after every action that sends a signal.
    Signal(SignalNumber),
    /// Send a signal to the command's process group, which is never empty when this action is
    /// returned.
    SignalGroup(SignalNumber),
    /// Send SIGTERM to each child outside the command's group that hasn't got it, or SIGKILL to all
    /// these children. A SIGCONT follows each signal.
    SignalOthers(SignalNumber),
    /// Send SIGKILL to the command's process group or, if only other children are left, to them.
    /// Then report the notice, unless the system has refused the signal. In that case,
    /// [`Event::Refused`] follows instead.
    Kill(Left, Notice),
    /// Take the terminal back, and stop this process with the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the timer. There is only one timer, so the delay replaces an earlier one.
    Arm(Delay),
    Report(Notice),
    /// Remove the files and exit. No action follows.
    Exit(ExitReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delay {
    FirstPoll,
    NextPoll {
        failures: u32,
    },
    /// The next poll was requested. It begins once a second has passed since the last poll began or
    /// the command started.
    RequestedPoll,
    Grace,
    /// The time that processes have to end after SIGKILL.
    Kill,
}

/// A message for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    PollRecovered,
    Restarted,
    /// The command was stopped because of a change, and can't be started again.
    NotRestarted,
    /// The command's files were replaced, and the command gets this signal.
    Signalled(SignalNumber),
    Ended(ExitStatus),
    /// The command is stopped because of a change.
    Stopping,
    /// A SIGTERM has cancelled the restart, or the exit after a change.
    Cancelled,
    /// The processes that are left are killed, because the time of `--grace` is up.
    GraceOver(Left),
    /// The processes that are left are killed, because a second SIGTERM arrived.
    SecondTerm(Left),
    /// A SIGTERM can't be passed on to the command, which has changed its user.
    TermRefused,
    /// The command can't be stopped, because it has changed its user.
    NotStopped,
    /// The command has ended, but a process that it has left can't be stopped.
    Survived,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitReason {
    /// A secret changed. The status is EX_TEMPFAIL (sysexits(3)), for a service manager that starts
    /// the unit again.
    Rotated,
    /// As `Rotated`, but the command is still running, because the system has refused to stop it.
    NotStopped,
    /// The command has ended. Its status is also the status of this process.
    Command(ExitStatus),
}

impl ExitStatus {
    /// The exit status as a shell reports it.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(SignalNumber(number)) => {
                u8::try_from(number).unwrap_or(u8::MAX).saturating_add(128)
            }
        }
    }
}

/// One step of the state machine. Its methods decide on the next state, and add the actions to
/// carry out to `actions`.
struct Step<'a> {
    rotation: &'a RotationOptions,
    ends_everything: bool,
    actions: Vec<Action>,
}

impl Step<'_> {
    /// Decides what follows from an event while the command runs.
    fn while_running(&mut self, mut state: RunningState, event: Event) -> SupervisorState {
        match (event, state.trial) {
            (Event::Signal(signal, _), _) if self.rotation.poll_signal == Some(signal) => {
                state.is_poll_requested = true;
                // If no trial is running, set the timer again, which was set for the next poll.
                // During a trial, `schedule_poll` sets the timer once the trial has ended.
                if state.trial == Stage::NoTrial {
                    self.actions.push(Action::Arm(Delay::RequestedPoll));
                }
            }
            (Event::Signal(signal, sender), _) => self.forward(&mut state, signal, sender),
            (Refused(SignalNumber::TERM), _) => {
                // The command didn't get this SIGTERM, so it isn't about to end.
                state.has_term = false;
                if !state.is_term_refused {
                    self.actions.push(Action::Report(Notice::TermRefused));
                }
                state.is_term_refused = true;
            }
            (Elapsed, Stage::NoTrial) => {
                state.trial = Stage::Reading;
                state.is_poll_requested = false;
                self.actions.push(Action::StartPoll);
            }
            (Unchanged | Changed | TrialEnded, Stage::Reading) => {
                return self.on_poll(state, event);
            }
            (Placed, Stage::Opened(purpose)) => state.trial = Stage::Placed(purpose),
            (TrialEnded, Stage::Placed(purpose)) => {
                self.on_success(purpose);
                self.schedule_poll(&mut state);
            }
            (NotStarted, Stage::Placed(purpose)) => state.trial = Stage::Opened(purpose),
            (TrialEnded, Stage::Opened(purpose)) => {
                if purpose == Purpose::Restart {
                    self.actions.push(Action::Report(Notice::NotRestarted));
                }
                self.schedule_poll(&mut state);
            }
            (Suspended(signal), _) => {
                state.is_suspended = true;
                self.actions.push(Action::Suspend(signal));
            }
            (Continued, _) => state.is_suspended = false,
            (Ended { status, left }, _) => return self.on_end(status, left),
            // Any other event means nothing in this state ([`step`]).
            (Event::Left(_) | Refused(_) | Elapsed, _) => {}
            (Unchanged | Changed | Placed | NotStarted | TrialEnded, _) => {}
        }
        SupervisorState::Running(state)
    }

    /// Adds the action that passes a signal on. If job control has stopped the command, also adds
    /// the action that continues it, because a stopped command can't handle the signal. Nobody else
    /// would continue the command: the shell only sees this process, which isn't stopped. Notes in
    /// `state` that SIGTERM was forwarded, or that SIGCONT continues the command.
    fn forward(&mut self, state: &mut RunningState, signal: SignalNumber, sender: Sender) {
        if signal == SignalNumber::CONT {
            state.is_suspended = false;
        }
        self.pass_on(signal, sender);
        if state.is_suspended {
            self.actions.push(Action::SignalGroup(SignalNumber::CONT));
        }
        state.has_term |= signal == SignalNumber::TERM;
    }

    /// Adds the action that sends a signal to the command or, if the kernel has sent it to this
    /// process's group, to the command's group. SIGCONT also goes to the group, because the
    /// terminal's stop signals do.
    fn pass_on(&mut self, signal: SignalNumber, sender: Sender) {
        if sender == Sender::Kernel || signal == SignalNumber::CONT {
            self.actions.push(Action::SignalGroup(signal));
        } else {
            self.actions.push(Action::Signal(signal));
        }
    }

    /// Adds the actions that follow from a trial that has done what its gate was opened for.
    fn on_success(&mut self, purpose: Purpose) {
        self.actions.push(Action::Adopt);
        match purpose {
            Purpose::FirstStart => self.actions.push(Action::AnnounceStart),
            Purpose::Restart => self.actions.push(Action::Report(Notice::Restarted)),
            Purpose::Delivery(signal) => {
                self.actions.push(Action::Report(Notice::Signalled(signal)));
                // No SIGCONT follows: a suspended command handles the signal once a user continues
                // the command.
                self.actions.push(Action::Signal(signal));
            }
        }
    }

    /// Notes that there is no trial, and adds the action that sets the timer for the next poll: as
    /// soon as possible if a poll is requested, and otherwise after the time for the first poll if
    /// the trial was the first start.
    fn schedule_poll(&mut self, state: &mut RunningState) {
        use Purpose::FirstStart;
        let delay = if state.is_poll_requested {
            Delay::RequestedPoll
        } else if let Stage::Opened(FirstStart) | Stage::Placed(FirstStart) = state.trial {
            Delay::FirstPoll
        } else {
            Delay::NextPoll {
                failures: state.failures,
            }
        };
        state.trial = Stage::NoTrial;
        self.actions.push(Action::Arm(delay));
    }

    /// Decides what follows from the `result` of a poll: `Unchanged`, `Changed`, or `TrialEnded` if
    /// the poll has failed. Counts failed polls, and reports when a poll works again. A change takes
    /// effect now, with one exception: if the command has been sent a SIGTERM since the last poll,
    /// it may be about to end, so it isn't stopped.
    fn on_poll(&mut self, mut state: RunningState, result: Event) -> SupervisorState {
        if result == TrialEnded {
            state.failures = state.failures.saturating_add(1);
        } else if state.failures > 0 {
            state.failures = 0;
            self.actions.push(Action::Report(Notice::PollRecovered));
        }

        if result == Unchanged {
            // Even unchanged values can have new version ids.
            self.actions.push(Action::Adopt);
        }
        if result != Changed {
            self.schedule_poll(&mut state);
        } else if let Some(signal) = self.rotation.on_rotation.signal() {
            state.trial = Stage::Opened(Purpose::Delivery(signal));
            self.actions.push(Action::Deliver);
        } else if state.has_term {
            state.has_term = false;
            // Ignore this change: `--grace` would cut the command's end short, and a restart would
            // undo the SIGTERM. If the command ignores SIGTERM, the next poll finds the change
            // again.
            self.actions.push(Action::CancelPoll);
            self.schedule_poll(&mut state);
        } else {
            return self.stop(state);
        }
        SupervisorState::Running(state)
    }

    /// Stops the command because of a change. With `restart`, the trial with the new values waits
    /// at its gate until the command has ended. With `exit`, that trial is ended.
    fn stop(&mut self, mut state: RunningState) -> SupervisorState {
        let mut next = Next::Start;
        if self.rotation.on_rotation != OnRotation::Restart {
            next = Next::ExitRotated;
            self.actions.push(Action::CancelPoll);
        }
        self.actions.push(Action::Report(Notice::Stopping));
        self.forward(&mut state, self.rotation.stop_signal, Sender::Process);
        self.actions.push(Action::Arm(Delay::Grace));
        SupervisorState::Stopping(Stopping {
            ended: None,
            left: Left::Group,
            phase: Phase::Grace,
            next,
            is_poll_requested: state.is_poll_requested,
        })
    }

    /// Decides what follows if the system refuses to signal a command that is being stopped. The
    /// command goes on running, and no second one is started next to it. An exit because of a
    /// change takes place only if it ends the command, too (`ends_everything`).
    fn keep(&mut self, state: Stopping) -> SupervisorState {
        self.actions.push(Action::Report(Notice::NotStopped));
        if state.next == Next::ExitRotated && self.ends_everything {
            self.actions.push(Action::Exit(ExitReason::NotStopped));
            return SupervisorState::Exited;
        }
        if state.next == Next::Start {
            self.actions.push(Action::CancelPoll);
        }
        let mut running = RunningState {
            is_poll_requested: state.is_poll_requested,
            // If a SIGTERM has cancelled the restart, the next change must not undo the SIGTERM.
            has_term: state.next == Next::ExitCancelled,
            ..RunningState::default()
        };
        self.schedule_poll(&mut running);
        SupervisorState::Running(running)
    }

    /// Decides what follows from the end of a command that ended by itself. If processes of its
    /// group are left, they are asked to end before this process exits.
    fn on_end(&mut self, status: ExitStatus, left: Left) -> SupervisorState {
        self.actions.push(Action::Report(Notice::Ended(status)));
        self.actions.push(Action::CancelPoll);
        if left != Left::Group {
            self.actions.push(Action::Exit(ExitReason::Command(status)));
            return SupervisorState::Exited;
        }

        self.ask_group_to_end();
        self.actions.push(Action::Arm(Delay::Grace));
        SupervisorState::Stopping(Stopping {
            ended: Some(status),
            left,
            phase: Phase::Grace,
            next: Next::ExitEnded,
            is_poll_requested: false,
        })
    }

    /// Asks the processes of the command's group that have outlived the command to end. SIGCONT
    /// follows SIGTERM because some of them may be stopped, and the kernel reports that only to
    /// their own parent.
    fn ask_group_to_end(&mut self) {
        let signals = [SignalNumber::TERM, SignalNumber::CONT];
        self.actions.extend(signals.map(Action::SignalGroup));
    }

    /// Decides what follows from an event while the processes end.
    fn while_stopping(&mut self, mut state: Stopping, event: Event) -> SupervisorState {
        match (event, state.ended) {
            (Ended { status, left }, None) => {
                self.actions.push(Action::Report(Notice::Ended(status)));
                state.ended = Some(status);
                if left == Left::Group && state.phase == Phase::Grace {
                    self.ask_group_to_end();
                }
                return self.on_left(state, status, left);
            }
            (Event::Left(left), Some(status)) => return self.on_left(state, status, left),
            (Elapsed, ended) => return self.on_time_over(state, ended),
            (Refused(_), None) => return self.keep(state),
            (Event::Signal(signal, _), _) if self.rotation.poll_signal == Some(signal) => {
                state.is_poll_requested = true
            }
            (Event::Signal(SignalNumber::TERM, sender), _) => self.terminate(&mut state, sender),
            (Event::Signal(signal, sender), _) => {
                self.forward_unless_killed(&state, signal, sender);
            }
            // The next trial, which was waiting at its gate, has died.
            (TrialEnded, _) if state.next == Next::Start => state.next = Next::ExitRotated,
            (Suspended(signal), None) => self.actions.push(Action::Suspend(signal)),
            // Any other event means nothing in this state ([`step`]).
            (Ended { .. } | Suspended(_) | Refused(_), Some(_)) | (Event::Left(_), None) => {}
            (Continued | Unchanged | Changed | Placed | NotStarted | TrialEnded, _) => {}
        }
        SupervisorState::Stopping(state)
    }

    /// Decides what follows once the command has ended and `left` says what it has left: the next
    /// signal for these processes, or the end of [`Stopping`].
    fn on_left(&mut self, mut state: Stopping, status: ExitStatus, left: Left) -> SupervisorState {
        state.left = left;
        // If the command has ended by itself, a process in a group of its own is left running.
        let is_done = match left {
            Left::Group => false,
            Left::Others => state.next == Next::ExitEnded,
            Left::Nothing => true,
        };
        if is_done {
            return self.finish(state, status);
        }
        if left == Left::Others {
            let signal = match state.phase {
                Phase::Grace => SignalNumber::TERM,
                Phase::Killed => SignalNumber::KILL,
            };
            self.actions.push(Action::SignalOthers(signal));
        }
        SupervisorState::Stopping(state)
    }

    /// Ends a phase of stopping whose time is over. Kills what is left after the grace, even if the
    /// command itself has ended (`ended`). After SIGKILL, waits on for the command or, if only
    /// other processes are left, goes on without them.
    fn on_time_over(&mut self, mut state: Stopping, ended: Option<ExitStatus>) -> SupervisorState {
        match (state.phase, ended) {
            (Phase::Grace, _) => self.kill(&mut state, Notice::GraceOver),
            // Wait longer for a command that SIGKILL hasn't ended yet, because it is in an
            // uninterruptible wait. It has to be reaped before anything else happens.
            (Phase::Killed, None) => self.actions.push(Action::Arm(Delay::Kill)),
            (Phase::Killed, Some(status)) => return self.give_up(state, status),
        }
        SupervisorState::Stopping(state)
    }

    /// Reports that processes that the command has left can't be stopped, and exits, because a
    /// second command must not be started next to them.
    fn give_up(&mut self, mut state: Stopping, status: ExitStatus) -> SupervisorState {
        self.actions.push(Action::Report(Notice::Survived));
        if state.next == Next::Start {
            self.actions.push(Action::CancelPoll);
            state.next = Next::ExitRotated;
        }
        self.finish(state, status)
    }

    /// Acts on a SIGTERM while processes are being stopped. The first SIGTERM cancels the restart,
    /// or the exit after a change. The second one kills the processes that are left, unless they
    /// have already been killed.
    ///
    /// The first SIGTERM isn't forwarded, because the command has already received the stop signal,
    /// and many programs end immediately on a second signal. If the command has ended by itself,
    /// SIGTERM is forwarded like any other signal.
    fn terminate(&mut self, state: &mut Stopping, sender: Sender) {
        match state.next {
            Next::Start | Next::ExitRotated => {
                state.next = Next::ExitCancelled;
                self.actions.push(Action::CancelPoll);
                self.actions.push(Action::Report(Notice::Cancelled));
            }
            Next::ExitCancelled if state.phase != Phase::Grace => {}
            Next::ExitCancelled => self.kill(state, Notice::SecondTerm),
            Next::ExitEnded => self.forward_unless_killed(state, SignalNumber::TERM, sender),
        }
    }

    /// Passes a signal on to the command or, once the command has ended, to its group. Does nothing
    /// after SIGKILL. Also does nothing if only children outside the group are left: without
    /// secrets-exec, they wouldn't get the signal either.
    fn forward_unless_killed(&mut self, state: &Stopping, signal: SignalNumber, sender: Sender) {
        if state.phase != Phase::Grace {
            return;
        }
        match (state.ended, state.left) {
            (None, _) => self.pass_on(signal, sender),
            (Some(_), Left::Group) => self.actions.push(Action::SignalGroup(signal)),
            (Some(_), Left::Others | Left::Nothing) => {}
        }
    }

    /// Adds the actions that kill the group or, if the group is empty, the other children.
    fn kill(&mut self, state: &mut Stopping, notice: impl Fn(Left) -> Notice) {
        state.phase = Phase::Killed;
        let notice = notice(state.left);
        self.actions.push(Action::Kill(state.left, notice));
        self.actions.push(Action::Arm(Delay::Kill));
    }

    /// Adds the actions that follow [`Stopping`]: the command is started again, or this process
    /// exits.
    fn finish(&mut self, state: Stopping, status: ExitStatus) -> SupervisorState {
        let exit_reason = match state.next {
            Next::Start => {
                let running = RunningState {
                    is_poll_requested: state.is_poll_requested,
                    trial: Stage::Opened(Purpose::Restart),
                    ..RunningState::default()
                };
                self.actions.push(Action::Start);
                return SupervisorState::Running(running);
            }
            Next::ExitRotated => ExitReason::Rotated,
            Next::ExitCancelled | Next::ExitEnded => ExitReason::Command(status),
        };
        self.actions.push(Action::Exit(exit_reason));
        SupervisorState::Exited
    }
}
