//! The events that the state machine receives, and the actions that it orders.

use crate::model::options::SignalNumber;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The command was executed. Its end is reported after this.
    Started,
    StartFailed,
    /// The command ended and is reaped.
    Ended {
        status: ExitStatus,
        group: Group,
    },
    /// The last process of the group is gone, some time after the command.
    GroupEmpty,
    /// Job control stopped the command by this signal.
    Suspended(SignalNumber),
    /// Job control continued the command.
    Continued,
    /// A signal to forward, or the one that requests a poll, reached this process.
    Signal(SignalNumber),
    Polled(PollResult),
    Prepared,
    NotPrepared,
    Elapsed(Timer),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Exited(u8),
    Killed(SignalNumber),
}

/// The rest of the command's process group at the command's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Empty,
    Alive,
}

/// The values of a poll, compared at its end with those that the command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollResult {
    /// Other values, which are kept and replace any that an earlier poll left.
    Changed,
    /// Other values, the same as those that are kept already.
    Kept,
    Unchanged,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    Poll,
    /// [`Delay::Splay`] and [`Delay::AfterTerm`], the delays of a change's consequence.
    Splay,
    Grace,
    /// The time in which processes vanish after SIGKILL.
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Deliver the prepared values and start the command in a process group of its own. [`Event::Started`] or
    /// [`Event::StartFailed`] follows.
    Start,
    /// Tell the service manager that the command is started, for the first time.
    NotifyReady,
    /// Send a signal to the command's process group, which has a process.
    Signal(SignalNumber),
    /// Make the command the foreground job, if this process is it.
    GiveTerminal,
    /// Take the terminal back, and stop this process by the signal that stopped the command.
    Suspend(SignalNumber),
    /// Set the timer of a delay.
    Arm(Delay),
    Disarm(Timer),
    /// Read all values. [`Event::Polled`] follows unless the poll is cancelled.
    StartPoll,
    /// Drop the poll in flight, and disarm the timer of the next.
    CancelPoll,
    /// Take the kept values and do what can fail before the command is touched: for a restart write temporary files (the poll has
    /// checked the environment), for a signal replace the files, for an exit nothing. [`Event::Prepared`] or [`Event::NotPrepared`]
    /// follows.
    Prepare,
    /// Wipe the kept values.
    Discard,
    Report(Notice),
    /// Remove the files and exit. Nothing follows.
    Exit(Outcome),
}

/// The length of a timer, of which `schedule` has the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    FirstPoll,
    NextPoll {
        /// The number of polls in succession that failed.
        failures: u32,
    },
    Splay,
    /// The time of `--grace` before a change has its consequence, since the command may be ending by a SIGTERM that was forwarded.
    AfterTerm,
    Grace,
    Kill,
}

/// A line for the user, which the caller completes with names, versions and reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    Changed,
    /// The values became those of the command again before it was touched.
    Reverted,
    /// The first poll of several that failed.
    PollFailed,
    PollRecovered,
    /// The command keeps its values; the next poll finds the change again.
    NotPrepared,
    Restarted,
    Ended(ExitStatus),
    /// A SIGTERM cancelled what was to follow the end of the command.
    Cancelled,
    /// The group is killed.
    Killed(KillReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillReason {
    /// The time of `--grace` is over.
    GraceOver,
    /// Another SIGTERM came after the one that cancelled what was to follow.
    SecondTerm,
}

/// The source of the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// EX_TEMPFAIL (sysexits(3)), for a service manager that starts the unit again.
    Rotated,
    Command(ExitStatus),
    /// The failure of the start: 126 or 127.
    NotStarted,
}

impl ExitStatus {
    /// Returns the status as a shell does: 128 and the number of the signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(SignalNumber(number)) => u8::try_from(number).unwrap_or(u8::MAX).saturating_add(128),
        }
    }
}

impl Delay {
    pub fn timer(self) -> Timer {
        match self {
            Self::FirstPoll | Self::NextPoll { .. } => Timer::Poll,
            Self::Splay | Self::AfterTerm => Timer::Splay,
            Self::Grace => Timer::Grace,
            Self::Kill => Timer::Kill,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_a_signal_killed_has_the_status_128_and_its_number() {
        assert_eq!(ExitStatus::Killed(SignalNumber::TERM).code(), 143);
        assert_eq!(ExitStatus::Killed(SignalNumber::KILL).code(), 137);
        assert_eq!(ExitStatus::Killed(SignalNumber(64)).code(), 192);
    }

    #[test]
    fn a_command_that_exited_has_its_own_status() {
        assert_eq!(ExitStatus::Exited(255).code(), 255);
    }
}
