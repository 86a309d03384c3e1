//! The time since the boot, which setting the clock does not change.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A clock that also runs while the machine sleeps.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::CLOCK_MONOTONIC;

/// Returns the time since the boot; zero if there is no such clock.
pub fn now() -> Duration {
    clock_gettime(CLOCK).map(Duration::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_run_backwards() {
        let earlier = now();
        assert!(!earlier.is_zero() && now() >= earlier);
    }
}
