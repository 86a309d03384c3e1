//! The processes and signals of a rotation: the trial that waits at its gate, the command with its
//! process group, and the signals that reach this process.
//!
//! A trial is a launch in a forked process. Once the trial has read its values, it waits at its
//! gate until its parent opens the gate. If the parent closes the gate or ends, the trial ends,
//! too.
//!
//! A pair of sockets connects parent and trial:
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
//! The parent blocks all signals that aren't ignored, and reads them from a descriptor
//! (signalfd(2)). The kernel queues blocked signals even for PID 1, and even if their default
//! action is to ignore them. If SIGTTOU weren't blocked, the kernel would stop a background parent
//! that changes the foreground job.

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
use crate::system::lifecycle::{End, children, end, has_action, pending_signals};
use crate::system::streams::is_foreground;

/// A trial as its parent sees it: the process id, and the parent's
/// end of the connection. Dropping this value closes the gate, which ends a waiting trial.
pub struct TrialProcess {
    pub pid: Pid,
    /// True once the parent has opened the gate, which lets the trial continue.
    pub is_open: bool,
    /// `None` once the trial has closed its end, or reading has failed.
    connection: Option<UnixStream>,
    /// The beginning of a message that hasn't fully arrived yet.
    received: Vec<u8>,
}

/// The trial's end of the connection to its parent. The trial waits at this gate until the parent
/// lets it continue.
pub struct Gate {
    connection: UnixStream,
    pub parent: Pid,
}

/// Forks a trial, a process that calls `run` and exits with the status that `run` returns.
///
/// `run` is passed the gate at which the trial waits for its parent. SIGALRM ends a trial that
/// doesn't reach the gate within `limit` (at least a second), for example because it is writing to
/// a file system that hangs. The calling process must have only one thread.
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
            // Close the child's copy of the parent's end. As long as a copy is open, the trial
            // can't tell that the parent has ended.
            drop(ours);
            alarm::set(u32::try_from(limit.as_secs()).unwrap_or(u32::MAX));
            let status = run(Gate { connection, parent });
            end(End::Status(status), || ())
        }
    }
}

impl TrialProcess {
    /// Lets the waiting trial continue, by sending the byte that it is waiting for. If the trial
    /// has already ended, nobody reads the byte.
    pub fn open_gate(&mut self) {
        self.is_open = true;
        if let Some(connection) = &mut self.connection {
            let _ = connection.write_all(&[1]);
        }
    }

    /// Waits until the trial has ended, and reaps it.
    pub fn wait(&self) -> ExitStatus {
        let Some((_, Event::Ended(status))) = state_change(self.pid.as_raw(), 0) else {
            // This is never reached: without options, waitpid(2) only reports the end of a child,
            // and nothing else reaps this child.
            return ExitStatus::Killed(SignalNumber::KILL);
        };
        status
    }

    /// The connection, which becomes readable when there's a message, or when the trial has closed
    /// its end. `None` once [`Self::receive`] has noticed that.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.connection.as_ref().map(AsFd::as_fd)
    }

    /// Reads all messages that have fully arrived, without waiting. Closes the connection if the
    /// trial has closed it, or if reading fails.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Vec<M> {
        if let Some(connection) = &mut self.connection {
            // Even if reading fails, `received` contains the bytes that were read before the error.
            let is_open = connection
                .read_to_end(&mut self.received)
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            if !is_open {
                self.connection = None;
            }
        }

        let mut parsed = serde_json::Deserializer::from_slice(&self.received).into_iter();
        let complete = parsed.by_ref().map_while(Result::ok).collect();
        // If the last message is incomplete, keep its beginning in `received`.
        let length = parsed.byte_offset();
        self.received.drain(..length);
        complete
    }
}

impl Gate {
    /// Sends a message to the parent. Waits while the socket is full. Does nothing if the parent
    /// has ended.
    pub fn send(&self, message: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(message) {
            line.push(b'\n');
            let _ = (&self.connection).write_all(&line);
        }
    }

    /// Sends `ready` and waits for the parent to open the gate, however long that takes.
    ///
    /// Returns false if the parent closes the gate or has ended. Cancels the time limit of
    /// [`fork`].
    ///
    /// Once the gate is open, this process gets `death_signal` when the parent ends. This still
    /// holds after execve, unless the program has a set-uid bit or capabilities (prctl(2)).
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

    /// Moves this process into a process group of its own, which isn't the terminal's foreground
    /// job. The process then doesn't get the terminal's signals, such as SIGINT after Ctrl-C, which
    /// are meant for the command.
    pub fn leave_group(&self) {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    }
}

/// Makes this process adopt all descendants whose own parent ends (PR_SET_CHILD_SUBREAPER).
///
/// This process can then reap them. Until a zombie is reaped, it belongs to the command's group, so
/// the group isn't empty.
///
/// The command doesn't inherit the setting (prctl(2)), so its orphans are adopted by this process,
/// too. Does nothing in PID 1, which adopts orphans anyway.
pub fn adopt_orphans() {
    if getpid().as_raw() != 1 {
        // According to prctl(2), this call can't fail.
        let _ = set_child_subreaper(true);
    }
}

/// Finds a child whose state has changed, and returns its id and the event, as if the child were
/// the command. Reaps a child that has ended. Doesn't wait.
pub fn next_state_change() -> Option<(Pid, Event)> {
    state_change(-1, libc::WUNTRACED | libc::WCONTINUED | libc::WNOHANG)
}

/// Calls waitpid(2) for the child `target`, or for any child if `target` is -1.
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

/// The processes that secrets-exec never ends because of a change.
///
/// These are the trials (including the command, which was one), the children that it had before the
/// first trial, and everything in the groups and sessions of those children, or in its own group.
/// For example, a script may start a sidecar or a log reader before it becomes secrets-exec
/// (`exec secrets-exec …`). secrets-exec is then the parent of these processes, and also adopts
/// their orphans.
///
/// The ids of groups and sessions stay valid even after the leader has ended: the kernel doesn't
/// reuse an id as long as the group or session has a member.
pub struct Spared {
    /// The children to spare. Remove a child when it is reaped.
    pub children: BTreeSet<Pid>,
    groups: BTreeSet<Pid>,
    sessions: BTreeSet<Pid>,
}

impl Spared {
    /// Collects the children that exist now, and their groups and sessions. The command isn't in
    /// our group, because it gets one of its own. But it shares our session, so that isn't
    /// included.
    pub fn new() -> Self {
        let children: BTreeSet<Pid> = children("self").into_iter().collect();
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

    /// Lists the children that aren't spared: what the command left behind, and this process
    /// adopted. Empty if the system can't list children.
    pub fn other_children(&self) -> Vec<Pid> {
        let mut others = children("self");
        others.retain(|child| {
            let group = getpgid(Some(*child));
            let session = getsid(Some(*child));
            !self.children.contains(child)
                && !group.is_ok_and(|group| self.groups.contains(&group))
                && !session.is_ok_and(|session| self.sessions.contains(&session))
        });
        others
    }
}

/// The command's process group. It exists from the start of the command until the group's last
/// process has been reaped.
#[derive(Default)]
pub struct Job {
    /// The group's id. `None` before the command starts, and once the group is empty, because the
    /// kernel may then reuse the id.
    group: Option<Pid>,
    /// The process id of the command, which leads the group. `None` before the command starts, and
    /// once it has been reaped.
    pub leader: Option<Pid>,
}

impl Job {
    /// Moves `leader`, the child that is about to become the command, into a new process group,
    /// which is the job's group from now on. If standard output is the terminal, gives the terminal
    /// to this group ([`Self::give_terminal`]).
    pub fn lead_group(&mut self, leader: Pid) {
        // Create the group before the child continues, so that a signal to the group is never lost.
        let _ = setpgid(leader, leader);
        self.group = Some(leader);
        self.leader = Some(leader);
        self.give_terminal(io::stdout());
    }

    /// Sends a signal only to the command, not to the rest of its group. Returns [`Event::Refused`]
    /// if this process isn't allowed to, because the command has switched to another user.
    pub fn signal(&self, signal: SignalNumber) -> Option<Event> {
        send_signal(self.leader?.as_raw(), signal)
    }

    /// Sends a signal to the group, and also to the command if it has left the group.
    ///
    /// A shell continues a job with SIGCONT, so before this signal, the group gets the terminal
    /// back (unless the command has ended).
    ///
    /// Returns [`Event::Refused`] if this process isn't allowed to signal any process in the group.
    /// For SIGKILL, and if the command has left the group, only a refusal to signal the command
    /// itself matters.
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

    /// Records that the command has been reaped, and takes back the terminal.
    pub fn end(&mut self) {
        self.leader = None;
        self.take_terminal();
    }

    /// True if a process of the group is left, even if it is only a zombie. If the group is empty,
    /// forgets it.
    pub fn has_members(&mut self) -> bool {
        self.group = self
            .group
            .filter(|group| killpg(*group, None) != Err(Errno::ESRCH));
        self.group.is_some()
    }

    /// Makes the command's group the terminal's foreground job, instead of this process's group.
    ///
    /// Returns false if that isn't possible, for example because another job has the terminal.
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

    /// Makes this process's group the terminal's foreground job again, if the command's group is
    /// the foreground job.
    fn take_terminal(&self) {
        if self.group.is_some()
            && let Ok(terminal) = controlling_terminal()
            && tcgetpgrp(&terminal).ok() == self.group
        {
            let _ = tcsetpgrp(&terminal, getpgrp());
        }
    }

    /// Stops this process, because `signal` has stopped the command. Returns once SIGCONT arrives.
    ///
    /// First takes back the terminal, so that the shell can use it. There are two exceptions:
    ///
    /// - SIGTTIN or SIGTTOU means that the command needs the terminal. If this process's group has
    ///   the terminal, the command gets it and is continued, and this process isn't stopped.
    /// - PID 1 and processes in an orphaned group can't be stopped ([`stop_by`]). This function
    ///   then continues the command, because no shell would. But the command stays stopped after
    ///   SIGSTOP, because someone stopped it on purpose, and after SIGTTIN and SIGTTOU, because it
    ///   would only be stopped again when it uses the terminal.
    pub fn suspend(&self, signal: SignalNumber) {
        let terminal = controlling_terminal();
        let needs_terminal = matches!(signal, SignalNumber::TTIN | SignalNumber::TTOU);
        if needs_terminal && terminal.as_ref().is_ok_and(|it| self.give_terminal(it)) {
            self.signal_group(SignalNumber::CONT);
            return;
        }
        self.take_terminal();
        // Stop the whole process group, as the terminal does with a job. There are two exceptions,
        // in which only this process is stopped: after SIGSTOP, which a user sends to a single
        // process, and without a controlling terminal, because the group isn't a shell's job then.
        let stops_group = signal != SignalNumber::STOP && terminal.is_ok();
        let stays_stopped = needs_terminal || signal == SignalNumber::STOP;
        if !stop_by(signal, stops_group) && !stays_stopped {
            self.signal_group(SignalNumber::CONT);
        }
    }
}

/// Opens the terminal of this process's session. Fails if the session has none.
fn controlling_terminal() -> Result<OwnedFd, Errno> {
    open("/dev/tty", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
}

/// The signalfd(2) descriptor from which the parent reads its blocked signals.
pub struct Signals(pub SignalFd);

impl Signals {
    /// Blocks all signals except those that are ignored, which stay ignored (nohup(1)).
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

    /// Takes the next pending signal that is for the command or requests a poll, and its sender.
    ///
    /// Doesn't wait. Discards signals that are meant only for this process, such as SIGCHLD, and
    /// signals that this process sent to itself.
    pub fn next_to_forward(&mut self) -> Option<Event> {
        loop {
            let received = self.0.read_signal().ok()??;
            let signal = SignalNumber(received.ssi_signo.cast_signed());

            // The code is positive if the kernel raised the signal. Otherwise, a process sent it
            // (sigaction(2), "si_code").
            let is_sent = received.ssi_code <= 0;
            let sender = if is_sent {
                Sender::Process
            } else {
                Sender::Kernel
            };
            // If a log line would make the log file larger than the file size limit (RLIMIT_FSIZE),
            // the kernel raises SIGXFSZ as if this process had sent it.
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

/// Stops this process with a signal, and returns once SIGCONT has continued it.
///
/// With `stops_group`, stops the whole process group, as the terminal does, because a shell treats
/// a job as stopped only if all of its processes are. The SIGCONT stays pending.
///
/// Returns false if this process wasn't stopped, because it is PID 1 or in an orphaned process
/// group: the kernel then discards the signal.
fn stop_by(signal: SignalNumber, stops_group: bool) -> bool {
    // Replace SIGSTOP with SIGTSTP. SIGSTOP would stop even an orphaned process group, as in a
    // container or a service, where nobody would continue it.
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

/// Sends a signal, followed by SIGCONT, to a child of this process.
///
/// Returns [`Event::Refused`] if this process isn't allowed to send the signal. The child's id
/// can't be reused before the child is reaped, so no other process can get the signals.
pub fn signal_child(child: Pid, signal: SignalNumber) -> Option<Event> {
    let refused = send_signal(child.as_raw(), signal);
    send_signal(child.as_raw(), SignalNumber::CONT);
    refused
}

/// Sends a signal with kill(2). Unlike nix, this function supports real-time signals.
///
/// A negative `target` is a process group, and 0 is this process's own group. Returns
/// [`Event::Refused`] if this process isn't allowed to send the signal. Ignores any other error,
/// which means that the process no longer exists.
fn send_signal(target: i32, signal: SignalNumber) -> Option<Event> {
    // SAFETY: kill(2) doesn't access memory.
    let sent = Errno::result(unsafe { libc::kill(target, signal.0) });
    match sent {
        Err(Errno::EPERM) => Some(Event::Refused(signal)),
        _ => None,
    }
}
