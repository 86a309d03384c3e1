//! A fixture that many tests share, such as a server that takes seconds to start.

use std::sync::{Mutex, OnceLock, PoisonError};

/// A fixture. The first test that can make it makes it.
pub struct Shared<T> {
    made: OnceLock<T>,
    making: Mutex<()>,
}

impl<T> Shared<T> {
    pub const fn new() -> Self {
        Self {
            made: OnceLock::new(),
            making: Mutex::new(()),
        }
    }

    /// Returns the fixture. If it doesn't exist yet, `make` makes it. A failure isn't remembered,
    /// so every test that needs the fixture is reported as skipped.
    pub fn get(&self, make: impl FnOnce() -> Option<T>) -> Option<&T> {
        let making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.made.get().is_none() {
            let made = make()?;
            drop(self.made.set(made));
        }
        drop(making);
        self.made.get()
    }
}
