//! The end of the process by a termination signal: one line on standard error, then the signal itself.
//!
//! A signal handler may only call async-signal-safe functions (signal-safety(7)), so the text of the line is prepared whenever it
//! changes, and the handler adds the signal and the time.

#![allow(unsafe_code, reason = "a signal handler, and what it calls")]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction, signal};
use nix::unistd::{getpid, write};

use super::connection;
use super::signals::{Disposition, TERMINATION, disposition};
use super::stack_line::{self, StackLine};
use super::terminal::is_writable;

/// The maximum length of a prepared text in bytes. A write of less than PIPE_BUF (4,096) bytes to a pipe with room does not block. The
/// rest of the line is for what the handler adds and the sequence that erases a line.
pub const CAPACITY: usize = stack_line::CAPACITY - 128;

/// Stands for the time in a prepared text, as in RFC 3339.
pub const TIME: char = '\u{1}';

/// Stands for the name of the signal.
pub const SIGNAL: char = '\u{2}';

/// Stands for the time since the process began.
pub const ELAPSED: char = '\u{3}';

/// Moves to the start of the line and erases it.
pub const ERASE_LINE: &str = "\r\x1b[K";

/// A text that the handler can read while the next one is written to the other slot.
struct Slot {
    length: AtomicUsize,
    bytes: [AtomicU8; CAPACITY],
}

static SLOTS: [Slot; 2] =
    [const { Slot { length: AtomicUsize::new(0), bytes: [const { AtomicU8::new(0) }; CAPACITY] } }; 2];

/// The index of the slot in use; [`NONE`] if a signal leaves no line.
static CURRENT: AtomicUsize = AtomicUsize::new(NONE);

const NONE: usize = SLOTS.len();

/// True once a signal ends the process. No text is prepared any more, since the slot in use is being read.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Serializes the writers.
static WRITING: Mutex<()> = Mutex::new(());

/// When the process began, in nanoseconds of the monotonic clock.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// True while a line that is to be erased stands on the terminal.
static HAS_PROGRESS: AtomicBool = AtomicBool::new(false);

/// Installs [`end`] for the termination signals. An ignored signal stays ignored, a blocked one stays pending, and `execve` resets
/// the handlers.
///
/// As PID 1, the process also needs them to end at all: the kernel discards signals for which PID 1 has no handler
/// (pid_namespaces(7)).
pub fn install() {
    BEGUN.store(now(libc::CLOCK_MONOTONIC), Ordering::Relaxed);
    for signal in TERMINATION {
        if disposition(signal) == Disposition::Default {
            let action = SigAction::new(SigHandler::Handler(end), SaFlags::SA_RESTART, mask());
            // SAFETY: the handler calls only async-signal-safe functions.
            let _ = unsafe { sigaction(signal, &action) };
        }
    }
}

/// The signals that are blocked while [`end`] runs: the other termination signals, and those that writing to a terminal in the
/// background or to a file at its limit would raise.
pub fn mask() -> SigSet {
    let mut mask = SigSet::from_iter(TERMINATION);
    mask.extend([Signal::SIGTTOU, Signal::SIGXFSZ]);
    mask
}

/// Sets the line that a signal leaves, in which [`TIME`], [`SIGNAL`] and [`ELAPSED`] stand for what is known only then.
pub fn set_line(text: &str) {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    if ENDING.load(Ordering::SeqCst) {
        return;
    }
    let next = usize::from(CURRENT.load(Ordering::Relaxed) == 0);
    let text = &text.as_bytes()[..text.floor_char_boundary(CAPACITY)];
    let Some(slot) = SLOTS.get(next) else { return };
    for (to, from) in slot.bytes.iter().zip(text) {
        to.store(*from, Ordering::Relaxed);
    }
    slot.length.store(text.len(), Ordering::Relaxed);
    CURRENT.store(next, Ordering::SeqCst);
}

/// From now on, a signal leaves no line.
pub fn silence() {
    CURRENT.store(NONE, Ordering::SeqCst);
}

/// Notes whether a line that is to be erased stands on the terminal, and returns what was noted before.
pub fn set_progress(is_shown: bool) -> bool {
    HAS_PROGRESS.swap(is_shown, Ordering::SeqCst)
}

/// Handles a termination signal: writes the prepared line, refuses the connection of a credential, and ends the process by the signal
/// (as PID 1 with status 128 + n).
pub extern "C" fn end(number: libc::c_int) {
    leave_line(number);
    connection::refuse_by_signal();
    if getpid().as_raw() == 1 {
        // SAFETY: _exit has no preconditions and is async-signal-safe.
        unsafe { libc::_exit(128 + number) }
    }
    if let Ok(caught) = Signal::try_from(number) {
        // SAFETY: SIG_DFL is no handler, so no code runs in signal context.
        let _ = unsafe { signal(caught, SigHandler::SigDfl) };
        // Delivered when the handler returns, since it is blocked until then.
        let _ = raise(caught);
    }
}

/// Returns the prepared text for the first signal, and `None` for another one on another thread.
fn begin_end() -> Option<&'static Slot> {
    // A text that is prepared right now goes to the other slot, and is the last one.
    if ENDING.swap(true, Ordering::SeqCst) { None } else { SLOTS.get(CURRENT.load(Ordering::SeqCst)) }
}

/// Writes the line, unless standard error would block: a stalled reader must not delay the end of the process.
fn leave_line(number: libc::c_int) {
    let Some(slot) = begin_end() else { return };
    let mut line = StackLine::default();
    if HAS_PROGRESS.load(Ordering::SeqCst) {
        line.add(ERASE_LINE.as_bytes());
    }
    for byte in slot.bytes.iter().take(slot.length.load(Ordering::Relaxed)) {
        let byte = byte.load(Ordering::Relaxed);
        match char::from(byte) {
            TIME => line.add_time(now(libc::CLOCK_REALTIME)),
            SIGNAL => line.add(Signal::try_from(number).map_or("a signal", Signal::as_str).as_bytes()),
            ELAPSED => line.add_seconds(now(libc::CLOCK_MONOTONIC).saturating_sub(BEGUN.load(Ordering::Relaxed))),
            _ => line.add(&[byte]),
        }
    }
    line.add(b"\n");
    // SAFETY: standard error is open: Rust's runtime opens /dev/null in its place before `main` if it is not.
    let stderr = unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) };
    if is_writable(stderr) {
        let _ = write(stderr, line.as_bytes());
    }
}

/// Returns the time of a clock in nanoseconds.
fn now(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a valid timespec; clock_gettime is async-signal-safe.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serializes the tests that prepare texts.
    static SETTING: Mutex<()> = Mutex::new(());

    #[test]
    fn after_a_signal_no_text_is_prepared_and_a_second_signal_has_none() {
        let _setting = SETTING.lock();
        set_line("one");
        let slot = begin_end().unwrap();
        set_line("another");
        assert_eq!(slot.length.load(Ordering::Relaxed), "one".len());
        assert!(begin_end().is_none());
        ENDING.store(false, Ordering::SeqCst);
        silence();
    }

    #[test]
    fn the_last_prepared_text_is_in_use_and_cut_at_a_character() {
        let text = |slot: &Slot| {
            let bytes = slot.bytes.iter().take(slot.length.load(Ordering::Relaxed));
            String::from_utf8(bytes.map(|byte| byte.load(Ordering::Relaxed)).collect()).unwrap()
        };
        let _setting = SETTING.lock();
        for expected in ["one", "another", "a third"] {
            set_line(expected);
            assert_eq!(text(&SLOTS[CURRENT.load(Ordering::Relaxed)]), expected);
        }
        set_line(&format!("{}é", "x".repeat(CAPACITY - 1)));
        assert_eq!(text(&SLOTS[CURRENT.load(Ordering::Relaxed)]).len(), CAPACITY - 1);
        silence();
        assert_eq!(CURRENT.load(Ordering::Relaxed), NONE);
    }
}
