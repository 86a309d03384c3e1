//! The processes of a rotation, and the signals that reach this one.
//!
//! A pair of sockets connects a trial with its parent. The trial ends if the parent ends or closes
//! the gate:
//!
//! ```text
//! parent                             trial
//!   TrialProcess  ── one byte ─────▶   Gate   the gate is open
//!                 ── end of file ──▶          the gate is closed: the trial ends
//!                 ◀─ lines of JSON ─          what the trial reports
//!                 ◀─ end of file ───          the trial is the command, or ended
//! ```
//!
//! Both sockets have FD_CLOEXEC, so execve(2) closes the trial's end.
//!
//! The parent blocks all signals that aren't ignored, and reads them with signalfd(2). The kernel
//! queues blocked signals instead of discarding them, even for PID 1, and even if it would ignore
//! them by default. Blocking also keeps SIGTTOU from stopping a background parent that changes the
//! foreground job.

#![allow(
    unsafe_code,
    reason = "a fork, which is sound while there is one thread, and calls for real-time signals, which nix doesn't support"
)]

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::unistd::{
    ForkResult, Pid, alarm, fork as fork_process, getpgid, getpgrp, getpid, getppid, getsid,
    setpgid, tcgetpgrp, tcsetpgrp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state::{Event, ExitStatus, Sender};
use crate::model::options::{Forwarding, SignalNumber};
use crate::system::lifecycle::{children, end, has_action, pending_signals};
use crate::system::streams::is_foreground;

/// A trial as its parent sees it. Dropping this value closes the gate, which ends a waiting trial.
pub struct TrialProcess {
    pub pid: Pid,
    /// True once the parent has opened the gate.
    pub is_open: bool,
    connection: Option<UnixStream>,
    /// The beginning of a message that hasn't fully arrived.
    received: Vec<u8>,
}

/// The trial's end of the connection to its parent.
pub struct Gate {
    connection: UnixStream,
    pub parent: Pid,
}

/// Forks a trial, which calls `run` and exits with its status. The calling process must have only
/// one thread.
///
/// SIGALRM ends a trial that doesn't reach the gate within `limit` (at least a second), for example
/// because a file system hangs.
pub fn fork(limit: Duration, run: impl FnOnce(Gate) -> u8) -> io::Result<TrialProcess> {
    let (ours, connection) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let parent = getpid();
    // SAFETY: this process has one thread, so the child may call any function.
    match unsafe { fork_process() }? {
        ForkResult::Parent { child: pid } => Ok(TrialProcess {
            pid,
            is_open: false,
            connection: Some(ours),
            received: Vec::new(),
        }),
        ForkResult::Child => {
            // As long as this copy is open, the trial can't tell that the parent has ended.
            drop(ours);
            alarm::set(u32::try_from(limit.as_secs()).unwrap_or(u32::MAX));
            let status = run(Gate { connection, parent });
            end(status)
        }
    }
}

impl TrialProcess {
    /// Lets the waiting trial continue. If it has already ended, nobody reads the byte.
    pub fn open_gate(&mut self) {
        self.is_open = true;
        if let Some(connection) = &mut self.connection {
            let _ = connection.write_all(&[1]);
        }
    }

    /// Waits until the trial has ended, and reaps it.
    pub fn wait(&self) -> ExitStatus {
        let Some((_, Event::Ended(status))) = state_change(self.pid.as_raw(), 0) else {
            // Never reached: without options, waitpid(2) only reports the end of a child, and
            // nothing else reaps this one.
            return ExitStatus::Killed(SignalNumber::KILL);
        };
        status
    }

    /// Readable when there's a message, or when the trial has closed its end. `None` once
    /// [`Self::receive`] has noticed that it is closed.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.connection.as_ref().map(AsFd::as_fd)
    }

    /// Reads all messages that have fully arrived, without waiting.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Vec<M> {
        if let Some(connection) = &mut self.connection {
            // Even if reading fails, `received` has the bytes before the error.
            let is_open = connection
                .read_to_end(&mut self.received)
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            if !is_open {
                self.connection = None;
            }
        }

        let mut parsed = serde_json::Deserializer::from_slice(&self.received).into_iter();
        let complete = parsed.by_ref().map_while(Result::ok).collect();
        let length = parsed.byte_offset();
        self.received.drain(..length);
        complete
    }
}

impl Gate {
    /// Sends a message to the parent. Waits while the socket is full.
    pub fn send(&self, message: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(message) {
            line.push(b'\n');
            let _ = (&self.connection).write_all(&line);
        }
    }

    /// Sends `ready` and waits for the parent to open the gate, without the time limit of [`fork`].
    /// Returns false if the parent closes the gate or has ended.
    ///
    /// Once the gate is open, this process gets `death_signal` when the parent ends, even after
    /// execve, unless the program has a set-uid bit or capabilities (prctl(2)).
    pub fn await_opening(&self, ready: &impl Serialize, death_signal: SignalNumber) -> bool {
        alarm::cancel();
        self.send(ready);
        if (&self.connection).read_exact(&mut [0]).is_err() {
            return false;
        }
        // Options accept only signals with names, so `try_from` always succeeds.
        let _ = set_pdeathsig(Signal::try_from(death_signal.0).ok());
        // The parent may have ended before prctl was called.
        getppid() == self.parent
    }

    /// The connection that the parent closes to end this process.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }

    /// Moves this process into a group of its own, so that it doesn't get the terminal's signals,
    /// such as SIGINT after Ctrl-C.
    pub fn leave_group(&self) {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    }
}

/// Makes this process adopt all descendants whose own parent ends (PR_SET_CHILD_SUBREAPER). It has
/// to reap them, because a zombie keeps the command's group from being empty.
///
/// The command doesn't inherit the setting (prctl(2)), so its orphans come to this process, too.
/// PID 1 adopts orphans anyway.
pub fn adopt_orphans() {
    if getpid().as_raw() != 1 {
        // According to prctl(2), this call can't fail.
        let _ = set_child_subreaper(true);
    }
}

/// The next child whose state has changed, and the event that this change would be for the command.
/// Reaps a child that has ended.
pub fn next_state_change() -> Option<(Pid, Event)> {
    state_change(-1, libc::WUNTRACED | libc::WCONTINUED | libc::WNOHANG)
}

fn state_change(target: i32, options: i32) -> Option<(Pid, Event)> {
    let mut status = 0;
    // SAFETY: the call only writes to the status.
    let pid = unsafe { libc::waitpid(target, &raw mut status, options) };
    if pid <= 0 {
        return None;
    }
    let event = if libc::WIFEXITED(status) {
        // A status has only one byte.
        let [code, ..] = libc::WEXITSTATUS(status).to_le_bytes();
        Event::Ended(ExitStatus::Exited(code))
    } else if libc::WIFSIGNALED(status) {
        Event::Ended(ExitStatus::Killed(SignalNumber(libc::WTERMSIG(status))))
    } else if libc::WIFSTOPPED(status) {
        Event::Suspended(SignalNumber(libc::WSTOPSIG(status)))
    } else {
        Event::Continued
    };
    Some((Pid::from_raw(pid), event))
}

/// The processes that a change doesn't end as leftovers, because the command didn't leave them
/// behind. These are the trials (one of them became the command), this process's own group, and the
/// children from before the first trial, with everything in their groups and sessions.
///
/// For example, a script may start a sidecar before it becomes secrets-exec (`exec secrets-exec
/// …`), which then adopts the sidecar's orphans, too.
///
/// The kernel doesn't reuse the id of a group or session that has a member, even if the leader has
/// ended.
pub struct Spared {
    /// Remove a child from this set when it is reaped, because the kernel may reuse its id.
    pub children: BTreeSet<Pid>,
    groups: BTreeSet<Pid>,
    sessions: BTreeSet<Pid>,
}

impl Spared {
    /// Collects the children that exist now. Includes our own group, because the command gets
    /// another one, but not our session, which the command shares.
    pub fn new() -> Self {
        let children: BTreeSet<Pid> = own_children().into_iter().collect();
        let mut groups = BTreeSet::from([getpgrp()]);
        let mut sessions = BTreeSet::new();
        for child in &children {
            groups.extend(getpgid(Some(*child)));
            sessions.extend(getsid(Some(*child)));
        }
        if let Ok(own_session) = getsid(None) {
            sessions.remove(&own_session);
        }
        Self {
            children,
            groups,
            sessions,
        }
    }

    /// The adopted children that the command left behind. Empty if the system can't list children.
    pub fn other_children(&self) -> Vec<Pid> {
        let mut others = own_children();
        others.retain(|child| !self.spares(*child));
        others
    }

    fn spares(&self, child: Pid) -> bool {
        let group = getpgid(Some(child));
        let session = getsid(Some(child));
        self.children.contains(&child)
            || group.is_ok_and(|group| self.groups.contains(&group))
            || session.is_ok_and(|session| self.sessions.contains(&session))
    }
}

fn own_children() -> Vec<Pid> {
    children("self")
}

/// The command's process group, until its last process has been reaped.
#[derive(Default)]
pub struct Job {
    /// `None` before the command starts, and once the group is empty, because the kernel may then
    /// reuse the id.
    group: Option<Pid>,
    /// The command. `None` before it starts, and once it has been reaped.
    pub leader: Option<Pid>,
}

impl Job {
    /// Moves the child that is about to become the command into a new group, and gives the group
    /// the terminal if standard output is one ([`Self::give_terminal`]).
    pub fn lead_group(&mut self, leader: Pid) {
        // Do this before the child continues, so that a signal to the group is never lost.
        let _ = setpgid(leader, leader);
        self.group = Some(leader);
        self.leader = Some(leader);
        self.give_terminal(io::stdout());
    }

    /// Sends a signal only to the command. Returns [`Event::Refused`] if the command has switched
    /// to another user.
    pub fn signal(&self, signal: SignalNumber) -> Option<Event> {
        send_signal(self.leader?.as_raw(), signal)
    }

    /// Sends a signal to the group, and also to the command if it has left the group. Before
    /// SIGCONT, with which a shell continues a job, the group gets the terminal back.
    ///
    /// Returns [`Event::Refused`] if this process can't signal any process in the group. For
    /// SIGKILL, and if the command has left the group, only a refusal for the command itself
    /// matters.
    pub fn signal_group(&self, signal: SignalNumber) -> Option<Event> {
        if signal == SignalNumber::CONT && self.leader.is_some() {
            self.give_terminal(io::stdout());
        }
        let group = self.group?;
        // kill(2) succeeds if at least one process of the group gets the signal.
        let refused = send_signal(-group.as_raw(), signal);
        let leader = self.leader;
        if leader.is_some() && (signal == SignalNumber::KILL || getpgid(leader) != Ok(group)) {
            return self.signal(signal);
        }
        refused
    }

    /// Records that the command has been reaped, and takes back the terminal.
    pub fn end(&mut self) {
        self.leader = None;
        self.take_terminal();
    }

    /// True if a process of the group is left, even a zombie. Forgets an empty group.
    pub fn has_members(&mut self) -> bool {
        self.group = self
            .group
            .filter(|group| killpg(*group, None) != Err(Errno::ESRCH));
        self.group.is_some()
    }

    /// Makes the command's group the foreground job. Returns false if it can't, for example because
    /// another job has the terminal.
    ///
    /// If standard output is the terminal, the command gets the terminal when it starts. Otherwise,
    /// as in `secrets-exec … | less`, another process in the pipeline may be reading from the
    /// terminal, so the command gets the terminal only when it needs it ([`Self::suspend`]).
    fn give_terminal(&self, terminal: impl AsFd) -> bool {
        let Some(group) = self.group else {
            return false;
        };
        is_foreground(&terminal) && tcsetpgrp(&terminal, group).is_ok()
    }

    fn take_terminal(&self) {
        if self.group.is_some()
            && let Ok(terminal) = controlling_terminal()
            && tcgetpgrp(&terminal).ok() == self.group
        {
            let _ = tcsetpgrp(&terminal, getpgrp());
        }
    }

    /// Stops this process, because `signal` has stopped the command, and returns once SIGCONT
    /// arrives. There are two exceptions:
    ///
    /// - After SIGTTIN or SIGTTOU, the command needs the terminal. If this process's group has it,
    ///   the command gets it and is continued.
    /// - PID 1 and processes in an orphaned group can't be stopped ([`stop`]). The command is
    ///   then continued, because no shell would do it. But it stays stopped after SIGSTOP, which
    ///   someone sent on purpose, and after SIGTTIN and SIGTTOU, because it would only be stopped
    ///   again.
    pub fn suspend(&self, signal: SignalNumber) {
        let terminal = controlling_terminal();
        let needs_terminal = matches!(signal, SignalNumber::TTIN | SignalNumber::TTOU);
        if needs_terminal && terminal.as_ref().is_ok_and(|it| self.give_terminal(it)) {
            self.signal_group(SignalNumber::CONT);
            return;
        }
        self.take_terminal();
        // Stop the whole process group, as the terminal does with a job. But stop only this process
        // after SIGSTOP, which a user sends to a single process, and without a controlling
        // terminal, because the group then isn't a shell's job.
        let target = if signal == SignalNumber::STOP || terminal.is_err() {
            getpid().as_raw()
        } else {
            OWN_GROUP
        };
        let was_stopped = stop(target, signal);
        let stays_stopped = needs_terminal || signal == SignalNumber::STOP;
        if !was_stopped && !stays_stopped {
            self.signal_group(SignalNumber::CONT);
        }
    }
}

fn controlling_terminal() -> Result<OwnedFd, Errno> {
    open("/dev/tty", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
}

/// A descriptor for reading the signals that are blocked in this process (signalfd(2)).
pub struct Signals(pub SignalFd);

impl Signals {
    /// Blocks all signals but the ignored ones, which stay ignored (nohup(1)).
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

    /// Takes the next pending signal that is for the command or requests a poll, without waiting.
    /// Discards this process's own signals, and those that are only for it, such as SIGCHLD.
    pub fn next_to_forward(&mut self) -> Option<Event> {
        loop {
            let received = self.0.read_signal().ok()??;
            let signal = SignalNumber(received.ssi_signo.cast_signed());

            // The code is positive if the kernel raised the signal (sigaction(2), "si_code").
            let is_sent = received.ssi_code <= 0;
            let sender = if is_sent {
                Sender::Process
            } else {
                Sender::Kernel
            };
            // If a log line would exceed the file size limit (RLIMIT_FSIZE), the kernel raises
            // SIGXFSZ as if this process had sent it.
            let is_own = is_sent && received.ssi_pid == getpid().as_raw().unsigned_abs();

            let is_forwarded = match signal.forwarding() {
                Forwarding::Always => true,
                Forwarding::IfSent => is_sent,
                Forwarding::Never => false,
            };
            if is_forwarded && !is_own {
                return Some(Event::Signal(signal, sender));
            }
        }
    }
}

/// This process's group, as a target of kill(2).
const OWN_GROUP: i32 = 0;

/// Stops this process or, with [`OWN_GROUP`], its whole group, because a shell treats a job as
/// stopped only if all of its processes are. Returns once SIGCONT, which stays pending, has
/// continued this process.
///
/// Returns false if this process is PID 1 or in an orphaned process group: the kernel then discards
/// the signal.
fn stop(target: i32, signal: SignalNumber) -> bool {
    // Send SIGTSTP instead of SIGSTOP. SIGSTOP would stop even an orphaned process group, as in a
    // container or a service, and nobody would continue the group.
    let stop_signal = match signal {
        SignalNumber::STOP => SignalNumber(libc::SIGTSTP),
        other => other,
    };
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

/// Sends a signal to a child, followed by SIGCONT, because a stopped child couldn't handle the
/// signal. The kernel doesn't reuse the child's id before the child is reaped.
pub fn signal_child(child: Pid, signal: SignalNumber) -> Option<Event> {
    let refused = send_signal(child.as_raw(), signal);
    send_signal(child.as_raw(), SignalNumber::CONT);
    refused
}

/// Sends a signal with kill(2), even a real-time signal, which nix doesn't support. Ignores any
/// error other than EPERM, because the process then no longer exists.
fn send_signal(target: i32, signal: SignalNumber) -> Option<Event> {
    // SAFETY: kill(2) doesn't access memory.
    let sent = Errno::result(unsafe { libc::kill(target, signal.0) });
    match sent {
        Err(Errno::EPERM) => Some(Event::Refused(signal)),
        _ => None,
    }
}
