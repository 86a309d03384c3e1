//! Waits in poll(2): for descriptors, and in the main thread while a worker works.
//!
//! Everything that may take a long time, such as a request, a file on a network, or a write whose
//! reader stalls, runs on its own thread. So the main thread can react to a termination signal
//! immediately.
//!
//! ```text
//! main thread   while_working ──▶ poll(2): the worker's pipe, held signals, the other end, a time limit ──▶ react ──▶ …
//! worker            └─▶ work ───────────────────────────────────────────▶ drops its end of the pipe: the work is done
//! ```

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::ending::{End, end};
use super::signals;

/// The size of the worker's stack in bytes. Only the part that the worker uses takes up memory.
/// MiniJinja recurses for each operator: a template of 16 KiB needs 6 MB, and 15 MB in a build
/// without optimization.
const STACK_SIZE: usize = 32 * 1024 * 1024;

/// Something that the main thread reacts to while it waits.
pub enum WaitEvent {
    /// The main thread is about to sleep.
    Sleep,
    /// A held signal has arrived. It stays pending.
    Signal(Signal),
    /// The other end of the pipe or connection was closed.
    OtherEndClosed,
}

/// Does `work` on its own thread and returns its result. The main thread waits and calls `react`
/// for each event. For [`WaitEvent::Sleep`], `react` returns the longest time to sleep. For other
/// events, it may end this process, and its result is ignored. `connection` is this process's end
/// of a pipe or connection. When the other end closes, `react` gets [`WaitEvent::OtherEndClosed`].
///
/// # Errors
/// If the kernel doesn't provide a thread or a descriptor. In that case, the work has not been
/// done.
pub fn while_working<T: Send>(
    work: impl FnOnce() -> T + Send,
    connection: Option<BorrowedFd<'_>>,
    mut react: impl FnMut(WaitEvent) -> Option<Duration>,
) -> io::Result<T> {
    let held_signals = signals::descriptor()?;
    let (done, not_done) = io::pipe()?;
    thread::scope(|scope| {
        let work_to_end = move || {
            let result = work();
            // From now on, poll(2) reports that `done` has ended.
            drop(not_done);
            result
        };
        let builder = thread::Builder::new().stack_size(STACK_SIZE);
        let worker = builder.spawn_scoped(scope, work_to_end)?;

        loop {
            let limit = react(WaitEvent::Sleep);
            let mut files = vec![PollFd::new(done.as_fd(), PollFlags::POLLIN)];
            let watched = held_signals.iter().map(AsFd::as_fd);
            files.extend(watched.map(|file| PollFd::new(file, PollFlags::POLLIN)));
            // No event is requested here: poll(2) always reports POLLHUP.
            files.extend(connection.map(|file| PollFd::new(file, PollFlags::empty())));
            sleep(&mut files, limit);

            if let Some(signal) = signals::held_signal() {
                react(WaitEvent::Signal(signal));
            }
            if files.first().and_then(PollFd::any) == Some(true) {
                // The only error is a panic, and the panic hook has already ended the process.
                let joined = worker.join();
                return Ok(joined.unwrap_or_else(|_| end(End::Status(70), || ())));
            }
            if connection.is_some() && files.last().and_then(PollFd::any) == Some(true) {
                react(WaitEvent::OtherEndClosed);
            }
        }
    })
}

/// Does `work`, such as a write whose reader may stall, and waits until it is done. If the main
/// thread calls this, a held signal ends the process during the work. If another thread calls it,
/// the main thread is waiting for signals anyway.
pub fn interruptibly<T: Send>(work: impl Fn() -> T + Sync) -> T {
    // std gives this name to the first thread of the process.
    let is_main_thread = thread::current().name() == Some("main");
    // If no signals are held, the kernel ends the process. On another thread, the main thread
    // reacts to them.
    if !signals::are_held() || !is_main_thread {
        return work();
    }
    let done = while_working(&work, None, |event| match event {
        WaitEvent::Signal(signal) => end(End::Signal(signal), || ()),
        WaitEvent::Sleep | WaitEvent::OtherEndClosed => None,
    });
    // If a thread can't be started, this thread does the work, and a signal has to wait.
    done.unwrap_or_else(|_| work())
}

/// Sleeps until one of the descriptors is readable or at its end, or until the time is up.
pub fn wait_for<'a>(files: impl IntoIterator<Item = BorrowedFd<'a>>, limit: Option<Duration>) {
    let files = files.into_iter();
    let mut polled = Vec::from_iter(files.map(|file| PollFd::new(file, PollFlags::POLLIN)));
    sleep(&mut polled, limit);
}

/// Calls poll(2). The only error that can happen is EINTR, and then no descriptor has an event.
fn sleep(files: &mut [PollFd<'_>], limit: Option<Duration>) {
    let _ = poll(files, limit.map_or(PollTimeout::NONE, timeout));
}

/// Converts a duration for poll(2), rounded up to milliseconds so that the time is up when poll(2)
/// returns. The longest timeout is about 24 days.
fn timeout(limit: Duration) -> PollTimeout {
    let milliseconds = limit.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_rounded_up_so_that_no_wait_ends_too_early() {
        assert_eq!(timeout(Duration::ZERO), PollTimeout::ZERO);
        assert_eq!(timeout(Duration::from_micros(1)), PollTimeout::from(1_u8));
        assert_eq!(
            timeout(Duration::from_micros(2001)),
            PollTimeout::from(3_u8)
        );
        assert_eq!(timeout(Duration::MAX), PollTimeout::MAX);
    }
}
