//! The states of the supervisor, the events that it receives, and the actions that it orders.

use crate::model::options::SignalNumber;

/// The command exists in `Running`, and in `Stopping` until its end. Its process group can outlast it, in `Stopping` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorState {
    Running(RunningState),
    Stopping(Stopping),
    /// The exit of this process is ordered.
    Exited,
}

/// The command runs. The default is a command that was just started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningState {
    pub poll: Poll,
    /// The number of failed polls in succession.
    pub failures: u32,
    /// True if a poll was requested since the last poll began, which may have read the secret before it changed.
    pub is_poll_asked: bool,
    /// True while the command is stopped by job control.
    pub is_suspended: bool,
    /// True if a SIGTERM was forwarded, so that the command may be ending, and no change was delayed for it since.
    pub has_term: bool,
}

/// The forked launch that reads the values again. While there is none, the timer is armed for the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Poll {
    /// No launch.
    #[default]
    Idle,
    /// None. The last poll found a change; the next poll, after `--splay` or on request, is acted on.
    Splayed,
    /// None. The last poll found a change after a SIGTERM; the next poll is acted on, and no request brings it forward.
    AfterTerm,
    /// The launch resolves the values.
    Polling {
        /// True if a change was delayed for this poll.
        is_delayed: bool,
    },
    /// The gate is open, and the launch replaces the files.
    Delivering,
}

/// The process group was asked to end, or killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// The status of the command once it has ended, and processes of its group are left.
    pub ended: Option<ExitStatus>,
    pub phase: Phase,
    pub next: Next,
    /// As in [`RunningState`], for the next command.
    pub is_poll_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The group has a signal that asks it to end, and the time of `--grace`.
    Grace,
    /// The group has SIGKILL.
    Killed,
}

/// The step after the end of the process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Start the launch that waits at the gate.
    Start,
    /// Exit because a secret changed.
    ExitRotated,
    /// Exit with the command's status: SIGTERM came in the grace period of a rotation. Another SIGTERM kills.
    ExitCancelled,
    /// Exit with the command's status: the command ended by itself.
    ExitEnded,
}

impl RunningState {
    /// Returns the action that schedules the next poll.
    pub fn next_poll(&self) -> Action {
        Action::Arm(if self.is_poll_asked {
            Delay::AskedPoll
        } else {
            Delay::NextPoll {
                failures: self.failures,
            }
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The command ended and is reaped. A command that cannot be delivered or executed ends as well, with 78, 126 or 127.
    Ended {
        status: ExitStatus,
        /// True if no process of the command's group is left.
        is_group_empty: bool,
    },
    /// The last process of the group is gone, some time after the command.
    GroupEmpty,
    /// Job control stopped the command by this signal.
    Suspended(SignalNumber),
    /// Job control continued the command.
    Continued,
    /// A signal to forward, or the signal that requests a poll, reached this process.
    Signal(SignalNumber),
    /// The result of a poll, or the death of the launch that waits at the gate, which is [`PollResult::Failed`].
    Polled(PollResult),
    Delivered,
    NotDelivered,
    /// The timer has elapsed.
    Elapsed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Exited(u8),
    Killed(SignalNumber),
}

/// The values of a poll, compared with the command's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollResult {
    /// Other values, with which the launch waits at the gate.
    Changed,
    Unchanged,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open the gate of the launch at it, which is the command from then on.
    Start,
    /// Open the gate of the launch at it, which replaces the files and ends. [`Event::Delivered`] or [`Event::NotDelivered`] follows.
    Deliver,
    /// Fork a launch that polls. [`Event::Polled`] follows unless the poll is cancelled.
    StartPoll,
    /// End the launch that polls, is at the gate or replaces files, if there is one.
    CancelPoll,
    /// Send a signal to the command's process group, which has a process. With SIGCONT the command becomes the foreground job of the terminal,
    /// if this process is that job.
    Signal(SignalNumber),
    /// Take the terminal back, and stop this process by the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the only timer to a delay.
    Arm(Delay),
    Report(Notice),
    /// Remove the files and exit. Nothing follows.
    Exit(Outcome),
}

/// The time after which the timer elapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    FirstPoll,
    NextPoll {
        /// The number of polls in succession that failed.
        failures: u32,
    },
    /// The rest of the second that lies between two polls, or between a start and a poll: the next poll was requested.
    AskedPoll,
    /// A random part of `--splay` between a change and the poll that is acted on.
    Splay,
    /// The time of `--grace` between a change and the poll that is acted on: the command may be ending by a SIGTERM that was forwarded.
    AfterTerm,
    Grace,
    /// The time in which processes vanish after SIGKILL.
    Kill,
}

/// A line for the user. The child that polls words the lines about a change, and prints that of a failed poll itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    PollRecovered,
    Ended(ExitStatus),
    /// A SIGTERM cancelled the restart, or the exit for a change.
    Cancelled,
    /// The group is killed, since the time of `--grace` is over.
    GraceOver,
    /// The group is killed, since a second SIGTERM came.
    SecondTerm,
}

/// The source of the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// EX_TEMPFAIL (sysexits(3)), for a service manager that starts the unit again.
    Rotated,
    Command(ExitStatus),
}

impl ExitStatus {
    /// Returns the status as a shell does: 128 and the number of the signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(SignalNumber(number)) => {
                u8::try_from(number).unwrap_or(u8::MAX).saturating_add(128)
            }
        }
    }
}
