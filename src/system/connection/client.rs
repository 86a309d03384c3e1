//! The client of the connection, and the reasons why it gets no value.

use nix::errno::Errno;

/// The client at the other end.
#[derive(Debug)]
pub struct Peer {
    /// The abstract address without its NUL; empty for any other.
    pub address: Vec<u8>,
    /// True for root and for the effective user of this process.
    pub is_trusted: bool,
    pub user: u32,
}

/// The reason why standard input is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoConnection {
    /// A socket that accepts connections: the socket unit lacks `Accept=yes`.
    Listening,
    Other,
}

/// The reason why a value was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// The client ended.
    Closed,
    /// The client did not read.
    TimedOut,
    /// A signal or the deadline ends this process.
    Ending,
    Other(Errno),
}
