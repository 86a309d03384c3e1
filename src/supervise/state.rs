//! The states of the supervisor, the events that it receives, and the actions that it orders.

use crate::model::options::SignalNumber;

/// The state of the supervisor. The command exists in `Running`, and in `Stopping` until its end.
/// Processes of its group can outlive it, but only in `Stopping`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorState {
    Running(RunningState),
    Stopping(Stopping),
    /// The order to exit has been given.
    Exited,
}

/// The state while the command runs. The default is the state of a command that was just started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningState {
    pub poll: Poll,
    /// The number of failed polls in a row.
    pub failures: u32,
    /// True if a poll was requested since the last poll began. That last poll may have read the
    /// secret before it changed.
    pub is_poll_requested: bool,
    /// True while job control has stopped the command.
    pub is_suspended: bool,
    /// True if a SIGTERM was forwarded, so that the command may be about to end. Set to false when
    /// a change is ignored for this reason.
    pub has_term: bool,
}

/// The forked launch that reads the values again. As long as there isn't one, the timer is set for
/// the next launch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Poll {
    /// There isn't a launch.
    #[default]
    Idle,
    /// There isn't a launch. The last poll found a change. The next poll begins after `--splay` or
    /// on request, and a change that it finds takes effect.
    Splayed,
    /// The launch is resolving the values.
    Polling {
        /// True if `--splay` has delayed a change until this poll.
        is_delayed: bool,
    },
    /// The gate is open, and the launch is replacing the files.
    Delivering,
}

/// The state after the process group was asked to end, or killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// The status of the command, once it has ended while other processes of its group are left.
    pub ended: Option<ExitStatus>,
    pub phase: Phase,
    pub next: Next,
    /// Like [`RunningState::is_poll_requested`]. The poll begins after the next command has
    /// started.
    pub is_poll_requested: bool,
}

/// The stage that the end of the process group has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The group got a signal that asks it to end, and has the time of `--grace` to do so.
    Grace,
    /// The group got SIGKILL.
    Killed,
}

/// The step that follows the end of the process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start the launch that waits at the gate.
    Start,
    /// Exit because a secret changed.
    ExitRotated,
    /// Exit with the command's status, because SIGTERM arrived during the grace period of a
    /// rotation. Another SIGTERM kills the group.
    ExitCancelled,
    /// Exit with the command's status, because the command ended by itself.
    ExitEnded,
}

impl RunningState {
    /// Returns the action that sets the timer for the next poll.
    pub fn next_poll(&self) -> Action {
        Action::Arm(if self.is_poll_requested {
            Delay::RequestedPoll
        } else {
            Delay::NextPoll {
                failures: self.failures,
            }
        })
    }
}

/// Something that has happened to this process, to one of its children or to the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The command has ended and has been reaped. A launch whose gate was opened is the command, so
    /// this event also occurs if such a launch can't rename the files or execute the command. In
    /// that case, its status is 78, 126 or 127.
    Ended(ExitStatus, GroupState),
    /// The last process of the group is gone, some time after the command.
    GroupEmpty,
    /// Job control has stopped the command with this signal.
    Suspended(SignalNumber),
    /// Job control has continued the command.
    Continued,
    /// This process got a signal that is to be forwarded or that requests a poll.
    Signal(SignalNumber),
    /// The result of a poll. If the launch that waits at the gate dies, the result is
    /// [`PollResult::Failed`].
    Polled(PollResult),
    /// The launch has replaced the files.
    Delivered,
    /// The launch could not replace the files.
    NotDelivered,
    /// The delay of the last [`Action::Arm`] has passed.
    Elapsed,
}

/// The state of the command's process group when the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    Empty,
    /// Other processes of the group are left.
    Populated,
}

/// The end of a process: with an exit status, or by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Exited(u8),
    Killed(SignalNumber),
}

/// The result of a poll. A poll compares the values that it reads with the values of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollResult {
    /// The values differ, and the launch waits at the gate with them.
    Changed,
    Unchanged,
    Failed,
}

/// An action that the caller of the state machine has to carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open the gate of the launch that waits there. From then on, that launch is the command.
    Start,
    /// Open the gate of the launch that waits there. It replaces the files and ends.
    /// [`Event::Delivered`] or [`Event::NotDelivered`] follows.
    Deliver,
    /// Fork a launch that polls. [`Event::Polled`] follows, unless the poll is cancelled.
    StartPoll,
    /// End the launch that is polling, waiting at the gate or replacing files, if there is one.
    CancelPoll,
    /// Send a signal to the command's process group, which is never empty when this action is
    /// returned. If the signal is SIGCONT and secrets-exec's own group is in the foreground of the
    /// terminal, the command's group replaces it there first.
    Signal(SignalNumber),
    /// Take the terminal back, and stop this process with the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the timer. There is only one, so an earlier delay is replaced.
    Arm(Delay),
    /// Print a line.
    Report(Notice),
    /// Remove the files and exit. No action follows.
    Exit(ExitReason),
}

/// The delay after which the timer elapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    FirstPoll,
    NextPoll {
        /// The number of polls in a row that failed.
        failures: u32,
    },
    /// The next poll was requested. It begins once a second has passed since the last poll or the
    /// start.
    RequestedPoll,
    /// A random part of `--splay`, between a change and the poll that is acted on.
    Splay,
    Grace,
    /// The time that processes get to disappear after SIGKILL.
    Kill,
}

/// A line for the user. The lines about changes and failed polls aren't among these, because the
/// child that polls writes them.
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

/// The reason why this process exits. The exit status depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// A secret changed. The status is EX_TEMPFAIL (sysexits(3)), for a service manager that starts
    /// the unit again.
    Rotated,
    /// The command has ended. Its status is also the status of this process.
    Command(ExitStatus),
}

impl ExitStatus {
    /// Returns the exit status as a shell reports it. If a signal ended the process, this is 128
    /// plus the signal's number.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(SignalNumber(number)) => {
                u8::try_from(number).unwrap_or(u8::MAX).saturating_add(128)
            }
        }
    }
}
