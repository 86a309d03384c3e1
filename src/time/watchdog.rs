//! The watchdog: a thread that acts if the runtime is blocked at the deadline, and tells of a long resolution.
//!
//! Files (a token, a CA bundle, AWS's configuration) are read on the runtime's own thread, where a FIFO or a hung mount would
//! block every timer. So does a template or a JSONPath that takes too long.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::Deadline;
use super::progress::Status;

/// Grace period for the runtime to notice its own deadline.
const GRACE: Duration = Duration::from_millis(120);

/// Grace period for the process to end once the runtime has noticed the deadline. Long enough for a busy machine.
const ENDING: Duration = Duration::from_secs(2);

/// The time before a resolution is long.
const LONG: Duration = Duration::from_secs(2);

/// The interval between two calls of `tick` in a long resolution.
const TICK: Duration = Duration::from_secs(1);

/// The functions that the thread calls.
pub struct Callbacks {
    /// After two seconds, and then each second.
    pub tick: Box<dyn FnMut(&Deadline) + Send>,
    /// When the deadline has passed and the runtime is blocked. Ends the process, or only what had the deadline.
    pub overdue: Box<dyn Fn(&Status) + Send>,
}

/// A running watchdog, which stops when dropped. After that, no function is called and none still runs.
pub struct Watchdog {
    /// Held during a call.
    is_stopped: Arc<Mutex<bool>>,
    thread: Thread,
}

impl Watchdog {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(deadline: Deadline, mut callbacks: Callbacks) -> io::Result<Self> {
        let is_stopped = Arc::new(Mutex::new(false));
        let stopped = Arc::clone(&is_stopped);
        let mut next_tick = Instant::now() + LONG;
        let watch = move || {
            loop {
                let stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                let grace = if deadline.is_noticed() { ENDING } else { GRACE };
                let end = deadline.span().1 + grace;
                if *stopped {
                    return;
                } else if end <= now {
                    return (callbacks.overdue)(&deadline.progress().status());
                } else if next_tick <= now {
                    (callbacks.tick)(&deadline);
                    next_tick = now + TICK;
                }
                drop(stopped);
                std::thread::park_timeout(end.min(next_tick).saturating_duration_since(Instant::now()));
            }
        };
        let handle = std::thread::Builder::new().name("watchdog".to_owned()).stack_size(128 * 1024).spawn(watch)?;
        Ok(Self { is_stopped, thread: handle.thread().clone() })
    }

    /// Stops, and ends the thread at once, in a process that goes on: it would wake up once more otherwise.
    pub fn end(self) {
        let thread = self.thread.clone();
        drop(self);
        thread.unpark();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Blocks while a callback runs.
        *self.is_stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}
