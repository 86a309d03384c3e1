//! Writes to a terminal or a pipe, and checks first whether the write could block or stop this
//! process.
//!
//! A terminal sends signals to its foreground job, and, after `stty tostop`, stops a background job
//! that writes to it. A pipe whose reader has stalled blocks a write.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, tcgetpgrp, write};

/// The number of bytes that a writable pipe accepts without blocking (pipe(7)).
pub const PIPE_BUF: usize = libc::PIPE_BUF;

/// The number of bytes that a writable terminal accepts without blocking. The kernel makes room in
/// steps of 256 bytes, and a line feed needs two bytes.
pub const ROOM_OF_TERMINAL: usize = 64;

/// The control characters that move to the start of the line and erase it.
pub const ERASE_LINE: &str = "\r\x1b[K";

/// Writes all bytes. Waits while the reader isn't reading, even if the pipe is non-blocking,
/// because a command that shares the pipe may have set O_NONBLOCK.
///
/// # Errors
/// If the kernel can't write the bytes.
pub fn write_all(stream: BorrowedFd<'_>, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match write(stream, text) {
            Ok(length) => text = text.get(length..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                // If this wait fails, the next write returns the error.
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

/// True if this process's group is the foreground job of the terminal.
pub fn is_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal) == Ok(getpgrp())
}

/// True if a write to the terminal would neither block nor stop this process: the terminal doesn't
/// belong to a different job, and isn't stopped (Ctrl-S).
pub fn may_write(terminal: impl AsFd) -> bool {
    let terminal = terminal.as_fd();
    // If the terminal isn't our controlling terminal (ENOTTY), job control doesn't stop a write.
    let is_ours = tcgetpgrp(terminal).map_or(true, |foreground| foreground == getpgrp());
    is_ours && wait_until_writable(terminal, Duration::ZERO)
}

/// Waits until a write of up to [`PIPE_BUF`] bytes to a pipe, or [`ROOM_OF_TERMINAL`] bytes to a
/// terminal, would not block, for at most `limit`. Returns false if the time is up or a signal
/// arrives first, or if the descriptor only has an error or a hangup.
pub fn wait_until_writable(descriptor: BorrowedFd<'_>, limit: Duration) -> bool {
    let mut files = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::NONE);
    let ready = poll(&mut files, limit) == Ok(1);
    let events = files[0].revents().unwrap_or(PollFlags::empty());
    // poll(2) also returns for POLLERR and POLLHUP, even though they weren't requested.
    ready && events.contains(PollFlags::POLLOUT)
}
