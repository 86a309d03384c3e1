//! A check before writing to a terminal.

use std::os::fd::{AsFd, AsRawFd};

use nix::unistd::{getpgrp, tcgetpgrp};

use super::termination::is_writable;

/// True unless another job has the terminal, a credential_process that asks for a password, say, or the terminal is stopped (Ctrl-S).
pub fn may_write(terminal: impl AsFd) -> bool {
    let terminal = terminal.as_fd();
    // ENOTTY: not the controlling terminal, so there are no jobs.
    tcgetpgrp(terminal).map_or(true, |foreground| foreground == getpgrp()) && is_writable(terminal.as_raw_fd())
}
