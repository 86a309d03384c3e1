//! The events that the state machine receives, and the actions that it orders.

use crate::model::options::SignalNumber;

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
    /// Send a signal to the command's process group, which has a process.
    Signal(SignalNumber),
    /// Make the command the foreground job of the terminal, if this process is that job.
    GiveTerminal,
    /// Take the terminal back, and stop this process by the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the timer, of which there is one, to a delay.
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
