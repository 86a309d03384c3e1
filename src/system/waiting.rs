//! Waits in poll(2): for descriptors, and by the main thread while a worker works.
//!
//! Whatever may take long, such as a request, a file on a network or a write whose reader stalls, is done on a thread of its own, so that
//! the main thread can react to a termination signal immediately.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::ending::{End, end};
use super::signals;

/// The stack of the worker in bytes, of which only what it uses takes memory. MiniJinja recurses for each operator: a template of 16 KiB
/// takes 6 MB, and 15 MB in a build without optimization.
const STACK: usize = 32 * 1024 * 1024;

/// An event to which the main thread reacts while it waits.
pub enum WaitEvent {
    /// It is about to sleep.
    Sleep,
    /// A held signal came. It stays pending.
    Signal(Signal),
    /// The other end of a pipe or connection is closed.
    OtherEndClosed,
}

/// Does `work` on a thread of its own, and returns its result. The main thread waits, and calls `react` for each event. After
/// [`WaitEvent::Sleep`], `react` returns the limit of the sleep; after another event it may end this process.
///
/// # Errors
/// When no thread can be started; the work is not done then.
pub fn while_working<T: Send>(
    work: impl FnOnce() -> T + Send,
    other_end: Option<BorrowedFd<'_>>,
    mut react: impl FnMut(WaitEvent) -> Option<Duration>,
) -> io::Result<T> {
    let signals = signals::descriptor()?;
    let (done, not_done) = io::pipe()?;
    thread::scope(|scope| {
        let work = move || {
            let result = work();
            drop(not_done);
            result
        };
        let worker = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work)?;
        loop {
            let limit = react(WaitEvent::Sleep);
            let mut files = vec![PollFd::new(done.as_fd(), PollFlags::POLLIN)];
            files.extend(
                signals
                    .iter()
                    .map(|file| PollFd::new(file.as_fd(), PollFlags::POLLIN)),
            );
            // POLLHUP is always reported.
            files.extend(other_end.map(|file| PollFd::new(file, PollFlags::empty())));
            sleep(&mut files, limit);

            if let Some(signal) = signals::held_signal() {
                react(WaitEvent::Signal(signal));
            }
            if files.first().and_then(PollFd::any) == Some(true) {
                // An error is a panic, whose hook has already ended the process.
                return Ok(worker
                    .join()
                    .unwrap_or_else(|_| end(End::Status(70), || ())));
            }
            if other_end.is_some() && files.last().and_then(PollFd::any) == Some(true) {
                react(WaitEvent::OtherEndClosed);
            }
        }
    })
}

/// Does `work`, such as a write whose reader may stall. If the main thread calls this function, a held signal ends the
/// process during the work. If another thread does, the main thread waits for signals anyway.
pub fn interruptibly<T: Send>(work: impl Fn() -> T + Sync) -> T {
    // std names the thread with which this process began.
    let is_main_thread = thread::current().name() == Some("main");
    // No other thread waits for signals.
    if !signals::are_held() || !is_main_thread {
        return work();
    }
    let done = while_working(&work, None, |event| match event {
        WaitEvent::Signal(signal) => end(End::Signal(signal), || ()),
        WaitEvent::Sleep | WaitEvent::OtherEndClosed => None,
    });
    // The work is done here if there is no other thread.
    done.unwrap_or_else(|_| work())
}

/// Sleeps until one of the descriptors is readable or at its end, or the time is over.
pub fn wait_for<'a>(
    descriptors: impl IntoIterator<Item = BorrowedFd<'a>>,
    limit: Option<Duration>,
) {
    let mut files = Vec::new();
    for descriptor in descriptors {
        files.push(PollFd::new(descriptor, PollFlags::POLLIN));
    }
    sleep(&mut files, limit);
}

/// Calls poll(2). Its only possible error is EINTR, after which no descriptor has an event.
fn sleep(files: &mut [PollFd<'_>], limit: Option<Duration>) {
    let _ = poll(files, limit.map_or(PollTimeout::NONE, timeout));
}

/// Rounds up to milliseconds, so that the time is over at the end. The longest timeout is some 24 days.
fn timeout(limit: Duration) -> PollTimeout {
    let milliseconds = limit.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_never_too_short() {
        assert_eq!(timeout(Duration::ZERO), PollTimeout::ZERO);
        assert_eq!(timeout(Duration::from_micros(1)), PollTimeout::from(1_u8));
        assert_eq!(
            timeout(Duration::from_micros(2001)),
            PollTimeout::from(3_u8)
        );
        assert_eq!(timeout(Duration::MAX), PollTimeout::MAX);
    }
}
