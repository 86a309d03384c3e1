//! Standard error as the process that stays writes to it: without ever waiting for the reader.
//!
//! The process has one thread, which must go on serving signals and timers while nobody reads its log. It shares standard error with the
//! command, and O_NONBLOCK belongs to the open file description that both share, so setting it on descriptor 2 would surprise the command.
//! The way to write a line without that flag depends on the kind of standard error:
//!
//! | standard error | a line is written |
//! |---|---|
//! | a socket, as of journald | by send(2) with MSG_DONTWAIT |
//! | a pipe or a terminal | through a description of our own that does not block, opened from /proc/self/fd/2 |
//! | a pipe that another user made, which cannot be opened | to descriptor 2 after poll(2), at most PIPE_BUF bytes at a time |
//! | a terminal that cannot be opened, as of another container | not at all |
//! | a regular file | to descriptor 2, because a description of our own would start at offset 0 and overwrite the log |

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::write;

use crate::system::terminal::is_writable;

/// The way to standard error, by its kind.
enum Sink {
    Socket,
    OwnDescription(OwnedFd),
    PipeOfAnotherUser,
    UnreachableTerminal,
    File,
}

/// The standard error of the process that stays.
pub struct StandardError {
    sink: Sink,
    /// The rest of a text that was written in part.
    unfinished: Vec<u8>,
}

impl StandardError {
    /// Looks at descriptor 2, and opens it again where that is needed.
    pub fn open() -> Self {
        Self {
            sink: Sink::find(),
            unfinished: Vec::new(),
        }
    }

    /// Writes a text of whole lines until standard error is full. What is left of a line that was begun is written before the next text.
    ///
    /// Returns false if nothing of the text was written, because the reader is behind or has ended.
    pub fn write(&mut self, text: &str) -> bool {
        self.complete_line();
        if !self.unfinished.is_empty() {
            return false;
        }
        self.unfinished = text.into();
        self.complete_line();
        let is_begun = self.unfinished.len() < text.len();
        if !is_begun {
            self.unfinished.clear();
        }
        is_begun
    }

    /// Writes what is left of an earlier text, until standard error is full.
    fn complete_line(&mut self) {
        while !self.unfinished.is_empty() {
            match self.sink.write(&self.unfinished) {
                Ok(written) => drop(self.unfinished.drain(..written)),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl Sink {
    fn find() -> Self {
        let kind = fstat(io::stderr()).map_or(SFlag::empty(), |status| {
            SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
        });
        if kind == SFlag::S_IFSOCK {
            return Self::Socket;
        }
        if kind != SFlag::S_IFIFO && kind != SFlag::S_IFCHR {
            return Self::File;
        }
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        match open("/proc/self/fd/2", flags, Mode::empty()) {
            Ok(description) => Self::OwnDescription(description),
            Err(_) if kind == SFlag::S_IFIFO => Self::PipeOfAnotherUser,
            Err(_) => Self::UnreachableTerminal,
        }
    }

    /// Writes a part of a text. Returns the number of bytes.
    ///
    /// # Errors
    /// EAGAIN without room for it, or the error of the kernel.
    fn write(&self, text: &[u8]) -> Result<usize, Errno> {
        let stderr = io::stderr();
        match self {
            Self::Socket => send(stderr.as_raw_fd(), text, MsgFlags::MSG_DONTWAIT),
            Self::OwnDescription(description) => write(description, text),
            Self::PipeOfAnotherUser if is_writable(stderr.as_fd()) => {
                let part = text.get(..libc::PIPE_BUF).unwrap_or(text);
                write(stderr, part)
            }
            Self::PipeOfAnotherUser | Self::UnreachableTerminal => Err(Errno::EAGAIN),
            Self::File => write(stderr, text),
        }
    }
}
