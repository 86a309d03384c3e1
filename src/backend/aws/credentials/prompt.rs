//! A question on the terminal, whose answer is not echoed.

#![allow(unsafe_code, reason = "installing a signal handler is unsafe")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, raise};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp, write};
use zeroize::Zeroizing;

use crate::system::signals::{Disposition, Handlers, TERMINATION, disposition};

/// The pipe to which the signal handler writes. It is never closed: the handler may still run on another thread when a question has
/// ended.
static PIPE: OnceLock<Pipe> = OnceLock::new();

struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Pipe {
    fn get() -> io::Result<&'static Self> {
        if let Some(pipe) = PIPE.get() {
            return Ok(pipe);
        }
        // Not pipe2(2), which macOS lacks.
        let (reader, writer) = io::pipe()?;
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        for end in [&reader, &writer] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(PIPE.get_or_init(|| Self { reader, writer }))
    }
}

/// The longest answer, in bytes.
const LONGEST: usize = 256;

/// Asks a question and returns the line that is typed; `None` at the end of input (Ctrl-D).
///
/// A signal that ends or stops this process does so after the terminal's modes are restored. When the process goes on, the question is
/// asked again.
///
/// # Errors
/// When there is no terminal.
pub fn ask(question: &str) -> io::Result<Option<Zeroizing<String>>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    loop {
        if tcgetpgrp(&terminal)? != getpgrp() {
            // Stops a background job, before it reads the modes of the shell, until it is brought to the foreground.
            killpg(getpgrp(), Signal::SIGTTIN)?;
        }
        // Dropped at the end of the statement, which sends the signals that came meanwhile.
        let answer = SilentTerminal::begin(terminal.try_clone()?)?.read_line(question)?;
        if let Input::Line(line) = answer {
            return Ok(line);
        }
    }
}

enum Input {
    Line(Option<Zeroizing<String>>),
    /// A signal came before a line.
    Signal,
}

/// A terminal that does not echo. Signals are held until the value is dropped and the terminal's modes are restored.
struct SilentTerminal {
    terminal: File,
    modes: Termios,
    pipe: &'static Pipe,
    handlers: Handlers,
}

impl SilentTerminal {
    fn begin(terminal: File) -> io::Result<Self> {
        let modes = tcgetattr(&terminal)?;
        let pipe = Pipe::get()?;
        let action = SigAction::new(SigHandler::Handler(pass_on), SaFlags::SA_RESTART, SigSet::empty());
        let signals = TERMINATION.into_iter().chain([Signal::SIGTSTP]);
        let signals = signals.filter(|signal| disposition(*signal) != Disposition::Ignored);
        // SAFETY: the handler reads an atomic, calls write and sets errno, which is async-signal-safe.
        let handlers = unsafe { Handlers::install(action, signals) };
        let this = Self { terminal, modes, pipe, handlers };
        let mut silent = this.modes.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        // The line break is shown, since it ends the line of the question.
        silent.local_flags.insert(LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::ECHONL);
        tcsetattr(&this.terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(this)
    }

    fn read_line(&self, question: &str) -> io::Result<Input> {
        (&self.terminal).write_all(question.as_bytes())?;
        let mut line = Zeroizing::new([0; LONGEST]);
        loop {
            let readable = |file| PollFd::new(file, PollFlags::POLLIN);
            let mut files = [readable(self.pipe.reader.as_fd()), readable(self.terminal.as_fd())];
            match poll(&mut files, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
                Ok(_) => {}
            }
            if files[0].any() == Some(true) {
                return Ok(Input::Signal);
            }
            if files[1].any() == Some(true) {
                let length = (&self.terminal).read(&mut *line)?;
                let text = line.get(..length).map(String::from_utf8_lossy).unwrap_or_default();
                return Ok(Input::Line((length > 0).then(|| Zeroizing::new(text.trim().to_owned()))));
            }
        }
    }
}

impl Drop for SilentTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.modes);
        self.handlers.restore();
        let mut number = [0];
        while read(&self.pipe.reader, &mut number) == Ok(1) {
            let Ok(signal) = Signal::try_from(i32::from(number[0])) else { continue };
            if signal != Signal::SIGTSTP {
                // The line that the signal leaves begins below the question.
                let _ = (&self.terminal).write_all(b"\n");
            }
            let _ = raise(signal);
        }
    }
}

/// Writes the number of a signal to the pipe.
extern "C" fn pass_on(number: libc::c_int) {
    let errno = Errno::last_raw();
    if let Some(pipe) = PIPE.get() {
        let _ = write(&pipe.writer, &[u8::try_from(number).unwrap_or_default()]);
    }
    Errno::set_raw(errno);
}

#[cfg(test)]
mod tests {
    use nix::pty::openpty;

    use super::*;

    #[test]
    fn a_signal_that_is_noted_after_a_question_has_ended_interrupts_the_next_one() {
        let terminal = openpty(None, None).unwrap();
        let begin = || SilentTerminal::begin(File::from(terminal.slave.try_clone().unwrap())).unwrap();
        drop(begin());
        // Ignored by default, so sending it on does nothing.
        pass_on(Signal::SIGWINCH as libc::c_int);
        assert!(matches!(begin().read_line(""), Ok(Input::Signal)));
    }
}
