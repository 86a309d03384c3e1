//! The controlling terminal, its foreground job, and checks before writing to a terminal or a pipe.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, tcgetpgrp, write};

/// Moves to the start of the line and erases it.
pub const ERASE_LINE: &str = "\r\x1b[K";

/// Writes all of a text, also to a pipe that does not block: a command that shares the pipe may have set O_NONBLOCK.
///
/// # Errors
/// The error of the kernel.
pub fn write_all(stream: BorrowedFd<'_>, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match write(stream, text) {
            Ok(length) => text = text.get(length..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                wait_writable(stream, PollTimeout::NONE);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Returns the number of columns of a terminal; 80 if it doesn't say.
pub fn columns(terminal: impl AsFd) -> usize {
    terminal_size::terminal_size_of(terminal).map_or(80, |(columns, _)| columns.0.into())
}

/// True if this process's group is the terminal's foreground job.
pub fn is_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal) == Ok(getpgrp())
}

/// True unless another job has the terminal, or the terminal is stopped (Ctrl-S).
pub fn may_write(terminal: impl AsFd) -> bool {
    let terminal = terminal.as_fd();
    // ENOTTY: not the controlling terminal, so there are no jobs.
    let is_ours = tcgetpgrp(terminal).map_or(true, |foreground| foreground == getpgrp());
    is_ours && is_writable(terminal)
}

/// True if a write to the descriptor would not block, of up to PIPE_BUF bytes.
pub fn is_writable(descriptor: BorrowedFd<'_>) -> bool {
    wait_writable(descriptor, PollTimeout::ZERO)
}

/// Waits for at most `limit`. Returns true if a write would not block.
fn wait_writable(descriptor: BorrowedFd<'_>, limit: PollTimeout) -> bool {
    let mut files = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    let ready = poll(&mut files, limit) == Ok(1);
    let events = files[0].revents().unwrap_or(PollFlags::empty());
    ready && events.contains(PollFlags::POLLOUT)
}
