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

/// The standard error of the process that stays.
pub struct StandardError {
    /// The bits of the mode that say what descriptor 2 is.
    kind: SFlag,
    /// The description of our own of a pipe or a terminal, unless it cannot be opened.
    own: Option<OwnedFd>,
    /// The rest of a text that was written in part.
    unfinished: Vec<u8>,
}

impl StandardError {
    /// Looks at descriptor 2, and opens it again where that is needed.
    pub fn open() -> Self {
        let mode = fstat(io::stderr()).map_or(0, |status| status.st_mode);
        let kind = SFlag::from_bits_truncate(mode) & SFlag::S_IFMT;
        let own = if kind == SFlag::S_IFIFO || kind == SFlag::S_IFCHR {
            let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            open("/proc/self/fd/2", flags, Mode::empty()).ok()
        } else {
            None
        };
        Self {
            kind,
            own,
            unfinished: Vec::new(),
        }
    }

    /// Writes a text of whole lines, after what is left of a line that was begun, until standard error is full. The rest is written before
    /// the next text.
    ///
    /// Returns false if nothing of the text was written, because the reader is behind or has ended.
    pub fn write(&mut self, text: &str) -> bool {
        self.unfinished.extend_from_slice(text.as_bytes());
        while !self.unfinished.is_empty() {
            match self.write_part() {
                Ok(written) => drop(self.unfinished.drain(..written)),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }

        let left = self.unfinished.len();
        let is_begun = left < text.len();
        if !is_begun {
            self.unfinished.truncate(left - text.len());
        }
        is_begun
    }

    /// Writes the beginning of what is unfinished. Returns the number of bytes.
    ///
    /// # Errors
    /// EAGAIN without room for it, or the error of the kernel.
    fn write_part(&self) -> Result<usize, Errno> {
        let (stderr, text) = (io::stderr(), self.unfinished.as_slice());
        if let Some(own) = &self.own {
            return write(own, text);
        }
        if self.kind == SFlag::S_IFSOCK {
            return send(stderr.as_raw_fd(), text, MsgFlags::MSG_DONTWAIT);
        }
        if self.kind == SFlag::S_IFIFO && is_writable(stderr.as_fd()) {
            return write(stderr, text.get(..libc::PIPE_BUF).unwrap_or(text));
        }
        if self.kind == SFlag::S_IFIFO || self.kind == SFlag::S_IFCHR {
            return Err(Errno::EAGAIN);
        }
        write(stderr, text)
    }
}
