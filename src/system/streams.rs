//! Writes to terminals and pipes. A write to a pipe blocks if the reader has stalled, and after
//! `stty tostop`, a terminal stops a background job that writes to it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::slice;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, tcgetpgrp, write};

/// A pipe that poll(2) reports as writable accepts this many bytes without blocking (pipe(7)).
pub const PIPE_BUF: usize = libc::PIPE_BUF;

/// A terminal that poll(2) reports as writable accepts at least this many bytes without blocking:
/// the kernel makes room in steps of 256 bytes, and a line feed takes up two.
pub const ROOM_OF_TERMINAL: usize = 64;

/// Moves the cursor to the start of the line and erases the line.
pub const ERASE_LINE: &str = "\r\x1b[K";

/// Writes all of `text`, even if the pipe is non-blocking: a command that shares the pipe may have
/// set O_NONBLOCK.
pub fn write_all(stream: BorrowedFd<'_>, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match write(stream, text) {
            Ok(length) => text = text.get(length..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                // If the wait fails, the next write returns the error.
                wait_until_writable(stream, Duration::MAX);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

pub fn columns(terminal: impl AsFd) -> usize {
    terminal_size::terminal_size_of(terminal).map_or(80, |(columns, _)| columns.0.into())
}

/// True if this process belongs to the terminal's foreground job.
pub fn is_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal) == Ok(getpgrp())
}

/// True if a write would neither block nor stop this process: no other job has the terminal, and
/// its output isn't paused (Ctrl-S).
pub fn may_write(terminal: impl AsFd) -> bool {
    let terminal = terminal.as_fd();
    // Job control doesn't stop a write to a terminal that isn't our controlling terminal (ENOTTY).
    let is_ours = tcgetpgrp(terminal).map_or(true, |foreground| foreground == getpgrp());
    is_ours && wait_until_writable(terminal, Duration::ZERO)
}

/// Waits until a write of [`PIPE_BUF`] or [`ROOM_OF_TERMINAL`] bytes wouldn't block. False also if
/// a signal arrives, or the descriptor only reports an error or a hangup.
pub fn wait_until_writable(descriptor: BorrowedFd<'_>, limit: Duration) -> bool {
    let mut file = PollFd::new(descriptor, PollFlags::POLLOUT);
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::NONE);
    let ready = poll(slice::from_mut(&mut file), limit) == Ok(1);
    let events = file.revents().unwrap_or(PollFlags::empty());
    // poll(2) also returns for POLLERR and POLLHUP.
    ready && events.contains(PollFlags::POLLOUT)
}
