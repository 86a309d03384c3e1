//! The processes and signals of a rotation: the trial that waits at its gate, the command with its
//! process group, and the signals that reach this process.
//!
//! A trial is a launch in a forked process. Once it has resolved its values, it waits at its gate
//! until its parent opens the gate. If the parent closes the gate or ends, the trial ends, too.
//!
//! Two pipes connect parent and trial:
//!
//! ```text
//! parent                                        trial
//!   TrialProcess.gate       ── one byte ─────▶   Gate.opening     the gate is open
//!                           ── end of file ──▶                    the gate is closed: the trial ends
//!   TrialProcess.messages   ◀─ lines of JSON ─   Gate.messages    what the trial reports
//!                           ◀─ end of file ───                    the trial has executed the command, or has ended
//! ```
//!
//! Both pipes have FD_CLOEXEC, so execve(2) closes the trial's ends.
//!
//! The parent blocks all signals that aren't ignored, and reads them from a descriptor
//! (signalfd(2)). The kernel queues blocked signals even for PID 1, and even if their default
//! action is to ignore them. If SIGTTOU weren't blocked, the kernel would stop a background parent
//! that changes the foreground job.

#![allow(
    unsafe_code,
    reason = "a fork, which is sound while there is one thread, and calls for real-time signals, which nix doesn't support"
)]

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::unistd::{
    ForkResult, Pid, alarm, fork as fork_process, getpgid, getpgrp, getpid, getppid, getsid,
    setpgid, tcgetpgrp, tcsetpgrp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state::{Event, ExitStatus, Left, Sender};
use crate::model::options::{Forwarding, SignalNumber};
use crate::system::lifecycle::{End, end, has_action, pending_signals};
use crate::system::streams::is_foreground;

/// The parent's side of the two pipes of a trial. Dropping the value closes the gate.
pub struct TrialProcess {
    pub pid: Pid,
    gate: PipeWriter,
    /// True once the gate was opened.
    pub is_open: bool,
    /// `None` after the end of the pipe, or an error.
    messages: Option<PipeReader>,
    /// The beginning of a message that hasn't arrived completely.
    received: Vec<u8>,
}

/// A trial's side of the two pipes to its parent. The trial waits at this gate until the parent
/// lets it become the command.
pub struct Gate {
    opening: PipeReader,
    messages: PipeWriter,
    pub parent: Pid,
}

/// Forks a trial: a process that calls `run` and exits with the status that `run` returns. It reads
/// the values, and then waits at the gate until the parent lets it become the command. The calling
/// process must have only one thread.
///
/// SIGALRM ends a trial that doesn't reach the gate within `limit`, for example because it is
/// writing to a file system that hangs.
///
/// # Errors
/// If the kernel can't create the process or the pipes.
pub fn fork(limit: Duration, run: impl FnOnce(Gate) -> u8) -> io::Result<TrialProcess> {
    let (opening, gate) = pipe()?;
    let (messages, sender) = pipe()?;
    fcntl(&messages, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;

    let parent = getpid();
    // SAFETY: this process has one thread, so the child may call any function.
    match unsafe { fork_process() }? {
        ForkResult::Parent { child: pid } => Ok(TrialProcess {
            pid,
            gate,
            is_open: false,
            messages: Some(messages),
            received: Vec::new(),
        }),
        ForkResult::Child => {
            // Closes the child's copies of the parent's two pipe ends. While a copy is open, the
            // trial can't notice that the parent has ended.
            drop((gate, messages));
            // With 0 seconds, alarm(2) would not set an alarm.
            alarm::set(u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).max(1));
            let status = run(Gate {
                opening,
                messages: sender,
                parent,
            });
            end(End::Status(status), || ())
        }
    }
}

impl TrialProcess {
    /// Opens the gate: sends the byte for which the trial waits. If the trial has ended, nobody
    /// reads the byte.
    pub fn open_gate(&mut self) {
        self.is_open = true;
        let _ = self.gate.write_all(&[1]);
    }

    /// Sends a termination signal to the trial and continues it if it is stopped. A trial at its
    /// gate doesn't look for signals, so this function opens the gate. The trial finds the pending
    /// signal and ends before it executes the command. Doesn't wait for the end of the trial.
    pub fn terminate(&mut self, signal: Signal) {
        let _ = kill(self.pid, signal);
        let _ = kill(self.pid, Signal::SIGCONT);
        self.open_gate();
    }

    /// Waits until the trial has ended, and reaps it.
    pub fn wait(&self) -> ExitStatus {
        let Some((_, StateChange::Ended(status))) = state_change(self.pid.as_raw(), 0) else {
            // The call never fails: without options, waitpid(2) only reports the end of a child,
            // and nobody else reaps this child.
            return ExitStatus::Killed(SignalNumber::KILL);
        };
        status
    }

    /// A descriptor that is readable while there is a message, or at the end of the pipe. `None`
    /// once [`Self::receive`] has closed the pipe.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.messages.as_ref().map(AsFd::as_fd)
    }

    /// Reads the messages that have arrived completely. Doesn't wait. Closes the pipe at its end or
    /// after an error.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Vec<M> {
        if let Some(messages) = &mut self.messages {
            // The bytes that were read before an error are also in `received`.
            let is_open = messages
                .read_to_end(&mut self.received)
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            if !is_open {
                self.messages = None;
            }
        }

        let mut parsed = serde_json::Deserializer::from_slice(&self.received).into_iter();
        let complete = parsed.by_ref().map_while(Result::ok).collect();
        // If the last message hasn't arrived completely, its beginning stays in `received`.
        let length = parsed.byte_offset();
        self.received.drain(..length);
        complete
    }
}

impl Gate {
    /// Sends a message to the parent. Waits while the pipe is full. Does nothing if the parent has
    /// ended.
    pub fn send(&self, message: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(message) {
            line.push(b'\n');
            let _ = (&self.messages).write_all(&line);
        }
    }

    /// Sends `ready` and waits until the parent opens the gate, for as long as that takes. Returns
    /// false if the parent closes the gate or has ended. Cancels the time limit of [`fork`].
    ///
    /// Once the gate is open, this process gets `death_signal` when the parent ends, unless it
    /// executes a program with a set-uid bit or capabilities (prctl(2)).
    pub fn await_opening(&self, ready: &impl Serialize, death_signal: SignalNumber) -> bool {
        alarm::cancel();
        self.send(ready);
        if (&self.opening).read_exact(&mut [0]).is_err() {
            return false;
        }
        // No option accepts a signal without a name, so `try_from` succeeds.
        let _ = set_pdeathsig(Signal::try_from(death_signal.0).ok());
        // The parent may have ended before the call of prctl.
        getppid() == self.parent
    }

    /// The pipe that the parent closes to end this process.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.opening.as_fd()
    }

    /// Moves this process into a process group of its own. The new group isn't the foreground job,
    /// so the process doesn't get the terminal's signals, which are for the command.
    pub fn leave_group(&self) {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// The child has ended and has been reaped.
    Ended(ExitStatus),
    Suspended(SignalNumber),
    Continued,
}

/// Makes this process the parent of each descendant whose own parent ends (PR_SET_CHILD_SUBREAPER),
/// so that this process can reap the descendant. A zombie is still a process of the command's
/// group, which therefore isn't empty until the zombie is reaped.
///
/// Does nothing in PID 1, which adopts orphans anyway. The command doesn't inherit the setting
/// (prctl(2)), so this process also adopts the orphans of the command.
pub fn adopt_orphans() {
    if getpid().as_raw() != 1 {
        // According to prctl(2), this call can't fail.
        let _ = set_child_subreaper(true);
    }
}

/// Finds a child whose state has changed, and the change, if there is one. Reaps the child if it
/// has ended. Doesn't wait.
pub fn next_state_change() -> Option<(Pid, StateChange)> {
    state_change(-1, libc::WUNTRACED | libc::WCONTINUED | libc::WNOHANG)
}

/// Calls waitpid(2) for a child, or for any child if `target` is -1. Returns `None` if there is no
/// such child or, with WNOHANG, if there is no change.
fn state_change(target: i32, options: i32) -> Option<(Pid, StateChange)> {
    let mut status = 0;
    // SAFETY: the call only writes to the status.
    let pid = unsafe { libc::waitpid(target, &raw mut status, options) };
    if pid <= 0 {
        return None;
    }
    let change = if libc::WIFEXITED(status) {
        // A status has only one byte.
        let [code, ..] = libc::WEXITSTATUS(status).to_le_bytes();
        StateChange::Ended(ExitStatus::Exited(code))
    } else if libc::WIFSIGNALED(status) {
        StateChange::Ended(ExitStatus::Killed(SignalNumber(libc::WTERMSIG(status))))
    } else if libc::WIFSTOPPED(status) {
        StateChange::Suspended(SignalNumber(libc::WSTOPSIG(status)))
    } else {
        StateChange::Continued
    };
    Some((Pid::from_raw(pid), change))
}

/// The process groups and sessions of processes that this process hasn't started, and therefore
/// never ends. Usually, an entry script that ends with `exec secrets-exec …` has started a sidecar,
/// for example, or the reader of a log. If the parent of such a process ends, secrets-exec adopts
/// the process.
///
/// A group or session isn't removed when its leader ends. As long as it has a member, the kernel
/// doesn't give its id to another group or session.
pub struct Bystanders {
    groups: BTreeSet<Pid>,
    sessions: BTreeSet<Pid>,
}

impl Bystanders {
    /// Finds this process's group, and the groups and sessions of `children`, which are the
    /// children of this process before it starts the first trial. Leaves out this process's
    /// session, because the command is in this session, too. The command has a group of its own.
    pub fn new(children: &BTreeSet<Pid>) -> Self {
        let mut groups = BTreeSet::from([getpgrp()]);
        let mut sessions = BTreeSet::new();
        for child in children {
            groups.extend(getpgid(Some(*child)));
            sessions.extend(getsid(Some(*child)));
        }
        if let Ok(own_session) = getsid(None) {
            sessions.remove(&own_session);
        }
        Self { groups, sessions }
    }

    /// True if a process is in one of the groups or sessions.
    pub fn include(&self, process: Pid) -> bool {
        getpgid(Some(process)).is_ok_and(|group| self.groups.contains(&group))
            || getsid(Some(process)).is_ok_and(|session| self.sessions.contains(&session))
    }
}

/// The command's process group. The group exists from the start of the command until the last
/// process of the group has been reaped.
#[derive(Default)]
pub struct Job {
    /// The id of the group. `None` before the start, and once no process of the group is left,
    /// because the kernel may then reuse the id.
    group: Option<Pid>,
    /// The command, which leads the group. `None` before the start, and once it has been reaped.
    pub leader: Option<Pid>,
}

impl Job {
    /// Puts the child that is about to become the command into a new process group, as its leader.
    /// From now on, this is the group of the job. Gives the group the terminal on standard output
    /// ([`Self::give_terminal`]).
    pub fn start_group(&mut self, leader: Pid) {
        // The group exists before the child continues, so that a signal to the group is never lost.
        let _ = setpgid(leader, leader);
        self.group = Some(leader);
        self.leader = Some(leader);
        self.give_terminal(io::stdout());
    }

    /// Sends a signal to the command, and to no other process of its group. Returns
    /// [`Event::Refused`] if this process isn't allowed to do so, because the command has changed
    /// its user.
    pub fn signal(&self, signal: SignalNumber) -> Option<Event> {
        send_signal(self.leader?.as_raw(), signal)
    }

    /// Sends a signal to the group, and also to the command if it has left the group. Before
    /// SIGCONT, with which a shell continues a job, gives the terminal back to the group, unless
    /// the command has ended.
    ///
    /// Returns [`Event::Refused`] if this process isn't allowed to signal any process of the group,
    /// or to kill the command.
    pub fn signal_group(&self, signal: SignalNumber) -> Option<Event> {
        if signal == SignalNumber::CONT && self.leader.is_some() {
            self.give_terminal(io::stdout());
        }
        let group = self.group?;
        // kill(2) succeeds if at least one process of the group gets the signal.
        let refused = send_signal(-group.as_raw(), signal);
        match self.leader {
            Some(leader) if signal == SignalNumber::KILL || getpgid(Some(leader)) != Ok(group) => {
                self.signal(signal)
            }
            _ => refused,
        }
    }

    /// Notes a change in the command's state and returns the event for it. If the command has
    /// ended, also takes the terminal back.
    ///
    /// All other children must have been reaped before the end of the command is passed to this
    /// function, because a zombie would count as a process of the group. `has_others` is true if a
    /// child is left that isn't in the group.
    pub fn note_change(&mut self, change: StateChange, has_others: bool) -> Event {
        match change {
            StateChange::Ended(status) => {
                self.leader = None;
                self.take_terminal();
                let left = self.left(has_others);
                Event::Ended { status, left }
            }
            StateChange::Suspended(signal) => Event::Suspended(signal),
            StateChange::Continued => Event::Continued,
        }
    }

    /// The processes that are left once the command has ended. Forgets the group if no process of
    /// it is left, not even a zombie.
    pub fn left(&mut self, has_others: bool) -> Left {
        self.group = self
            .group
            .filter(|group| killpg(*group, None) != Err(Errno::ESRCH));
        if self.group.is_some() {
            Left::Group
        } else if has_others {
            Left::Others
        } else {
            Left::Nothing
        }
    }

    /// If this process's group is the foreground job of the terminal, makes the command's group the
    /// foreground job instead. Returns true if it has done so.
    ///
    /// The command gets the terminal at its start if standard output is that terminal. Otherwise,
    /// as in `secrets-exec … | less`, another process of the pipeline may be reading from the
    /// terminal, so the command gets it only when it needs it ([`Self::suspend`]).
    fn give_terminal(&self, terminal: impl AsFd) -> bool {
        let Some(group) = self.group else {
            return false;
        };
        is_foreground(&terminal) && tcsetpgrp(&terminal, group).is_ok()
    }

    /// If the command's group is the foreground job, makes this process's group the foreground job
    /// again.
    fn take_terminal(&self) {
        if self.group.is_some()
            && let Ok(terminal) = controlling_terminal()
            && tcgetpgrp(&terminal).ok() == self.group
        {
            let _ = tcsetpgrp(&terminal, getpgrp());
        }
    }

    /// Stops this process, too, after `signal` has stopped the command, and returns when SIGCONT
    /// has arrived. Takes the terminal back first, so that the shell can use it.
    ///
    /// If the command was stopped because it needs the terminal (SIGTTIN and SIGTTOU), and this
    /// process's group has it, gives the terminal to the command and continues it instead.
    ///
    /// [`stop_by`] can't stop PID 1 or a process in an orphaned group. In such a process, this
    /// function returns immediately, and continues the command, because no shell would. But it
    /// leaves the command stopped after SIGTTIN and SIGTTOU, because the command would only stop
    /// again at the terminal, and after SIGSTOP, because someone has stopped the command itself on
    /// purpose.
    pub fn suspend(&self, signal: SignalNumber) {
        let terminal = controlling_terminal();
        let needs_terminal = matches!(signal, SignalNumber::TTIN | SignalNumber::TTOU);
        if needs_terminal && terminal.as_ref().is_ok_and(|it| self.give_terminal(it)) {
            self.signal_group(SignalNumber::CONT);
            return;
        }
        self.take_terminal();
        // Usually, stop the whole process group of this process, because the terminal sends a stop
        // signal to a whole job, too. But stop only this process after SIGSTOP, which a user sends
        // to a single process, and if there is no controlling terminal, because the group isn't a
        // job of a shell then.
        let stops_group = signal != SignalNumber::STOP && terminal.is_ok();
        let stays_stopped = needs_terminal || signal == SignalNumber::STOP;
        if !stop_by(signal, stops_group) && !stays_stopped {
            self.signal_group(SignalNumber::CONT);
        }
    }
}

/// Opens the terminal whose session this process belongs to. Fails if there is none.
fn controlling_terminal() -> Result<OwnedFd, Errno> {
    open("/dev/tty", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
}

/// The signalfd(2) descriptor from which the parent reads its blocked signals.
pub struct Signals(pub SignalFd);

impl Signals {
    /// Blocks all signals except those that are ignored, which stay ignored (nohup(1)).
    ///
    /// # Errors
    /// If no descriptor is free. In that case, no additional signal is blocked.
    pub fn block() -> Result<Self, Errno> {
        let mut blocked = SigSet::all();
        for signal in Signal::iterator() {
            if has_action(signal as libc::c_int, libc::SIG_IGN) {
                blocked.remove(signal);
            }
        }
        let descriptor =
            SignalFd::with_flags(&blocked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        blocked.thread_block()?;
        Ok(Self(descriptor))
    }

    /// Reads pending signals up to the first one that is to be forwarded, and returns it with its
    /// sender. Drops the signals before it: signals that are only for this process, such as
    /// SIGCHLD, and signals that this process has raised itself. Returns `None` if no other signal
    /// is pending, or if the descriptor can't be read. Doesn't wait.
    pub fn next_to_forward(&mut self) -> Option<(SignalNumber, Sender)> {
        loop {
            let received = self.0.read_signal().ok()??;
            let signal = SignalNumber(received.ssi_signo.cast_signed());

            // The code is positive if the kernel has raised the signal. Otherwise, a process has
            // sent it (sigaction(2), "si_code").
            let is_sent = received.ssi_code <= 0;
            let sender = if is_sent {
                Sender::Process
            } else {
                Sender::Kernel
            };
            // When a line would make the log file larger than the limit for files (RLIMIT_FSIZE),
            // the kernel raises SIGXFSZ as if this process had sent it.
            let is_own = is_sent && received.ssi_pid == getpid().as_raw().unsigned_abs();

            let is_forwarded = match signal.forwarding() {
                Forwarding::Always => true,
                Forwarding::IfSent => is_sent,
                Forwarding::Never => false,
            };
            if is_forwarded && !is_own {
                return Some((signal, sender));
            }
        }
    }
}

/// Stops this process with a signal and returns when SIGCONT has continued it. SIGCONT stays
/// pending. With `stops_group`, the whole process group is stopped, as when the terminal stops a
/// job, because a shell only treats a job as stopped if all its processes are.
///
/// Returns false if this process was not stopped: the kernel discards the signal for PID 1, and in
/// an orphaned process group.
fn stop_by(signal: SignalNumber, stops_group: bool) -> bool {
    // Replace SIGSTOP with SIGTSTP, because SIGSTOP would stop even an orphaned process group. The
    // group is orphaned in a container or a service, where nobody would continue it.
    let stop_signal = match signal {
        SignalNumber::STOP => SignalNumber(libc::SIGTSTP),
        other => other,
    };
    let target = if stops_group { 0 } else { getpid().as_raw() };
    send_signal(target, stop_signal);

    // This process has only one thread, so it gets the signal before `thread_unblock` returns.
    if let Ok(stop_signal) = Signal::try_from(stop_signal.0) {
        let unblocked = SigSet::from_iter([stop_signal]);
        let _ = unblocked.thread_unblock();
        let _ = unblocked.thread_block();
    }
    // The stop signal discarded any earlier SIGCONT (signal(7)). So a pending SIGCONT means that
    // this process was stopped and then continued.
    pending_signals().contains(Signal::SIGCONT)
}

/// Sends a signal, followed by SIGCONT, to a child of this process. The id of a child can't be
/// reused before the child is reaped. Returns [`Event::Refused`] if this process isn't allowed to
/// send the signal.
pub fn signal_child(child: Pid, signal: SignalNumber) -> Option<Event> {
    let refused = send_signal(child.as_raw(), signal);
    send_signal(child.as_raw(), SignalNumber::CONT);
    refused
}

/// Calls kill(2). A negative target is a process group, and 0 is the group of this process. Unlike
/// nix, this function supports real-time signals. Returns [`Event::Refused`] if this process isn't
/// allowed to send the signal. Any other error means that the process doesn't exist any more.
fn send_signal(target: i32, signal: SignalNumber) -> Option<Event> {
    // SAFETY: kill(2) doesn't access memory.
    let sent = Errno::result(unsafe { libc::kill(target, signal.0) });
    match sent {
        Err(Errno::EPERM) => Some(Event::Refused(signal)),
        _ => None,
    }
}
