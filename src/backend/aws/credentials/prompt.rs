//! A question on the terminal, whose answer is not echoed.

#![allow(unsafe_code, reason = "installing a signal handler is unsafe")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, raise};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp, write};
use zeroize::Zeroizing;

use crate::system::signals::{Disposition, Handlers, TERMINATION, disposition};

/// The pipe to which the signal handler writes; -1 while none is installed.
static PIPE: AtomicI32 = AtomicI32::new(-1);

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
        if let Answer::Line(line) = answer {
            return Ok(line);
        }
    }
}

enum Answer {
    Line(Option<Zeroizing<String>>),
    /// A signal came before a line.
    Signal,
}

/// A terminal that does not echo. Signals are held until the value is dropped and the terminal's modes are restored.
struct SilentTerminal {
    terminal: File,
    modes: Termios,
    signals: File,
    handlers: Handlers,
    /// The end of the pipe that the handler writes to.
    _writer: OwnedFd,
}

impl SilentTerminal {
    fn begin(terminal: File) -> io::Result<Self> {
        let modes = tcgetattr(&terminal)?;
        // Not pipe2(2), which macOS lacks.
        let (reader, writer) = io::pipe()?;
        let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
        for end in [&reader, &writer] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        PIPE.store(writer.as_raw_fd(), Ordering::SeqCst);
        let action = SigAction::new(SigHandler::Handler(pass_on), SaFlags::SA_RESTART, SigSet::empty());
        let signals = TERMINATION.into_iter().chain([Signal::SIGTSTP]);
        let signals = signals.filter(|signal| disposition(*signal) != Disposition::Ignored);
        // SAFETY: the handler calls only write and sets errno, which is async-signal-safe.
        let handlers = unsafe { Handlers::install(action, signals) };
        let this = Self { terminal, modes, signals: File::from(reader), handlers, _writer: writer };
        let mut silent = this.modes.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        // The line break is shown, since it ends the line of the question.
        silent.local_flags.insert(LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::ECHONL);
        tcsetattr(&this.terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(this)
    }

    fn read_line(&self, question: &str) -> io::Result<Answer> {
        (&self.terminal).write_all(question.as_bytes())?;
        let mut line = Zeroizing::new([0; LONGEST]);
        loop {
            let readable = |file| PollFd::new(file, PollFlags::POLLIN);
            let mut files = [readable(self.signals.as_fd()), readable(self.terminal.as_fd())];
            match poll(&mut files, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
                Ok(_) => {}
            }
            if files[0].any() == Some(true) {
                return Ok(Answer::Signal);
            }
            if files[1].any() == Some(true) {
                let length = (&self.terminal).read(&mut *line)?;
                let text = line.get(..length).map(String::from_utf8_lossy).unwrap_or_default();
                return Ok(Answer::Line((length > 0).then(|| Zeroizing::new(text.trim().to_owned()))));
            }
        }
    }
}

impl Drop for SilentTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.modes);
        self.handlers.restore();
        PIPE.store(-1, Ordering::SeqCst);
        let mut number = [0];
        while (&self.signals).read(&mut number).is_ok_and(|length| length == 1) {
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
    // SAFETY: the descriptor is open until the handlers are removed.
    let pipe = unsafe { BorrowedFd::borrow_raw(PIPE.load(Ordering::SeqCst)) };
    let _ = write(pipe, &[u8::try_from(number).unwrap_or_default()]);
    Errno::set_raw(errno);
}
