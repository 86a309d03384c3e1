//! A fixture that many tests share, such as a server that takes seconds to start.

use std::sync::{Mutex, PoisonError};

/// A fixture. The first test that can make it makes it.
pub struct Shared<T: 'static>(Mutex<Option<&'static T>>);

impl<T> Shared<T> {
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns the fixture. If it doesn't exist yet, `make` makes it. A failure isn't remembered,
    /// so every test that needs the fixture is reported as skipped.
    pub fn get(&self, make: impl FnOnce() -> Option<T>) -> Option<&'static T> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            *made = Some(Box::leak(Box::new(make()?)));
        }
        *made
    }
}
