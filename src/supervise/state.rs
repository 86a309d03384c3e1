//! The state machine of `--on-rotation`: its states, the events that it receives, and the actions
//! that it orders.
//!
//! [`step`] is a function from a state and an event to the next state and a list of actions. It
//! doesn't use the time, the secrets or the processes. The caller (`commands/rotation/parent`)
//! turns what happens into events and carries out the actions in order.
//!
//! ```text
//!           ┌─ nothing is left, and the next step is a start ─┐
//!           ▼                                                 │
//! begin ─▶ Running ─┬─ a change: the stop signal ─────────▶ Stopping ── nothing is left ─▶ Exited
//!           ▲       ├─ the command ends before its group ─▶ Stopping
//!           │       └─ the command and its group end ──────────────────────────────────▶ Exited
//!           └──── the system refuses the stop signal ─────────┘
//! ```
//!
//! While the supervisor stops the command, three kinds of processes may be left. They end in this
//! order: the command, its process group, and every other child of this process. Other children are
//! orphans that this process has adopted, such as a program that an init started. They are ended
//! only after a change. Children from before the first start, and orphans of their groups and
//! sessions, are never ended. They don't appear in the state machine.
//!
//! ```text
//! Grace    the command gets the stop signal. Once it has ended, its group gets SIGTERM. Once the
//!   │      group is empty, the other children get SIGTERM.
//!   │ the time is over, or a second SIGTERM comes: SIGKILL to the group, or to the other children
//!   ▼
//! Killed   other children, which may be new, get SIGKILL once the group is empty
//!   │ 1 s
//!   ▼
//! what is left can't be stopped
//! ```
//!
//! A trial is a launch in a forked process, which waits at a gate before it becomes the command.
//! Every start and every poll is a trial. There is never more than one trial. While the command
//! runs, the trial has one of these stages:
//!
//! ```text
//! NoTrial ─ the timer elapses ─▶ Reading ─┬─ no change, or the trial ends ─▶ NoTrial
//!                                         ├─ a change, `signal=NAME` ──────▶ Opened
//!                                         ├─ another change after SIGTERM ─▶ NoTrial
//!                                         └─ any other change ─────────────▶ Stopping
//! a start ─────────────────────▶ Opened ──┬─ the files are in place ───────▶ Placed
//!                                         └─ the trial ends: it failed ────▶ NoTrial
//!                                Placed ──┬─ it can't become the command ──▶ Opened
//!                                         └─ the trial ends: it succeeded ─▶ NoTrial
//! ```
//!
//! After a SIGTERM, the command may be about to end, so a change doesn't stop it. During a restart,
//! the trial waits at its gate while the old command is being stopped. When a trial succeeds, the
//! command has the trial's values.

use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use Event::{
    Changed, Continued, Elapsed, Ended, NotStarted, Placed, Refused, Suspended, TrialEnded,
    Unchanged,
};

/// The settings that stay the same while the command is supervised.
#[derive(Debug)]
pub struct Supervision {
    pub rotation: RotationOptions,
    /// True if all other processes end when this one does, because it is PID 1 or because systemd
    /// then ends the remaining processes of the unit.
    pub ends_everything: bool,
}

/// The initial state, and the first action, which lets the first trial become the command. That
/// trial, a launch in a forked process, has already read the values.
pub fn begin() -> (SupervisorState, Action) {
    let running = RunningState {
        trial: Stage::Opened(Purpose::FirstStart),
        ..RunningState::default()
    };
    (SupervisorState::Running(running), Action::Start)
}

/// Decides what follows from an event: the next state, and the actions to carry out now, in order.
///
/// An event that means nothing in the current state is ignored. For example, a message from a trial
/// can arrive while the trial is being cancelled.
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

/// The state of the supervisor, the process that watches over the command. In `Running`, the
/// command exists. In `Stopping`, the command may already have ended, leaving behind other
/// processes that it started.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SupervisorState {
    Running(RunningState),
    Stopping(Stopping),
    /// The last action was [`Action::Exit`], so this process is about to exit.
    Exited,
}

impl SupervisorState {
    /// True if the command has ended, but processes that it started may still be running.
    pub fn has_command_ended(&self) -> bool {
        match self {
            Self::Stopping(stopping) => stopping.ended.is_some(),
            Self::Running(_) | Self::Exited => false,
        }
    }
}

/// The state of the supervisor while the command runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunningState {
    pub(super) trial: Stage,
    /// The number of failed polls in a row.
    pub(super) failures: u32,
    /// True if a poll was requested after the last poll began. Another poll is then needed, because
    /// the last one may have read the secrets before they changed.
    pub(super) is_poll_requested: bool,
    /// True while the command is stopped by job control, as with Ctrl-Z.
    pub(super) is_suspended: bool,
    /// True if a SIGTERM was passed on to the command, which may therefore be about to end. Becomes
    /// false again once a change was ignored for this reason, or if the system refused to deliver
    /// the SIGTERM.
    pub(super) has_term: bool,
    /// True once the system has refused to let this process send a SIGTERM to the command. Only the
    /// first refusal is reported.
    pub(super) is_term_refused: bool,
}

/// The stage of the current trial (a launch in a forked process), while the command runs or the
/// trial is becoming the command. The timer for the next poll is set only while there's no trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// No trial (a launch in a forked process) is under way: the last one ended, found no change,
    /// or became the command.
    #[default]
    NoTrial,
    /// A poll is reading the values.
    Reading,
    /// The parent opened the trial's gate, so the trial continues with the values that it has read.
    /// If the trial ends in this stage, it has failed.
    Opened(Purpose),
    /// The trial put its files in place, and hasn't reported a failure since. If the trial ends in
    /// this stage, it has succeeded.
    Placed(Purpose),
}

/// The purpose of a waiting trial (a launch in a forked process), for when the parent lets it
/// continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// The trial becomes the command for the first time.
    FirstStart,
    /// The trial becomes the new command, after a change stopped the old one.
    Restart,
    /// The trial replaces the files of the running command. After that, the command gets this
    /// signal.
    Delivery(SignalNumber),
}

/// The state of the supervisor while it stops the command, or processes that the command
/// left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stopping {
    /// The exit status of the command. `None` until the command ends.
    pub(super) ended: Option<ExitStatus>,
    pub(super) left: Left,
    pub(super) phase: Phase,
    pub(super) next: Next,
    /// True if a poll was requested after the last poll began. The requested poll takes place after
    /// the command has been started again.
    pub(super) is_poll_requested: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// The processes have been asked to end, and have until the end of `--grace` to do so.
    Grace,
    Killed,
}

/// The processes that a command leaves behind, not counting a trial that waits to become the next
/// command. The command's process group has to end first. Only then are the other children asked to
/// end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Left {
    /// At least one process in the command's group, even if it is only a zombie.
    Group,
    /// The group is empty, but this process has adopted orphans that aren't in the group.
    Others,
    Nothing,
}

/// The sender of a signal that this process received. A signal from a process is passed on to the
/// command only, and a signal from the kernel to the command's whole group, as with tini(1) and
/// Docker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The kernel sent the signal to this process's whole group on behalf of the terminal, for
    /// example after Ctrl-C.
    Kernel,
    Process,
}

/// The next step, once everything that is being stopped has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Let the waiting trial, which has the new values, become the command.
    Start,
    /// Exit because a secret changed.
    ExitRotated,
    /// Exit with the command's status, because SIGTERM arrived while a rotation was stopping the
    /// command.
    ExitCancelled,
    /// Exit with the command's status, because the command ended by itself.
    ExitEnded,
}

/// Something that happened to this process, to one of its children or to the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The command ended and was reaped.
    ///
    /// Once [`Action::Start`] has opened a trial's gate, the trial is treated as the command. If it
    /// then can't rename its files or execute the program, this event has the status 78, 126 or
    /// 127.
    Ended {
        status: ExitStatus,
        left: Left,
    },
    /// The processes that are left, according to a check after the command has ended.
    Left(Left),
    /// Job control stopped the command with this signal, such as SIGTSTP.
    Suspended(SignalNumber),
    Continued,
    /// This process got a signal that is meant for the command, or that requests a poll.
    Signal(SignalNumber, Sender),
    /// The system refused to let this process send a signal (EPERM), because the command, or a
    /// process that it left behind, has switched to another user.
    Refused(SignalNumber),
    /// A poll found no change. Its process ends by itself.
    Unchanged,
    /// A poll found new values. Its process waits for a decision.
    Changed,
    /// The trial (a launch in a forked process) put its files in place.
    Placed,
    /// The trial (a launch in a forked process) can't become the command.
    NotStarted,
    /// The trial (a launch in a forked process) ended or became the command, or a poll couldn't
    /// begin because forking a process failed.
    TrialEnded,
    /// The timer that [`Action::Arm`] set has elapsed.
    Elapsed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    Exited(u8),
    Killed(SignalNumber),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let the waiting trial (a launch in a forked process) become the command. From now on, the
    /// state machine treats the trial as the command.
    Start,
    /// Let the waiting trial (a launch in a forked process) replace the files of the running
    /// command. The trial ends after that.
    Deliver,
    /// Fork a process that looks for changed values.
    StartPoll,
    /// End the trial (a launch in a forked process), if there is one.
    ///
    /// If the trial is already replacing files or becoming the command, let it finish first. After
    /// this action, the trial causes no new events, but earlier ones may still be in the queue.
    CancelPoll,
    /// Remember that the command now has the values that the last poll read.
    Adopt,
    /// Report the first start to the user and, with `--notify-ready`, to the service manager.
    AnnounceStart,
    /// Send a signal to the command, which hasn't been reaped yet. [`Event::Refused`] may follow,
    /// as after every action that sends a signal.
    Signal(SignalNumber),
    /// Send a signal to the command's process group, which isn't empty.
    SignalGroup(SignalNumber),
    /// Send SIGTERM or SIGKILL, followed by SIGCONT, to the children outside the command's group.
    /// SIGTERM goes only to those that haven't got it yet, and SIGKILL to all.
    SignalOthers(SignalNumber),
    /// Send SIGKILL to the command's process group or, if the group is empty, to the other
    /// children. Then report the notice. If the system refuses the signal, [`Event::Refused`]
    /// follows instead.
    Kill(Left, Notice),
    /// Take the terminal back, and stop this process with the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the timer. There is only one timer, so this replaces any earlier delay.
    Arm(Delay),
    Report(Notice),
    /// Remove the command's files and exit. No other action follows.
    Exit(ExitReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delay {
    FirstPoll,
    NextPoll {
        failures: u32,
    },
    /// A requested poll, which begins as soon as a second has passed since the last poll began or
    /// the command started.
    RequestedPoll,
    Grace,
    /// The time that processes may take to end after SIGKILL.
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
    /// The command is being stopped because of a change.
    Stopping,
    /// A SIGTERM cancelled the restart or the exit that was to follow a change.
    Cancelled,
    /// The remaining processes are killed, because the time allowed by `--grace` is up.
    GraceOver(Left),
    /// The remaining processes are killed, because a second SIGTERM arrived.
    SecondTerm(Left),
    /// A SIGTERM can't be passed on, because the command runs as another user.
    TermRefused,
    /// The command can't be stopped, because it runs as another user.
    NotStopped,
    /// The command ended, but a process that it left behind can't be stopped.
    Survived,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitReason {
    /// A secret changed. The exit status is EX_TEMPFAIL (sysexits(3)), which lets a service manager
    /// start the unit again.
    Rotated,
    /// A secret changed, but the command is still running, because the system refused to stop it.
    NotStopped,
    /// The command ended. This process exits with the same status.
    Command(ExitStatus),
}

impl ExitStatus {
    /// The exit status as a shell reports it: for a signal, 128 plus the signal's number.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(SignalNumber(number)) => {
                u8::try_from(number).unwrap_or(u8::MAX).saturating_add(128)
            }
        }
    }
}

/// One step of the state machine. Its methods return the next state, and append the required
/// actions to `actions`.
struct Step<'a> {
    rotation: &'a RotationOptions,
    ends_everything: bool,
    actions: Vec<Action>,
}

impl Step<'_> {
    /// Handles an event while the command runs, and returns the next state.
    fn while_running(&mut self, mut state: RunningState, event: Event) -> SupervisorState {
        match (event, state.trial) {
            (Event::Signal(signal, _), _) if self.rotation.poll_signal == Some(signal) => {
                state.is_poll_requested = true;
                // Without a trial, the timer is set for the next scheduled poll, so set it again
                // for the requested one. During a trial, `schedule_poll` sets the timer once the
                // trial has ended.
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

    /// Passes a signal on to the command, and continues the command if job control stopped it.
    ///
    /// A stopped command can't handle the signal. Nobody else would continue it: the shell only
    /// sees this process, which isn't stopped.
    ///
    /// Notes in `state` that SIGTERM was passed on, or that SIGCONT continues the command.
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

    /// Sends a signal to the command or, if the kernel sent the signal to this process's whole
    /// group, to the command's whole group. SIGCONT always goes to the whole group, because the
    /// terminal's stop signals do.
    fn pass_on(&mut self, signal: SignalNumber, sender: Sender) {
        if sender == Sender::Kernel || signal == SignalNumber::CONT {
            self.actions.push(Action::SignalGroup(signal));
        } else {
            self.actions.push(Action::Signal(signal));
        }
    }

    /// Adds the actions that follow when a trial has achieved its purpose.
    fn on_success(&mut self, purpose: Purpose) {
        self.actions.push(Action::Adopt);
        match purpose {
            Purpose::FirstStart => self.actions.push(Action::AnnounceStart),
            Purpose::Restart => self.actions.push(Action::Report(Notice::Restarted)),
            Purpose::Delivery(signal) => {
                self.actions.push(Action::Report(Notice::Signalled(signal)));
                // No SIGCONT follows: a suspended command handles the signal once the user
                // continues it.
                self.actions.push(Action::Signal(signal));
            }
        }
    }

    /// Records that the trial is over, and sets the timer for the next poll. A requested poll
    /// begins as soon as possible, and the first poll after the first start has a delay of its own.
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

    /// Handles the `result` of a poll: `Unchanged`, `Changed`, or `TrialEnded` if the poll failed.
    ///
    /// A change takes effect immediately, with one exception: after a SIGTERM, the command may be
    /// about to end, so the next change doesn't stop it.
    ///
    /// Also counts failed polls, and reports when polls work again.
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
            // Ignore this change: `--grace` would cut the command's shutdown short, and a restart
            // would undo the SIGTERM. If the command ignores SIGTERM, the next poll finds the
            // change again.
            self.actions.push(Action::CancelPoll);
            self.schedule_poll(&mut state);
        } else {
            return self.stop(state);
        }
        SupervisorState::Running(state)
    }

    /// Begins to stop the command because of a change. With `--on-rotation=restart`, the process
    /// that read the new values waits until the command has ended. With `--on-rotation=exit`, that
    /// process is ended.
    fn stop(&mut self, mut state: RunningState) -> SupervisorState {
        let next = match self.rotation.on_rotation {
            OnRotation::Restart => Next::Start,
            OnRotation::Exit | OnRotation::Signal(_) => {
                self.actions.push(Action::CancelPoll);
                Next::ExitRotated
            }
        };
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

    /// Gives up on stopping a command that this process isn't allowed to signal.
    ///
    /// The command keeps running, so no second one is started next to it. With
    /// `--on-rotation=exit`, this process still exits if that ends the command, too
    /// (`ends_everything`).
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
            // If a SIGTERM cancelled the restart, the next change must not undo the SIGTERM.
            has_term: state.next == Next::ExitCancelled,
            ..RunningState::default()
        };
        self.schedule_poll(&mut running);
        SupervisorState::Running(running)
    }

    /// Handles a command that ended by itself: this process exits with the same status. If
    /// processes in the command's group are left, they are asked to end first.
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

    /// Asks the processes in the command's group that outlived the command to end. SIGTERM is
    /// followed by SIGCONT, because some of them may be stopped, and the kernel reports that only
    /// to their own parent.
    fn ask_group_to_end(&mut self) {
        let signals = [SignalNumber::TERM, SignalNumber::CONT];
        self.actions.extend(signals.map(Action::SignalGroup));
    }

    /// Handles an event while processes are being stopped, and returns the next state.
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

    /// Decides what happens to the processes that are left after the command ended: sends them the
    /// next signal or, if none of them has to end, leaves [`Stopping`].
    fn on_left(&mut self, mut state: Stopping, status: ExitStatus, left: Left) -> SupervisorState {
        state.left = left;
        // If the command ended by itself, processes outside its group are left running.
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

    /// Handles the end of the time limit for stopping.
    ///
    /// When the time allowed by `--grace` is up, kills everything that is left. When the time after
    /// SIGKILL is up, too, keeps waiting for the command or, if the command has already `ended`,
    /// gives up on the processes that are left.
    fn on_time_over(&mut self, mut state: Stopping, ended: Option<ExitStatus>) -> SupervisorState {
        match (state.phase, ended) {
            (Phase::Grace, _) => self.kill(&mut state, Notice::GraceOver),
            // A command that still exists after SIGKILL is in an uninterruptible wait. Keep
            // waiting, because the command has to be reaped before anything else happens.
            (Phase::Killed, None) => self.actions.push(Action::Arm(Delay::Kill)),
            (Phase::Killed, Some(status)) => return self.give_up(state, status),
        }
        SupervisorState::Stopping(state)
    }

    /// Reports that some of the command's processes can't be stopped, and exits, because a second
    /// command must not run next to them.
    fn give_up(&mut self, mut state: Stopping, status: ExitStatus) -> SupervisorState {
        self.actions.push(Action::Report(Notice::Survived));
        if state.next == Next::Start {
            self.actions.push(Action::CancelPoll);
            state.next = Next::ExitRotated;
        }
        self.finish(state, status)
    }

    /// Handles a SIGTERM while processes are being stopped.
    ///
    /// The first SIGTERM cancels the restart, or the exit after a change. It isn't passed on,
    /// because the command has already got the stop signal, and many programs end immediately on a
    /// second signal. The second SIGTERM kills the processes that are left, unless they have
    /// already been killed.
    ///
    /// If the command ended by itself, SIGTERM is passed on like any other signal.
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

    /// Passes a signal on to the command or, once the command has ended, to its group.
    ///
    /// Does nothing after SIGKILL. Also does nothing if only children outside the group are left:
    /// without secrets-exec, they wouldn't get the signal either.
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

    /// Kills the command's group or, if the group is empty, the other children. Reports this with
    /// `notice`.
    fn kill(&mut self, state: &mut Stopping, notice: impl Fn(Left) -> Notice) {
        state.phase = Phase::Killed;
        let notice = notice(state.left);
        self.actions.push(Action::Kill(state.left, notice));
        self.actions.push(Action::Arm(Delay::Kill));
    }

    /// Leaves [`Stopping`]: starts the command again, or exits. `status` is the exit status of the
    /// old command.
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
