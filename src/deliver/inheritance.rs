//! Descriptors of files in memory across execve.

/// The way in which a file in memory reaches the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inheritance {
    /// Open across the execve of this process.
    Execve,
    /// Closed by any execve but that of the command's own child process, which clears FD_CLOEXEC.
    Child,
}
