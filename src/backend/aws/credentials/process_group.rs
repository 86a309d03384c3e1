//! A child in a process group of its own, killed when the launch times out or a signal ends this process.
//!
//! To the terminal such a group is a job in the background, which is stopped when it reads from it (SIGTTIN). A program that
//! asks for a password or a code is therefore made the foreground job when it asks, and not before: until then Ctrl-C and
//! Ctrl-Z are for us and for whatever runs in a pipe with us.

#![allow(unsafe_code, reason = "nix leaves the soundness of a signal handler to its caller")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, raise, sigaction, signal};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// The group that a signal to us takes along; 0 while there is none.
static GROUP: AtomicI32 = AtomicI32::new(0);

/// A descriptor of the terminal while that is the group's; -1 while it is not.
static TERMINAL: AtomicI32 = AtomicI32::new(-1);

/// A signal that came before the group was known; 0 when none did.
static CAUGHT: AtomicI32 = AtomicI32::new(0);

/// The interval at which the child's state is polled.
const TICK: Duration = Duration::from_millis(5);

/// A program that runs, and what it has started. Unless it is complete when it is dropped, all of it is killed.
pub struct Group {
    /// Not collected before this value is dropped: until then nobody else can have its number, nor that of its group.
    leader: Pid,
    is_complete: bool,
    terminal: Option<Terminal>,
    dispositions: Option<Dispositions>,
}

/// A terminal that the group has the use of, and how it was set before.
struct Terminal {
    file: File,
    modes: Option<Termios>,
}

impl Group {
    /// Starts a program. There can be one at a time.
    pub fn start(command: &mut Command) -> io::Result<(Self, Child)> {
        let dispositions = Dispositions::take();
        let child = command.process_group(0).spawn()?;
        let leader = Pid::from_raw(child.id().cast_signed());
        GROUP.store(leader.as_raw(), Ordering::SeqCst);
        let group = Self { leader, is_complete: false, terminal: None, dispositions: Some(dispositions) };
        if CAUGHT.load(Ordering::SeqCst) != 0 {
            // Kills it, and raises the signal.
            drop(group);
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok((group, child))
    }

    /// Waits for the end of the program, and gives it the terminal when it wants it.
    pub async fn ended(&mut self) -> io::Result<WaitStatus> {
        loop {
            // Looks without collecting.
            let any = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
            match waitid(Id::Pid(self.leader), any | WaitPidFlag::WNOWAIT)? {
                WaitStatus::Stopped(_, by) => {
                    // A stop is told until it is collected.
                    waitid(Id::Pid(self.leader), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG)?;
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

    /// Leaves alone what the program may have left behind: it has ended, and has said all that it had to say.
    pub fn complete(mut self) {
        self.is_complete = true;
    }

    /// Passes on INT, QUIT or HUP that ended the program as the foreground job: the terminal would have sent it to us.
    fn pass_on(&mut self, status: WaitStatus) {
        if let WaitStatus::Signaled(_, by @ (Signal::SIGINT | Signal::SIGQUIT | Signal::SIGHUP), _) = status
            && self.terminal.is_some()
        {
            self.take_terminal();
            let _ = killpg(getpgrp(), by);
        }
    }

    /// Goes on after a stop: with the terminal, if that is what it wanted, and stopped with us, if that is what its user wanted.
    fn stopped(&mut self, by: Signal) {
        match by {
            Signal::SIGTTIN | Signal::SIGTTOU => {
                if !self.give_terminal() {
                    // We are a job in the background ourselves, and wait as one to be brought to the foreground.
                    let _ = killpg(getpgrp(), by);
                    self.give_terminal();
                }
            }
            _ if self.terminal.is_some() => {
                self.take_terminal();
                let _ = killpg(getpgrp(), by);
            }
            // Somebody stops the program alone.
            _ => return,
        }
        let _ = killpg(self.leader, Signal::SIGCONT);
    }

    /// Makes the group the foreground job, if it is ours to do.
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

    /// Makes us the foreground job again, with the terminal set as it was before: a program that is killed does not do that.
    fn take_terminal(&mut self) {
        let Some(Terminal { file, modes }) = self.terminal.take() else { return };
        TERMINAL.store(-1, Ordering::SeqCst);
        set_foreground(&file, getpgrp());
        if let Some(modes) = modes.filter(|_| !self.is_complete) {
            let _ = tcsetattr(&file, SetArg::TCSANOW, &modes);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_complete {
            let _ = killpg(self.leader, Signal::SIGKILL);
        }
        self.take_terminal();
        // No handler may kill a group whose number is free.
        drop(self.dispositions.take());
        let _ = waitpid(self.leader, None);
        GROUP.store(0, Ordering::SeqCst);
    }
}

/// Makes a group the terminal's foreground job, also from the background, where SIGTTOU would stop us for it.
fn set_foreground(terminal: impl AsFd, group: Pid) {
    let mut ours = SigSet::empty();
    ours.add(Signal::SIGTTOU);
    let before = ours.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
    let _ = tcsetpgrp(terminal, group);
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
}

/// The dispositions that were in force before there was a group: put back when this is dropped.
struct Dispositions(Vec<(Signal, SigAction)>);

impl Dispositions {
    /// Has a signal that ends us by default end the group first. PID 1 has handlers of its own, and takes everything along. Where
    /// SIGCHLD was ignored on entry, children would be gone before they could be waited for.
    fn take() -> Self {
        CAUGHT.store(0, Ordering::SeqCst);
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTTOU);
        let ending = SigAction::new(SigHandler::Handler(end), SaFlags::SA_RESTART, mask);
        let waiting = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        let endings = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];
        let endings = endings.into_iter().filter(|signal| is_default(*signal)).map(|signal| (signal, &ending));
        let taken = endings.chain([(Signal::SIGCHLD, &waiting)]).filter_map(|(signal, action)| {
            // SAFETY: the handler calls only what is async-signal-safe: kill, tcsetpgrp, signal, raise.
            let before = unsafe { sigaction(signal, action) }.ok()?;
            Some((signal, before))
        });
        Self(taken.collect())
    }
}

impl Drop for Dispositions {
    fn drop(&mut self) {
        for (signal, before) in &self.0 {
            // SAFETY: what was in force before, and so sound to have in force again.
            let _ = unsafe { sigaction(*signal, before) };
        }
        if let Ok(caught) = Signal::try_from(CAUGHT.load(Ordering::SeqCst)) {
            let _ = raise(caught);
        }
    }
}

/// Tells a signal that does what it does by default from one that is ignored or handled.
fn is_default(signal: Signal) -> bool {
    // SAFETY: asks and changes nothing; all-zero is a valid `sigaction` to write into.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal as libc::c_int, std::ptr::null(), &raw mut present) == 0
            && present.sa_sigaction == libc::SIG_DFL
    }
}

/// Kills the group, takes the terminal back, and ends us by the same signal.
extern "C" fn end(number: libc::c_int) {
    let group = GROUP.load(Ordering::SeqCst);
    if group == 0 {
        CAUGHT.store(number, Ordering::SeqCst);
        return;
    }
    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    let terminal = TERMINAL.load(Ordering::SeqCst);
    if terminal >= 0 {
        // SAFETY: open as long as its number stands there.
        let _ = tcsetpgrp(unsafe { BorrowedFd::borrow_raw(terminal) }, getpgrp());
    }
    if let Ok(caught) = Signal::try_from(number) {
        // SAFETY: SIG_DFL runs no code of ours.
        let _ = unsafe { signal(caught, SigHandler::SigDfl) };
        // It is blocked until the handler returns.
        let _ = raise(caught);
    }
}
