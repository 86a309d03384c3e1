//! The options that the state machine depends on.

use crate::model::options::{OnRotation, SignalNumber};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub on_rotation: OnRotation,
    /// `--stop-signal`
    pub stop_signal: SignalNumber,
    /// `--poll-signal`
    pub poll_signal: Option<SignalNumber>,
}

impl Policy {
    /// True for the signal that requests a poll and is not forwarded.
    pub fn polls_on(&self, signal: SignalNumber) -> bool {
        self.poll_signal == Some(signal)
    }
}
