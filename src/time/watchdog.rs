//! The watchdog: a thread that ends the process if the runtime is blocked at the deadline.
//!
//! Files (a token, a CA bundle, AWS's configuration) are read on the runtime's own thread, where a FIFO or a hung mount would
//! block every timer. So does a template or a JSONPath that takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::Deadline;

/// Grace period for the runtime to notice its own deadline.
const GRACE: Duration = Duration::from_millis(120);

/// Grace period for the process to end once the runtime has noticed the deadline. Long enough for a busy machine.
const ENDING: Duration = Duration::from_secs(2);

/// A running watchdog, which stops when dropped.
pub struct Watchdog(Arc<AtomicBool>);

impl Watchdog {
    /// Starts the thread, which after the deadline calls `overdue`; that ends the process. If no thread can be started
    /// (`--pids-limit 1`), there is no watchdog.
    pub fn start(deadline: Deadline, overdue: fn()) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let watch = move || {
            loop {
                let grace = if deadline.is_noticed() { ENDING } else { GRACE };
                let left = (deadline.span().1 + grace).saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::park_timeout(left);
                if is_stopped.load(Ordering::SeqCst) {
                    return;
                }
            }
            if !is_stopped.swap(true, Ordering::SeqCst) {
                overdue();
            }
        };
        let _ = std::thread::Builder::new().stack_size(128 * 1024).spawn(watch);
        Self(stop)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if self.0.swap(true, Ordering::SeqCst) {
            // The thread is already in `overdue`, which ends the process.
            loop {
                std::thread::park();
            }
        }
    }
}
