//! A child process in its own process group, killed when the launch times out or a signal ends this process.
//!
//! The group is a background job of the terminal, which SIGTTIN stops when it reads from it. A program that asks for a password
//! or a code becomes the foreground job only then, since Ctrl-C and Ctrl-Z go to the foreground job: until it asks, that is this
//! process and the others of its pipeline.

#![allow(unsafe_code, reason = "installing a signal handler and setsid(2) in a child are unsafe")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, raise};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, getpid, setsid, tcgetpgrp, tcsetpgrp};

use crate::backend::aws::config::Reading;
use crate::system::signals::{Disposition, Handlers, TERMINATION, disposition};
use crate::system::terminal::set_foreground;
use crate::system::termination;
use crate::system::wait::child_state;

/// The process group that the signal handler kills; 0 while there is none.
static GROUP: AtomicI32 = AtomicI32::new(0);

/// A descriptor of the terminal while the group is its foreground job; -1 otherwise.
static TERMINAL: AtomicI32 = AtomicI32::new(-1);

/// A signal that came before [`GROUP`] was set; 0 if none did.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

/// True once [`kill_process`] was called. Locked during a start, so that each program is either killed or not started.
static IS_ENDING: Mutex<bool> = Mutex::new(false);

/// The interval at which the child's state is polled.
const TICK: Duration = Duration::from_millis(5);

/// A running program and its descendants. Dropping the value kills the group unless [`Self::complete`] was called.
pub struct ProcessGroup {
    /// Not reaped before the value is dropped: until then the kernel does not reuse its process id or group id.
    leader: Pid,
    is_complete: bool,
    terminal: Option<Terminal>,
    dispositions: Option<Dispositions>,
}

/// A terminal whose foreground job is the group.
struct Terminal {
    file: File,
    /// The modes before the group had the terminal.
    modes: Option<Termios>,
}

impl ProcessGroup {
    /// Starts a program. Only one can run at a time, since the signal handler kills one group.
    ///
    /// While another command has the terminal, the group is in a session of its own, which has none.
    pub fn start(command: &mut Command, reading: Reading) -> io::Result<(Self, Child)> {
        let dispositions = Dispositions::install();
        match reading {
            Reading::Only | Reading::First => command.process_group(0),
            // SAFETY: setsid(2) is async-signal-safe and accesses no memory.
            Reading::Again => unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) },
        };
        let child = start_unless_ending(command)?;
        let leader = Pid::from_raw(child.id().cast_signed());
        let group = Self { leader, is_complete: false, terminal: None, dispositions: Some(dispositions) };
        if CAUGHT.load(Ordering::SeqCst) != 0 {
            // Kills the group and raises the signal.
            drop(group);
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok((group, child))
    }

    /// Waits for the end of the program, and makes it the foreground job when it uses the terminal.
    pub async fn ended(&mut self) -> io::Result<WaitStatus> {
        loop {
            // WNOWAIT: the child is not reaped.
            let any = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
            match child_state(self.leader, any | WaitPidFlag::WNOWAIT)? {
                WaitStatus::Stopped(_, by) => {
                    // Without WNOWAIT, so that the stop is not reported again.
                    child_state(self.leader, WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG)?;
                    self.stopped(by);
                }
                status @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {
                    self.pass_on(status);
                    return Ok(status);
                }
                _ => tokio::time::sleep(TICK).await,
            }
        }
    }

    /// Drops the value without killing processes that the program may have left running.
    pub fn complete(mut self) {
        self.is_complete = true;
    }

    /// Sends INT, QUIT or HUP that ended the program as the foreground job to this process's group, which the terminal would
    /// have signalled without the program.
    fn pass_on(&mut self, status: WaitStatus) {
        if let WaitStatus::Signaled(_, by @ (Signal::SIGINT | Signal::SIGQUIT | Signal::SIGHUP), _) = status
            && self.terminal.is_some()
        {
            self.take_terminal();
            let _ = killpg(getpgrp(), by);
        }
    }

    /// Continues the group after a stop: after SIGTTIN or SIGTTOU as the foreground job; after Ctrl-Z only once this process, which
    /// is stopped as well, is continued.
    fn stopped(&mut self, by: Signal) {
        match by {
            Signal::SIGTTIN | Signal::SIGTTOU => {
                if !self.give_terminal() {
                    // This process is a background job itself: stop with it until the shell brings it to the foreground.
                    let _ = killpg(getpgrp(), by);
                    self.give_terminal();
                }
            }
            _ if self.terminal.is_some() => {
                self.take_terminal();
                let _ = killpg(getpgrp(), by);
            }
            // Another process stopped the program alone.
            _ => return,
        }
        let _ = killpg(self.leader, Signal::SIGCONT);
    }

    /// Makes the group the foreground job, if this process's group is it now.
    fn give_terminal(&mut self) -> bool {
        let Ok(file) = File::options().read(true).write(true).open("/dev/tty") else { return false };
        if tcgetpgrp(&file) != Ok(getpgrp()) {
            return false;
        }
        let modes = tcgetattr(&file).ok();
        TERMINAL.store(file.as_raw_fd(), Ordering::SeqCst);
        set_foreground(&file, self.leader);
        self.terminal = Some(Terminal { file, modes });
        true
    }

    /// Makes this process's group the foreground job again. Restores the terminal's modes if the program is killed, which could not
    /// do so itself.
    fn take_terminal(&mut self) {
        let Some(Terminal { file, modes }) = self.terminal.take() else { return };
        TERMINAL.store(-1, Ordering::SeqCst);
        set_foreground(&file, getpgrp());
        if let Some(modes) = modes.filter(|_| !self.is_complete) {
            let _ = tcsetattr(&file, SetArg::TCSANOW, &modes);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !self.is_complete {
            let _ = killpg(self.leader, Signal::SIGKILL);
        }
        self.take_terminal();
        // Before reaping: afterwards the kernel may reuse the group id that the handler kills.
        drop(self.dispositions.take());
        GROUP.store(0, Ordering::SeqCst);
        let _ = waitpid(self.leader, None);
    }
}

/// Starts a program and sets [`GROUP`].
fn start_unless_ending(command: &mut Command) -> io::Result<Child> {
    let is_ending = IS_ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_ending {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let child = command.spawn()?;
    GROUP.store(child.id().cast_signed(), Ordering::SeqCst);
    Ok(child)
}

/// Kills the group that another thread awaits, before this process exits, and lets that thread start no other.
pub fn kill_process() {
    let mut is_ending = IS_ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    *is_ending = true;
    let group = GROUP.load(Ordering::SeqCst);
    if group != 0 {
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

/// The signal actions in force while there is a group.
struct Dispositions {
    termination: Handlers,
    child: Handlers,
}

impl Dispositions {
    /// Installs [`end_group`] for the termination signals that are not ignored. As PID 1 there is no need: the kernel kills all of its
    /// namespace with it. SIGCHLD gets its default action: if it is ignored, children are reaped at once and
    /// cannot be waited for (wait(2)).
    fn install() -> Self {
        CAUGHT.store(0, Ordering::SeqCst);
        let end = SigAction::new(SigHandler::Handler(end_group), SaFlags::SA_RESTART, termination::mask());
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        let termination = TERMINATION.into_iter().filter(|signal| disposition(*signal) != Disposition::Ignored);
        let termination = termination.filter(|_| getpid().as_raw() != 1);
        // SAFETY: the handler calls only async-signal-safe functions: kill, tcsetpgrp and those of `termination::end`.
        let termination = unsafe { Handlers::install(end, termination) };
        // SAFETY: SIG_DFL is no handler.
        let child = unsafe { Handlers::install(default, [Signal::SIGCHLD]) };
        Self { termination, child }
    }
}

impl Drop for Dispositions {
    fn drop(&mut self) {
        self.termination.restore();
        self.child.restore();
        if let Ok(caught) = Signal::try_from(CAUGHT.load(Ordering::SeqCst)) {
            let _ = raise(caught);
        }
    }
}

/// Kills the group, takes the terminal back, and ends this process by the same signal.
extern "C" fn end_group(number: libc::c_int) {
    let group = GROUP.load(Ordering::SeqCst);
    if group == 0 {
        CAUGHT.store(number, Ordering::SeqCst);
        return;
    }
    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    let terminal = TERMINAL.load(Ordering::SeqCst);
    if terminal >= 0 {
        // SAFETY: the descriptor is open as long as its number is in TERMINAL.
        let _ = tcsetpgrp(unsafe { BorrowedFd::borrow_raw(terminal) }, getpgrp());
    }
    termination::end(number);
}
