//! The options of `--on-rotation`.

use std::time::Duration;

use super::signal_number::SignalNumber;
use crate::model::suggest;

/// The action on a changed secret, and its times and signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    pub on_rotation: OnRotation,
    /// `--stop-signal`
    pub stop_signal: SignalNumber,
    /// `--poll-signal`
    pub poll_signal: Option<SignalNumber>,
    /// `--poll-interval`, at least ten seconds.
    pub poll_interval: Duration,
    /// `--splay`; may be zero.
    pub splay: Duration,
    /// `--grace`; zero kills at once.
    pub grace: Duration,
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

pub const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Shorter intervals cost money and reach the quotas of AWS.
const SHORTEST_POLL_INTERVAL: Duration = Duration::from_secs(10);

pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

impl OnRotation {
    /// # Errors
    /// If it is no mode, or its signal is none that a command can handle.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match (text, text.strip_prefix("signal=")) {
            ("restart", _) => Ok(Self::Restart),
            ("exit", _) => Ok(Self::Exit),
            (_, Some(signal)) => SignalNumber::parse(signal).map(Self::Signal),
            (_, None) => Err("restart, signal=NAME or exit"),
        }
    }
}

/// Returns the mode that a misspelled one most likely stands for.
pub fn nearest_mode(text: &str) -> Option<String> {
    let signal = text.strip_prefix("signal=").or_else(|| text.strip_prefix("signal:"));
    match signal {
        None if SignalNumber::parse(text).is_ok() => Some(format!("signal={text}")),
        None => suggest::nearest(text, ["restart", "exit", "signal=NAME"].into_iter()).map(str::to_owned),
        Some(signal) if SignalNumber::parse(signal).is_ok() => Some(format!("signal={signal}")),
        Some(signal) => SignalNumber::nearest(signal).map(|nearest| format!("signal={nearest}")),
    }
}

/// # Errors
/// If it is shorter than ten seconds.
pub fn poll_interval(interval: Duration) -> Result<Duration, &'static str> {
    if interval >= SHORTEST_POLL_INTERVAL { Ok(interval) } else { Err("at least 10s") }
}

/// Parses `--poll-signal`.
///
/// # Errors
/// If there is no such signal, or the command must get it.
pub fn poll_signal(text: &str) -> Result<SignalNumber, &'static str> {
    match SignalNumber::parse(text)? {
        SignalNumber::TERM | SignalNumber::INT | SignalNumber::CONT => {
            Err("free for this: TERM, INT and CONT are the command's")
        }
        signal => Ok(signal),
    }
}
