//! Checks before writing to a terminal or a pipe, and its foreground job.

use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// True unless another job has the terminal, a credential_process that asks for a password, say, or the terminal is stopped (Ctrl-S).
pub fn may_write(terminal: impl AsFd) -> bool {
    let terminal = terminal.as_fd();
    // ENOTTY: not the controlling terminal, so there are no jobs.
    tcgetpgrp(terminal).map_or(true, |foreground| foreground == getpgrp()) && is_writable(terminal)
}

/// Makes a group the terminal's foreground job. SIGTTOU, which a background process gets for that, is blocked meanwhile.
pub fn set_foreground(terminal: impl AsFd, group: Pid) {
    let mut ours = SigSet::empty();
    ours.add(Signal::SIGTTOU);
    let before = ours.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let _ = tcsetpgrp(terminal, group);
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
}

/// True if a write to the descriptor would not block. Async-signal-safe.
pub fn is_writable(descriptor: BorrowedFd<'_>) -> bool {
    poll_writable(descriptor, PollTimeout::ZERO)
}

/// Waits until a write to the descriptor would not block.
pub fn await_writable(descriptor: BorrowedFd<'_>) {
    poll_writable(descriptor, PollTimeout::NONE);
}

fn poll_writable(descriptor: BorrowedFd<'_>, limit: PollTimeout) -> bool {
    let mut files = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    let ready = poll(&mut files, limit) == Ok(1);
    ready && files[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT))
}
