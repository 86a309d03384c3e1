//! Checks before writing to a terminal or a pipe.

use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getpgrp, tcgetpgrp};

/// True unless another job has the terminal, a credential_process that asks for a password, say, or the terminal is stopped (Ctrl-S).
pub fn may_write(terminal: impl AsFd) -> bool {
    let terminal = terminal.as_fd();
    // ENOTTY: not the controlling terminal, so there are no jobs.
    tcgetpgrp(terminal).map_or(true, |foreground| foreground == getpgrp()) && is_writable(terminal)
}

/// True if a write to the descriptor would not block. Async-signal-safe.
pub fn is_writable(descriptor: BorrowedFd<'_>) -> bool {
    let mut files = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    let ready = poll(&mut files, PollTimeout::ZERO) == Ok(1);
    ready && files[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT))
}
