//! A running program that prints credentials, killed when the launch ends early.
//!
//! While this process's group is the terminal's foreground job, the program stays in the group: it can ask on the terminal, and Ctrl-C
//! and Ctrl-Z reach it as they reach this process. Otherwise it gets a session of its own, which has no terminal.

#![allow(unsafe_code, reason = "system calls in the child before execve(2)")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io, iter};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpid, setsid};
use tokio::net::unix::pipe;
use zeroize::Zeroizing;

use crate::backend::aws::protocol::error_text;
use crate::system::{signals, terminal};

/// The limit for the output, in bytes. Credentials take a few kilobytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// The interval at which the end of a program that has closed its output is polled.
const TICK: Duration = Duration::from_millis(1);

/// The program that [`kill_process`] kills. Only one runs at a time.
static RUNNING: Mutex<Option<RunningProcess>> = Mutex::new(None);

struct RunningProcess {
    /// The program's process id.
    leader: Pid,
    /// The terminal on which the program may ask, in this process's group, with the modes from before. `None` if it leads a session.
    terminal: Option<(File, Termios)>,
}

fn running() -> MutexGuard<'static, Option<RunningProcess>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills the program that runs, if any, and what it started, before this process ends.
///
/// The terminal gets back the modes that the program may have changed (a password is not echoed).
pub fn kill_process() {
    // Locked to the end: the program is not reaped meanwhile, so its id stays its own.
    let mut running = running();
    let Some(RunningProcess { leader, terminal }) = running.take() else { return };
    let Some((terminal, modes)) = terminal else {
        let _ = killpg(leader, Signal::SIGKILL);
        return;
    };
    for process in descendants(leader) {
        let _ = kill(process, Signal::SIGKILL);
    }
    if terminal::is_foreground(&terminal) {
        let _ = tcsetattr(&terminal, SetArg::TCSANOW, &modes);
    }
}

/// True while a program may ask on the terminal.
pub fn asks_on_terminal() -> bool {
    running().as_ref().is_some_and(|running| running.terminal.is_some())
}

/// A process and, on Linux, what it started: `sh` need not be replaced by the program that it runs, which would go on reading from the
/// terminal.
fn descendants(process: Pid) -> Vec<Pid> {
    // A thread lists the children that it forked.
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children: String =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok()).collect();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok()).map(Pid::from_raw);
    iter::once(process).chain(children.flat_map(descendants)).collect()
}

/// A running program. Dropping the value kills it unless it has ended, and reaps it.
pub struct CredentialProcess(Child);

impl CredentialProcess {
    /// Starts a command. Its standard input is /dev/null, since that of this process is for the command of the launch; its standard
    /// error is that of this process.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let terminal =
            File::options().read(true).write(true).open("/dev/tty").ok().filter(|file| terminal::is_foreground(file));
        let terminal = terminal.and_then(|file| tcgetattr(&file).ok().map(|modes| (file, modes)));
        let (is_alone, parent) = (terminal.is_none(), getpid());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: `prepare` makes system calls alone, and these are async-signal-safe.
        unsafe { command.pre_exec(move || prepare(parent, is_alone)) };
        // Locked before the start, so that a program that runs is always known to `kill_process`.
        let mut running = running();
        let child = command.spawn()?;
        *running = Some(RunningProcess { leader: Pid::from_raw(child.id().cast_signed()), terminal });
        Ok(Self(child))
    }

    /// Returns the program's standard output.
    pub async fn output(mut self) -> Result<Zeroizing<Vec<u8>>, String> {
        let failed = |error: io::Error| format!("cannot be read or waited for: {}", error_text(&error));
        let stdout = read_all(self.0.stdout.take()).await.map_err(failed)?;
        // Reaped only now: the kernel could reuse its id, and another process may still have held its output open.
        let status = self.ended().await.map_err(failed)?;
        match status.code() {
            Some(0) => Ok(stdout),
            Some(code) => Err(format!("ended with status {code}")),
            None => {
                let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
                Err(format!("was ended by {}", signal.map_or("a signal", Signal::as_str)))
            }
        }
    }

    async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.reaped()? {
                return Ok(status);
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Reaps the program if it has ended, and lets [`kill_process`] kill nothing from then on.
    fn reaped(&mut self) -> io::Result<Option<ExitStatus>> {
        let mut running = running();
        let status = self.0.try_wait()?;
        if status.is_some() {
            *running = None;
        }
        Ok(status)
    }
}

impl Drop for CredentialProcess {
    fn drop(&mut self) {
        kill_process();
        let _ = self.0.wait();
    }
}

/// Prepares the child for the program: signals are as this process inherited them, and it ends with this process.
#[cfg_attr(target_os = "macos", allow(unused_variables, reason = "PR_SET_PDEATHSIG is of Linux"))]
fn prepare(parent: Pid, is_alone: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // This process may have ended before. 0: this process is in another PID namespace.
        if ![parent, Pid::from_raw(0)].contains(&Pid::parent()) {
            return Err(nix::errno::Errno::ESRCH.into());
        }
    }
    if is_alone {
        setsid()?;
    }
    signals::restore();
    Ok(())
}

/// Reads a pipe to its end or to [`MAX_OUTPUT`].
async fn read_all(pipe: Option<ChildStdout>) -> io::Result<Zeroizing<Vec<u8>>> {
    // Allocated once: a vector that grows leaves copies behind, which are not wiped.
    let mut all = Zeroizing::new(vec![0; MAX_OUTPUT]);
    let mut length = 0;
    if let Some(pipe) = pipe.map(OwnedFd::from) {
        let pipe = pipe::Receiver::from_owned_fd(pipe)?;
        while let Some(rest) = all.get_mut(length..).filter(|rest| !rest.is_empty()) {
            pipe.readable().await?;
            match pipe.try_read(rest) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    all.truncate(length);
    Ok(all)
}
