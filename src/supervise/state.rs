//! The states of the supervisor.

use super::event::ExitStatus;
use crate::model::options::SignalNumber;

/// The command exists in `Running`, and in `Stopping` until its end. Its process group can outlast it, in `Stopping` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Starting(Starting),
    Running(Running),
    Stopping(Stopping),
    /// The exit of this process is ordered.
    Exited,
}

/// The start of the command is ordered, and its outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starting {
    pub is_first: bool,
    /// The signals to forward once the command is started, in the order in which they came, each once.
    pub held: Vec<SignalNumber>,
    pub next_poll: NextPoll,
}

/// The command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pub poll: Poll,
    /// The number of polls that failed since the last one that did not.
    pub failures: u32,
    pub change: Change,
    /// True while the command is stopped by job control.
    pub is_suspended: bool,
    /// True if a SIGTERM was forwarded, so that the command may be ending by itself, and no change has waited for that since.
    pub has_term: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The timer of the next poll is armed.
    Scheduled,
    InFlight {
        /// True if another poll was requested meanwhile: this one may have read the secret before it changed.
        again: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The command has the newest values that were read.
    None,
    /// Other values were read, and the delay of `--splay`, or that after a SIGTERM, is not over.
    Delayed,
    /// The preparation of the new values is ordered, and its result not known yet.
    Preparing,
}

/// The process group was asked to end, or killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopping {
    pub command: Command,
    pub phase: Phase,
    pub next: Next,
    /// Signals that came after SIGKILL, for the command that is started next.
    pub held: Vec<SignalNumber>,
    pub next_poll: NextPoll,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Alive,
    /// The command ended, and processes of its group are left.
    Ended(ExitStatus),
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
    Start,
    /// Exit because a secret changed.
    ExitRotated,
    /// Exit with the command's status: SIGTERM came in the grace period of a rotation. Another SIGTERM kills.
    ExitCancelled,
    /// Exit with the command's status: the command ended by itself.
    ExitEnded,
}

/// The facts about polling that a restart must not lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextPoll {
    /// True if a poll was requested or cut short, so that the next one is due right after the start.
    pub is_due: bool,
    /// As in [`Running`].
    pub failures: u32,
}

/// Adds a signal to those that are held, as the kernel does with pending ones: each once.
pub fn hold(held: &mut Vec<SignalNumber>, signal: SignalNumber) {
    if !held.contains(&signal) {
        held.push(signal);
    }
}
