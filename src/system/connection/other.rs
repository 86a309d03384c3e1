//! The same without systemd: there is never a connection.

use nix::errno::Errno;

use super::client::{AnswerError, NoConnection, Peer};

/// # Errors
/// Never.
pub fn take() -> Result<(), Errno> {
    Ok(())
}

/// # Errors
/// Always.
pub fn peer() -> Result<Peer, NoConnection> {
    Err(NoConnection::Other)
}

/// # Errors
/// Always.
pub fn answer(_: &[u8]) -> Result<(), AnswerError> {
    Err(AnswerError::Ending)
}

/// Does nothing.
pub fn refuse() {}

/// Does nothing.
pub fn refuse_by_signal() {}

/// Returns false at once.
pub fn await_hang_up() -> bool {
    false
}
