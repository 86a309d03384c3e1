//! Kernel interfaces that several stages use in the same way.

pub mod connection;
pub mod ending;
pub mod notify;
pub mod os_error;
pub mod paths;
pub mod signals;
pub mod terminal;
pub mod waiting;

/// The time since the boot, which setting the clock does not change.
pub mod boot_time {
    use std::time::Duration;

    use nix::time::{ClockId, clock_gettime};

    /// Returns the time since the boot, on Linux with the time that the machine slept; zero if there is no such clock.
    pub fn now() -> Duration {
        #[cfg(target_os = "linux")]
        let clock = ClockId::CLOCK_BOOTTIME;
        #[cfg(not(target_os = "linux"))]
        let clock = ClockId::CLOCK_MONOTONIC;
        clock_gettime(clock).map(Duration::from).unwrap_or_default()
    }
}
