//! The state machine of `--on-rotation`: its state, the events that it receives, and the actions
//! that it orders.
//!
//! [`step`] is a function from a state and an event to the next state and a list of actions. It
//! doesn't use the time, the secrets or the processes. The caller (`commands/rotation/parent`)
//! turns what happens into events and carries out the actions in order.
//!
//! The command is to run, or there is a cause why everything of it has to end ([`Cause`]):
//!
//! ```text
//! cause       begins with                         once nothing is left
//!
//! Change      a change: the stop signal is sent   the waiting trial becomes the command, or exit
//! Cancelled   SIGTERM after a change              exit with the command's status
//! Ended       the end of the command              exit with the command's status
//! ```
//!
//! If the system refuses the stop signal, the command is to run again.
//!
//! While there is a cause, three kinds of processes may be left ([`Left`]). They end in this order:
//! the command, its process group, and every other child of this process. Other children are
//! orphans that this process has adopted, such as a program that an init started. They are ended
//! only after a change. Children from before the first start, and orphans of their groups and
//! sessions, are never ended. They don't appear in the state machine.
//!
//! ```text
//! the command gets the stop signal. Once it has ended, its group gets SIGTERM. Once the group is
//!   │      empty, the other children get SIGTERM.
//!   │ `--grace` is over, or a second SIGTERM comes: SIGKILL to the group, or to the other children
//!   ▼
//! killed   other children, which may be new, get SIGKILL once the group is empty
//!   │ 1 s
//!   ▼
//! what is left can't be stopped
//! ```
//!
//! A trial is a launch in a forked process, which waits at a gate before it becomes the command.
//! Every start and every poll is a trial. There is never more than one trial ([`Stage`]):
//!
//! ```text
//! NoTrial ─ the timer elapses ─▶ Reading ───┬─ no change, or the trial ends ─▶ NoTrial
//!                                           ├─ a change, `signal=NAME` ──────▶ Opened
//!                                           ├─ a change, `restart` ──────────▶ Waiting
//!                                           └─ a change, `exit`, or SIGTERM ─▶ NoTrial
//!                                Waiting ───┬─ nothing is left: a start ─────▶ Opened
//!                                           └─ the trial ends ───────────────▶ NoTrial
//!                                Opened ────┬─ the files are in place ───────▶ Delivered
//!                                           └─ the trial ends: it failed ────▶ NoTrial
//!                                Delivered ─┬─ it can't become the command ──▶ Opened
//!                                           └─ the trial ends: it succeeded ─▶ NoTrial
//! ```
//!
//! After a SIGTERM, the command may be about to end, so a change doesn't stop it. When a trial
//! succeeds, the command has the trial's values.

use std::mem::{replace, take};

use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

/// The settings that stay the same while the command is supervised.
#[derive(Debug)]
pub struct Supervision {
    pub rotation: RotationOptions,
    /// True if all other processes end when this one does, because it is PID 1 or because systemd
    /// then ends the remaining processes of the unit.
    pub ends_everything: bool,
}

/// The state of the supervisor, the process that watches over the command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
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
    /// Why everything of the command has to end. `None` while the command is to run.
    pub(super) cause: Option<Cause>,
    pub(super) left: Left,
    /// True once the processes that are left got SIGKILL.
    pub(super) is_killed: bool,
    /// The exit status of the command. `None` until the command ends.
    pub(super) ended: Option<ExitStatus>,
}

/// The stage of the current trial. While the command runs, the timer
/// for the next poll is set only if there is no trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// No trial is under way: the last one ended, found no change, or became the command.
    #[default]
    NoTrial,
    /// A poll is reading the values.
    Reading,
    /// The trial has new values, and waits at its gate until the old command has ended.
    Waiting,
    /// The parent opened the trial's gate, so the trial continues with the values that it has read.
    /// If the trial ends in this stage, it has failed.
    Opened(Purpose),
    /// The trial put its files in place, and hasn't reported a failure since. If the trial ends in
    /// this stage, it has succeeded.
    Delivered(Purpose),
}

/// The purpose of a waiting trial, for when the parent lets it
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

/// The cause for which everything of the command has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    /// A secret changed. Then a waiting trial becomes the command or, if there is none, this
    /// process exits.
    Change,
    /// SIGTERM arrived after a change. Then this process exits with the command's status.
    Cancelled,
    /// The command ended by itself. Then this process exits with the same status. Children outside
    /// the command's group don't have to end.
    Ended,
}

/// The processes that are left of the command, not counting a trial that waits to become the next
/// one. The command's process group has to end first. Only then are the other children asked to
/// end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Left {
    #[default]
    Command,
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

/// Something that happened to this process, to one of its children or to the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The command ended and was reaped. [`Event::Left`] follows immediately.
    ///
    /// Once [`Action::Start`] has opened a trial's gate, the trial is treated as the command. If it
    /// then can't rename its files or execute the program, this event has the status 78, 126 or
    /// 127.
    Ended(ExitStatus),
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
    /// The trial put its files in place.
    Delivered,
    /// The trial can't become the command.
    NotStarted,
    /// The trial ended or became the command, or a poll couldn't
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
    /// Let the waiting trial become the command. From now on, the
    /// state machine treats the trial as the command.
    Start,
    /// Let the waiting trial replace the files of the running
    /// command. The trial ends after that.
    Deliver,
    /// Fork a process that looks for changed values.
    Poll,
    /// End the trial, if there is one.
    ///
    /// If the trial is already replacing files or becoming the command, let it finish first. After
    /// this action, the trial causes no new events, but earlier ones may still be in the queue.
    CancelTrial,
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
    /// Remove the command's files and exit with the command's status. `None` if a secret changed:
    /// EX_TEMPFAIL (sysexits(3)) lets a service manager start the unit again. No other action
    /// follows.
    Exit(Option<ExitStatus>),
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
    /// The command was stopped because of a change, and this process exits.
    Exiting,
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

/// The initial state, and the first action, which lets the first trial become the command. That
/// trial has already read the values.
pub fn begin() -> (State, Action) {
    let state = State {
        trial: Stage::Opened(Purpose::FirstStart),
        ..State::default()
    };
    (state, Action::Start)
}

/// Decides what follows from an event: the next state, and the actions to carry out now, in order.
///
/// An event that means nothing in the current state is ignored. For example, a message from a trial
/// can arrive while the trial is being cancelled.
pub fn step(supervision: &Supervision, state: State, event: Event) -> (State, Vec<Action>) {
    let mut step = Step {
        supervision,
        state,
        actions: Vec::new(),
    };
    step.handle(event);
    (step.state, step.actions)
}

/// One step of the state machine. Its methods change the state, and append the actions that follow.
struct Step<'a> {
    supervision: &'a Supervision,
    state: State,
    actions: Vec<Action>,
}

impl Step<'_> {
    fn handle(&mut self, event: Event) {
        let state = &mut self.state;
        match event {
            Event::Signal(signal, _) if self.supervision.rotation.poll_signal == Some(signal) => {
                state.is_poll_requested = true;
                // Without a trial, the timer is set for the next scheduled poll, so set it again
                // for the requested one. Otherwise, `schedule_poll` does that once the trial has
                // ended, or the command has been started again.
                if state.cause.is_none() && state.trial == Stage::NoTrial {
                    self.schedule_poll();
                }
            }
            Event::Signal(SignalNumber::TERM, _) if state.cause == Some(Cause::Change) => {
                // This SIGTERM isn't passed on, because the command has already got the stop
                // signal, and many programs end immediately on a second signal.
                state.cause = Some(Cause::Cancelled);
                self.cancel_trial();
                self.report(Notice::Cancelled);
            }
            Event::Signal(SignalNumber::TERM, _) if state.cause == Some(Cause::Cancelled) => {
                self.kill(Notice::SecondTerm);
            }
            Event::Signal(signal, sender) => self.forward(signal, sender),
            Event::Refused(signal) => self.on_refusal(signal),
            Event::Ended(status) => self.on_end(status),
            Event::Left(left) => self.on_left(left),
            Event::Suspended(signal) => {
                state.is_suspended = true;
                self.order(Action::Suspend(signal));
            }
            Event::Continued => state.is_suspended = false,
            Event::Elapsed => self.on_time_over(),
            Event::Unchanged | Event::Changed if state.trial == Stage::Reading => {
                if take(&mut state.failures) > 0 {
                    self.report(Notice::PollRecovered);
                }
                if event == Event::Changed {
                    self.on_change();
                } else {
                    // Even unchanged values can have new version ids.
                    self.order(Action::Adopt);
                    self.schedule_poll();
                }
            }
            Event::Unchanged | Event::Changed => {}
            Event::Delivered => {
                if let Stage::Opened(purpose) = state.trial {
                    state.trial = Stage::Delivered(purpose);
                }
            }
            Event::NotStarted => {
                if let Stage::Delivered(purpose) = state.trial {
                    state.trial = Stage::Opened(purpose);
                }
            }
            Event::TrialEnded => self.on_trial_end(),
        }
    }

    fn order(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn report(&mut self, notice: Notice) {
        self.order(Action::Report(notice));
    }

    /// Passes a signal on to the command or, if the kernel sent the signal to this process's whole
    /// group, to the command's whole group. SIGCONT always goes to the whole group, because the
    /// terminal's stop signals do. Once the command has ended, every signal goes to its group.
    ///
    /// Does nothing after SIGKILL. Also does nothing if only children outside the group are left:
    /// without secrets-exec, they wouldn't get the signal either.
    ///
    /// Also continues a command that job control stopped, because it can't handle the signal.
    /// Nobody else would continue it: the shell only sees this process, which isn't stopped.
    fn forward(&mut self, signal: SignalNumber, sender: Sender) {
        let state = &mut self.state;
        let is_cont = signal == SignalNumber::CONT;
        match state.left {
            Left::Command | Left::Group if state.is_killed => return,
            Left::Command if sender == Sender::Process && !is_cont => {
                self.actions.push(Action::Signal(signal));
            }
            Left::Command | Left::Group => self.actions.push(Action::SignalGroup(signal)),
            Left::Others | Left::Nothing => return,
        }
        state.has_term |= signal == SignalNumber::TERM;
        state.is_suspended &= !is_cont;
        if state.is_suspended {
            self.order(Action::SignalGroup(SignalNumber::CONT));
        }
    }

    /// Handles the system's refusal to send a signal. What is left after the command's end is given
    /// up only after the time for SIGKILL.
    fn on_refusal(&mut self, signal: SignalNumber) {
        let state = &mut self.state;
        if state.cause.is_none() && signal == SignalNumber::TERM {
            // The command didn't get this SIGTERM, so it isn't about to end.
            state.has_term = false;
            if !replace(&mut state.is_term_refused, true) {
                self.report(Notice::TermRefused);
            }
        } else if state.cause.is_some() && state.left == Left::Command {
            self.keep();
        }
    }

    /// Gives up on stopping a command that this process isn't allowed to signal.
    ///
    /// The command keeps running, so no second one is started next to it. With
    /// `--on-rotation=exit`, this process still exits if that ends the command, too
    /// (`ends_everything`).
    fn keep(&mut self) {
        let state = self.state;
        self.report(Notice::NotStopped);
        let exits = state.cause == Some(Cause::Change) && state.trial != Stage::Waiting;
        if exits && self.supervision.ends_everything {
            return self.order(Action::Exit(None));
        }
        self.cancel_trial();
        self.state = State {
            is_poll_requested: state.is_poll_requested,
            // If a SIGTERM cancelled the restart, the next change must not undo the SIGTERM.
            has_term: state.cause == Some(Cause::Cancelled),
            ..State::default()
        };
        self.schedule_poll();
    }

    /// Ends the trial, if there is one.
    fn cancel_trial(&mut self) {
        self.state.trial = Stage::NoTrial;
        self.order(Action::CancelTrial);
    }

    /// Records that the trial is over, and sets the timer for the next poll. A requested poll
    /// begins as soon as possible, and the first poll after the first start has a delay of its own.
    fn schedule_poll(&mut self) {
        let trial = replace(&mut self.state.trial, Stage::NoTrial);
        let delay = if self.state.is_poll_requested {
            Delay::RequestedPoll
        } else if trial == Stage::Delivered(Purpose::FirstStart) {
            Delay::FirstPoll
        } else {
            let failures = self.state.failures;
            Delay::NextPoll { failures }
        };
        self.order(Action::Arm(delay));
    }

    /// Lets a change take effect immediately, with one exception: after a SIGTERM, the command may
    /// be about to end, so the next change doesn't stop it. `--grace` would cut the command's
    /// shutdown short, and a restart would undo the SIGTERM. If the command ignores SIGTERM, the
    /// next poll finds the change again.
    fn on_change(&mut self) {
        let rotation = &self.supervision.rotation;
        if let Some(signal) = rotation.on_rotation.signal() {
            self.state.trial = Stage::Opened(Purpose::Delivery(signal));
            return self.order(Action::Deliver);
        }
        if take(&mut self.state.has_term) {
            self.cancel_trial();
            return self.schedule_poll();
        }
        if rotation.on_rotation == OnRotation::Restart {
            self.state.trial = Stage::Waiting;
        } else {
            self.cancel_trial();
        }
        self.report(Notice::Stopping);
        self.forward(rotation.stop_signal, Sender::Process);
        self.stop(Cause::Change);
    }

    /// Handles the end of a trial, or its execve(2).
    fn on_trial_end(&mut self) {
        match self.state.trial {
            Stage::NoTrial => return,
            Stage::Reading => self.state.failures = self.state.failures.saturating_add(1),
            Stage::Waiting => {
                self.state.trial = Stage::NoTrial;
                return;
            }
            Stage::Opened(Purpose::Restart) => self.report(Notice::NotRestarted),
            Stage::Opened(Purpose::FirstStart | Purpose::Delivery(_)) => {}
            Stage::Delivered(purpose) => self.on_success(purpose),
        }
        self.schedule_poll();
    }

    /// Adds the actions that follow when a trial has achieved its purpose.
    fn on_success(&mut self, purpose: Purpose) {
        self.order(Action::Adopt);
        match purpose {
            Purpose::FirstStart => self.order(Action::AnnounceStart),
            Purpose::Restart => self.report(Notice::Restarted),
            Purpose::Delivery(signal) => {
                self.report(Notice::Signalled(signal));
                // No SIGCONT follows: a suspended command handles the signal once the user
                // continues it.
                self.order(Action::Signal(signal));
            }
        }
    }

    /// Gives everything of the command the time of `--grace` to end.
    fn stop(&mut self, cause: Cause) {
        self.state.cause = Some(cause);
        self.order(Action::Arm(Delay::Grace));
    }

    fn on_end(&mut self, status: ExitStatus) {
        self.report(Notice::Ended(status));
        self.state.ended = Some(status);
        self.state.is_suspended = false;
        if self.state.cause.is_none() {
            self.cancel_trial();
            self.stop(Cause::Ended);
        }
    }

    /// Decides what happens to the processes that are left after the command ended: sends them the
    /// next signal or, if none of them has to end, takes the next step.
    ///
    /// SIGTERM to the group is followed by SIGCONT, because some of its processes may be stopped,
    /// and the kernel reports that only to their own parent.
    fn on_left(&mut self, left: Left) {
        let earlier = replace(&mut self.state.left, left);
        let is_killed = self.state.is_killed;
        match left {
            Left::Group if earlier == left || is_killed => {}
            Left::Group => {
                let signals = [SignalNumber::TERM, SignalNumber::CONT];
                self.actions.extend(signals.map(Action::SignalGroup));
            }
            Left::Others if self.state.cause == Some(Cause::Ended) => self.finish(),
            Left::Others if is_killed => self.order(Action::SignalOthers(SignalNumber::KILL)),
            Left::Others => self.order(Action::SignalOthers(SignalNumber::TERM)),
            Left::Command => {}
            Left::Nothing => self.finish(),
        }
    }

    /// Starts the waiting trial or, if there is none, exits.
    fn finish(&mut self) {
        let state = self.state;
        if state.trial == Stage::Waiting {
            self.state = State {
                trial: Stage::Opened(Purpose::Restart),
                is_poll_requested: state.is_poll_requested,
                ..State::default()
            };
            return self.order(Action::Start);
        }
        if state.cause == Some(Cause::Change) {
            self.report(Notice::Exiting);
            return self.order(Action::Exit(None));
        }
        self.order(Action::Exit(state.ended));
    }

    /// Handles the end of a delay: begins a poll, or takes the next step of stopping the command.
    fn on_time_over(&mut self) {
        let state = &mut self.state;
        if state.cause.is_none() {
            if state.trial == Stage::NoTrial {
                state.trial = Stage::Reading;
                state.is_poll_requested = false;
                self.order(Action::Poll);
            }
        } else if !state.is_killed {
            self.kill(Notice::GraceOver);
        } else if state.left == Left::Command {
            // A command that still exists after SIGKILL is in an uninterruptible wait. Keep
            // waiting, because the command has to be reaped before anything else happens.
            self.order(Action::Arm(Delay::Kill));
        } else {
            // A second command must not run next to what is left.
            self.report(Notice::Survived);
            self.cancel_trial();
            self.finish();
        }
    }

    /// Kills what is left, unless that has already happened. Reports this with `notice`.
    fn kill(&mut self, notice: impl Fn(Left) -> Notice) {
        let left = self.state.left;
        if !replace(&mut self.state.is_killed, true) {
            self.order(Action::Kill(left, notice(left)));
            self.order(Action::Arm(Delay::Kill));
        }
    }
}
