//! Lines of the process that stays, written by forked processes: a stalled reader of standard error holds up neither a signal nor the end.

#![allow(
    unsafe_code,
    reason = "a fork, which is sound while there is one thread, and close(2)"
)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use crate::model::options::SignalNumber;
use crate::system::ending;

/// The most bytes that wait for the reader. Further lines are dropped.
const CAPACITY: usize = 64 * 1024;

/// The time that the end of this process waits for the reader.
const LIMIT: Duration = Duration::from_secs(1);

/// The texts that are not written yet.
pub struct Writer {
    /// Writes on standard error.
    write_all: fn(&[u8]),
    /// The process that writes, one at a time.
    process: Option<Pid>,
    waiting: String,
}

impl Writer {
    pub fn new(write_all: fn(&[u8])) -> Self {
        Self {
            write_all,
            process: None,
            waiting: String::new(),
        }
    }

    /// Writes a text of whole lines once the texts before it are written.
    pub fn write(&mut self, text: &str) {
        if self.waiting.len() + text.len() <= CAPACITY {
            self.waiting.push_str(text);
        }
        self.start();
    }

    fn start(&mut self) {
        if self.process.is_some() || self.waiting.is_empty() {
            return;
        }
        // SAFETY: this process has one thread, so the child may call any function.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                close_other_descriptors();
                // SAFETY: the call accesses no memory.
                unsafe {
                    libc::prctl(
                        libc::PR_SET_PDEATHSIG,
                        libc::c_ulong::from(SignalNumber::KILL.0.cast_unsigned()),
                    )
                };
                (self.write_all)(self.waiting.as_bytes());
                ending::exit(0)
            }
            Ok(ForkResult::Parent { child }) => {
                self.process = Some(child);
                self.waiting.clear();
            }
            // Written with the next text.
            Err(_) => {}
        }
    }

    /// Notes the end of a child. Returns false if it is not the process that writes.
    pub fn ended(&mut self, child: Pid) -> bool {
        let is_writer = self.process == Some(child);
        if is_writer {
            self.process = None;
            self.start();
        }
        is_writer
    }

    /// Waits until all is written, for a limited time.
    pub fn finish(&mut self) {
        let end = Instant::now() + LIMIT;
        while let Some(process) = self.process
            && Instant::now() < end
        {
            match waitpid(process, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => sleep(Duration::from_millis(2)),
                Ok(_) | Err(_) => {
                    self.ended(process);
                }
            }
        }
    }
}

/// Closes the pipes of a launch, which would otherwise stay open as long as the reader is stalled. They have the lowest numbers that were
/// free. Kernels before 5.9 lack close_range(2).
fn close_other_descriptors() {
    for number in libc::STDERR_FILENO + 1..1024 {
        // SAFETY: this process uses standard error alone.
        unsafe { libc::close(number) };
    }
}
