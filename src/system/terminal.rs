//! Whether this process may write to the terminal on standard error.

use std::os::fd::{AsFd, AsRawFd};

use nix::unistd::{getpgrp, tcgetpgrp};

use super::termination::is_writable;

/// True unless another job has the terminal, a credential_process that asks for a password, say, or the terminal is stopped (Ctrl-S).
pub fn may_write() -> bool {
    let stderr = std::io::stderr();
    // ENOTTY: not the controlling terminal, so there are no jobs.
    tcgetpgrp(stderr.as_fd()).map_or(true, |foreground| foreground == getpgrp()) && is_writable(stderr.as_raw_fd())
}
