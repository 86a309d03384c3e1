//! The data that the steps of a launch pass to each other, and its invariants. Nothing here reads
//! a file, sends a request, or depends on clap or the AWS SDK, so all of it can be tested with
//! plain values.

pub mod answer;
pub mod entry;
pub mod environment;
pub mod fault;
pub mod options;
pub mod outcome;
pub mod plan;
pub mod problem;
pub mod reference;
pub mod shown;
pub mod url;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. The lock is never poisoned, because a panic on any thread ends the process.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
