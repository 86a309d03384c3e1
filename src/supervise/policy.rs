//! The options that the state machine depends on.

use super::signal_number::SignalNumber;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub on_rotation: OnRotation,
    /// `--stop-signal`
    pub stop_signal: SignalNumber,
    /// `--poll-signal`
    pub poll_signal: Option<SignalNumber>,
}

/// `--on-rotation`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRotation {
    /// Stop the command and start it again with the new values.
    Restart,
    /// Replace the files, then send this signal to the command's process group.
    Signal(SignalNumber),
    /// Stop the command and exit.
    Exit,
}

impl Policy {
    /// True for the signal that requests a poll and is not forwarded.
    pub fn polls_on(&self, signal: SignalNumber) -> bool {
        self.poll_signal == Some(signal)
    }
}
