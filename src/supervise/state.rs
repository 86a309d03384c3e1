//! The states of the supervisor.

use super::event::{Action, Delay, ExitStatus};

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
