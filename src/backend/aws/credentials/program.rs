//! A running program that prints credentials, killed when the launch ends early (`system::ending`).
//!
//! While this process's group is the terminal's foreground job, the program stays in the group: it can ask on the terminal, and Ctrl-C
//! and Ctrl-Z reach it as they reach this process. Otherwise it gets a session of its own, which has no terminal.

#![allow(
    unsafe_code,
    reason = "system calls in the child before execve(2), and waitid(2), which nix has on Linux alone"
)]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{io, mem};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::termios::tcgetattr;
use nix::unistd::{Pid, getpid, setsid};
use tokio::net::unix::pipe;
use zeroize::Zeroizing;

use crate::backend::aws::protocol::error_text;
use crate::system::{ending, terminal};

/// The limit for the output, in bytes. Credentials take a few kilobytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// The interval at which the end of a program that has closed its output is polled.
const TICK: Duration = Duration::from_millis(1);

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
        if let Some((terminal, modes)) = terminal {
            ending::note_terminal(terminal, modes);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: `prepare` makes system calls alone, and these are async-signal-safe.
        unsafe { command.pre_exec(move || prepare(parent, is_alone)) };
        ending::start_program(|| command.spawn(), process_id).map(Self)
    }

    /// Returns the program's standard output.
    pub async fn output(mut self) -> Result<Zeroizing<Vec<u8>>, String> {
        let failed = |error: io::Error| format!("cannot be read or waited for: {}", error_text(&error));
        let stdout = read_all(self.0.stdout.take()).await.map_err(failed)?;
        // Another process may have held the output open after the end of the program, whose id stays its own until it is reaped.
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

    /// Waits for the end of the program, and reaps it.
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        while !has_ended(process_id(&self.0))? || !ending::forget_program() {
            tokio::time::sleep(TICK).await;
        }
        self.0.wait()
    }
}

impl Drop for CredentialProcess {
    fn drop(&mut self) {
        ending::kill_program();
        let _ = self.0.wait();
    }
}

fn process_id(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// True if a child has ended, which is not reaped by that.
fn has_ended(child: Pid) -> io::Result<bool> {
    // SAFETY: all-zero is a valid `siginfo_t`, to which alone the call writes.
    unsafe {
        let mut state: libc::siginfo_t = mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        Errno::result(libc::waitid(libc::P_PID, child.as_raw().cast_unsigned(), &raw mut state, flags))?;
        // Zero without a change of its state.
        Ok(state.si_signo != 0)
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
            return Err(Errno::ESRCH.into());
        }
    }
    if is_alone {
        setsid()?;
    }
    ending::restore_signals();
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
