//! The terminal whose foreground job the command becomes.
//!
//! SIGTTOU, which a background process gets for changing the foreground job, is blocked in this process.

#![allow(unsafe_code, reason = "std names standard output's descriptor only for printing")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::signal::killpg;
use nix::sys::stat::Mode;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// A terminal of which this process's group was the foreground job.
pub struct Terminal {
    descriptor: OwnedFd,
    /// The modes before the command had it.
    modes: Option<Termios>,
}

impl Terminal {
    /// Returns the terminal on standard output, if this process's group is its foreground job.
    pub fn on_standard_output() -> Option<Self> {
        // SAFETY: it is open: Rust's runtime opens /dev/null in its place before `main` if it is not, and nothing closes it.
        let output = unsafe { BorrowedFd::borrow_raw(libc::STDOUT_FILENO) };
        if is_foreground(output) { output.try_clone_to_owned().ok().map(Self::new) } else { None }
    }

    /// Returns the controlling terminal, if this process's group is its foreground job.
    pub fn controlling() -> Option<Self> {
        let terminal = open("/dev/tty", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        is_foreground(&terminal).then(|| Self::new(terminal))
    }

    /// True if this process has a controlling terminal, and so may be a job of a shell.
    pub fn is_there() -> bool {
        open("/dev/tty", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).is_ok()
    }

    fn new(descriptor: OwnedFd) -> Self {
        let modes = tcgetattr(&descriptor).ok();
        Self { descriptor, modes }
    }

    /// Makes `group` the foreground job, if this process's group is it. Returns false if it is not.
    pub fn give_to(&self, group: Pid) -> bool {
        is_foreground(&self.descriptor) && tcsetpgrp(&self.descriptor, group).is_ok()
    }

    /// Makes this process's group the foreground job again, if that is `group` or a group that is gone. Another one may be the job
    /// of a shell that has stopped this process meanwhile. Returns false then.
    pub fn take_from(&self, group: Option<Pid>) -> bool {
        let is_free = |foreground| Some(foreground) == group || killpg(foreground, None) == Err(Errno::ESRCH);
        tcgetpgrp(&self.descriptor).is_ok_and(is_free) && tcsetpgrp(&self.descriptor, getpgrp()).is_ok()
    }

    /// Restores the modes, when the command was killed and could not do so itself.
    pub fn restore_modes(&self) {
        if let Some(modes) = self.modes.as_ref().filter(|_| is_foreground(&self.descriptor)) {
            let _ = tcsetattr(&self.descriptor, SetArg::TCSANOW, modes);
        }
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn is_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal) == Ok(getpgrp())
}
