//! The state machine of `--on-rotation`.
//!
//! [`step`] is a function from a state and an event to the next state and a list of actions. It
//! doesn't use the time, the secrets or the processes. `commands/rotation/parent` turns what
//! happens into events and carries out the actions in order.
//!
//! Either the command is meant to run, or all of its processes have to end. There are three reasons
//! ([`Cause`]):
//!
//! ```text
//! cause       begins with                         once nothing is left
//!
//! Change      a change: the stop signal is sent   the waiting trial becomes the command, or exit
//! Cancelled   SIGTERM after a change              exit with the command's status
//! Ended       the end of the command              exit with the command's status
//! ```
//!
//! If the system refuses the stop signal, the command keeps running.
//!
//! While there is such a reason, three kinds of processes may be left ([`Left`]). They end in this
//! order: the command, its process group and, only after a change, the other children of this
//! process. These are adopted orphans, such as a program that an init started. Children from before
//! the first start, and orphans of their groups and sessions, are never ended and don't appear
//! here.
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
//! Every start and every poll is a trial, which waits at a gate before it becomes the command.
//! There is never more than one ([`Stage`]):
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
//! After a SIGTERM, a change doesn't stop the command, which may be about to end.

use std::mem::{replace, take};

use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

/// The settings that stay the same while the command is supervised.
#[derive(Debug)]
pub struct Supervision {
    pub rotation: RotationOptions,
    /// True if all other processes end with this one, as for PID 1 or in a systemd unit.
    pub ends_everything: bool,
}

/// The state of the supervision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) trial: Stage,
    /// Failed polls in a row.
    pub(super) failures: u32,
    /// True if a poll was requested after the last one began. The last one may have read the
    /// secrets before they changed.
    pub(super) is_poll_requested: bool,
    /// True while job control has stopped the command, as with Ctrl-Z.
    pub(super) is_suspended: bool,
    /// True if a SIGTERM was passed on, so that the command may be about to end. False again once a
    /// change was ignored for this reason, or if the SIGTERM was refused.
    pub(super) has_term: bool,
    /// True once the system has refused to send a SIGTERM to the command. Only the first refusal is
    /// reported.
    pub(super) is_term_refused: bool,
    /// `None` while the command is meant to run.
    pub(super) cause: Option<Cause>,
    pub(super) left: Left,
    /// True once SIGKILL was sent to what is left.
    pub(super) is_killed: bool,
    /// The command's exit status, once it has ended.
    pub(super) ended: Option<ExitStatus>,
}

/// The stage of the trial. The timer for the next poll is set only in [`Self::NoTrial`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// The last trial ended, found no change, or became the command.
    #[default]
    NoTrial,
    /// A poll is reading the values.
    Reading,
    /// The trial has new values, and waits until the old command has ended.
    Waiting,
    /// The trial's gate is open. If the trial ends in this stage, it has failed.
    Opened(Purpose),
    /// The files are in place, and no failure was reported since. If the trial ends in this stage,
    /// it has succeeded.
    Delivered(Purpose),
}

/// What a trial does once its gate is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    FirstStart,
    Restart,
    /// The trial replaces the files of the running command, which then gets this signal.
    Delivery(SignalNumber),
}

/// Why all processes of the command have to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    /// A secret changed.
    Change,
    /// SIGTERM arrived after a change.
    Cancelled,
    /// The command ended by itself. Children outside its group don't have to end.
    Ended,
}

/// The processes that are left of the command. They don't include a trial that waits to become the
/// next command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Left {
    #[default]
    Command,
    /// At least one process in the command's group, even a zombie.
    Group,
    /// The group is empty, but this process has adopted other orphans.
    Others,
    Nothing,
}

/// The sender of a received signal. A signal from a process is passed on to the command only, and
/// one from the kernel to the command's whole group, as with tini(1) and Docker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The kernel sent the signal to this process's whole group, for example after Ctrl-C.
    Kernel,
    Process,
}

/// Something that happened to this process, a child or the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The command ended and was reaped. [`Event::Left`] follows immediately.
    ///
    /// After [`Action::Start`], the trial is treated as the command. If it can't rename its files
    /// or execute the program, the status is 78, 126 or 127.
    Ended(ExitStatus),
    /// What is left of the command, as found after its end.
    Left(Left),
    /// Job control stopped the command with this signal.
    Suspended(SignalNumber),
    Continued,
    /// A signal for the command, or one that requests a poll.
    Signal(SignalNumber, Sender),
    /// The system refused this signal (EPERM), because the command, or what it left behind, has
    /// switched to another user.
    Refused(SignalNumber),
    /// A poll found no change. Its process ends by itself.
    Unchanged,
    /// A poll found new values, and waits at its gate.
    Changed,
    /// The trial put its files in place.
    Delivered,
    /// The trial can't become the command.
    NotStarted,
    /// The trial ended or became the command, or no process could be forked for a poll.
    TrialEnded,
    /// The timer of [`Action::Arm`] has elapsed.
    Elapsed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    Exited(u8),
    Killed(SignalNumber),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Let the waiting trial become the command.
    Start,
    /// Let the waiting trial replace the running command's files and end.
    Deliver,
    Poll,
    /// End the trial, if there is one, but let it finish replacing files or becoming the command.
    /// The trial then causes no new events, but earlier ones may still be in the queue.
    CancelTrial,
    /// Remember the values of the last trial as the command's.
    Adopt,
    /// Report the first start to the user and, with `--notify-ready`, to the service manager.
    AnnounceStart,
    /// Send a signal to the command, which hasn't been reaped. [`Event::Refused`] may follow, as
    /// after every signal.
    Signal(SignalNumber),
    /// Send a signal to the command's process group, which isn't empty.
    SignalGroup(SignalNumber),
    /// Send SIGTERM or SIGKILL, followed by SIGCONT, to the children outside the command's group.
    /// Each of them gets SIGTERM only once.
    SignalOthers(SignalNumber),
    /// Send SIGKILL to the group or, if it is empty, to the other children. Report the notice
    /// unless the signal is refused.
    Kill(Left, Notice),
    /// Take the terminal back, and stop this process with the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the only timer. This replaces any earlier delay.
    Arm(Delay),
    Report(Notice),
    /// Remove the command's files and exit with the command's status, as the last action. After a
    /// change, `None` stands for EX_TEMPFAIL (sysexits(3)), which lets a service manager start the
    /// unit again.
    Exit(Option<ExitStatus>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delay {
    FirstPoll,
    NextPoll {
        failures: u32,
    },
    /// This delay ends a second after the last poll began or the command started.
    RequestedPoll,
    Grace,
    /// The time that the processes have to end after SIGKILL.
    Kill,
}

/// A message for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    PollRecovered,
    Restarted,
    /// The command was stopped, and can't be started again.
    NotRestarted,
    /// The files were replaced, and the command gets this signal.
    Signalled(SignalNumber),
    Ended(ExitStatus),
    Stopping,
    /// A SIGTERM cancelled the restart or the exit after a change.
    Cancelled,
    /// What is left is killed, because `--grace` is over.
    GraceOver(Left),
    /// What is left is killed, because a second SIGTERM arrived.
    SecondTerm(Left),
    /// SIGTERM can't be passed on, because the command runs as another user.
    TermRefused,
    /// The command can't be stopped, because it runs as another user.
    NotStopped,
    /// A process that the command left behind can't be stopped.
    Survived,
    /// This process exits because of a change.
    Exiting,
}

impl ExitStatus {
    /// The status as a shell reports it: for a signal, 128 plus its number.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(SignalNumber(number)) => {
                u8::try_from(number).unwrap_or(u8::MAX).saturating_add(128)
            }
        }
    }
}

/// The initial state, and the action that lets the first trial, which has read the values, become
/// the command.
pub fn begin() -> (State, Action) {
    let state = State {
        trial: Stage::Opened(Purpose::FirstStart),
        ..State::default()
    };
    (state, Action::Start)
}

/// The next state, and the actions to carry out now, in order. Ignores an event that means nothing
/// in the current state, such as a message from a trial that is being cancelled.
pub fn step(supervision: &Supervision, state: State, event: Event) -> (State, Vec<Action>) {
    let mut step = Step {
        supervision,
        state,
        actions: Vec::new(),
    };
    step.handle(event);
    (step.state, step.actions)
}

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
                // During a trial or a stop, `schedule_poll` is called later: when the trial has
                // ended or the command was started again.
                if state.cause.is_none() && state.trial == Stage::NoTrial {
                    self.schedule_poll();
                }
            }
            Event::Signal(SignalNumber::TERM, _) if state.cause == Some(Cause::Change) => {
                // Don't pass SIGTERM on: the command has already got the stop signal, and many
                // programs end immediately on a second signal.
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
                    // Adopt them anyway, because even unchanged values can have new version ids.
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

    /// Passes a signal on as [`Sender`] says. But SIGCONT always goes to the whole group, because
    /// the terminal's stop signals go there, too. As without secrets-exec, children outside the
    /// group get no signal.
    ///
    /// Then continues a stopped command, which couldn't handle the signal. Nobody else would
    /// continue it: the shell only sees this process, which isn't stopped.
    fn forward(&mut self, signal: SignalNumber, sender: Sender) {
        let state = &mut self.state;
        let is_cont = signal == SignalNumber::CONT;
        if state.is_killed {
            return;
        }
        match state.left {
            Left::Command if sender == Sender::Process && !is_cont => {
                self.actions.push(Action::Signal(signal));
            }
            Left::Command | Left::Group => self.actions.push(Action::SignalGroup(signal)),
            Left::Others | Left::Nothing => return,
        }
        if signal == SignalNumber::TERM {
            state.has_term = true;
        }
        if is_cont {
            state.is_suspended = false;
        } else if state.is_suspended {
            self.order(Action::SignalGroup(SignalNumber::CONT));
        }
    }

    /// Handles a refused signal. Ignores it after the command's end, because what the command left
    /// behind is given up only when the time for SIGKILL is over.
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

    /// Lets the command run on, because this process isn't allowed to signal it, and starts no
    /// second command next to it. With `--on-rotation=exit`, this process still exits if its exit
    /// ends the command, too.
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

    fn cancel_trial(&mut self) {
        self.state.trial = Stage::NoTrial;
        self.order(Action::CancelTrial);
    }

    /// Sets the timer, and records that the trial is over.
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

    /// After a SIGTERM, the command may be about to end, so the next change doesn't stop it:
    /// `--grace` would cut its shutdown short, and a restart would undo the SIGTERM. If the command
    /// ignores SIGTERM, the next poll finds the change again.
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

    /// Handles [`Event::Left`]. The group gets SIGCONT after SIGTERM, because some of its processes
    /// may be stopped. The kernel reports a stopped process only to its own parent.
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
            // After SIGKILL, only an uninterruptible wait keeps the command alive. The command has
            // to be reaped before anything else happens.
            self.order(Action::Arm(Delay::Kill));
        } else {
            // A second command must not run next to what is left.
            self.report(Notice::Survived);
            self.cancel_trial();
            self.finish();
        }
    }

    fn kill(&mut self, notice: impl Fn(Left) -> Notice) {
        let left = self.state.left;
        if !replace(&mut self.state.is_killed, true) {
            self.order(Action::Kill(left, notice(left)));
            self.order(Action::Arm(Delay::Kill));
        }
    }
}
