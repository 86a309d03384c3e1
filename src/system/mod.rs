//! Kernel interfaces that several stages use in the same way.

pub mod connection;
pub mod ending;
pub mod notify;
pub mod os_error;
pub mod paths;
pub mod signals;
pub mod terminal;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The state of descriptors after a sleep.
pub struct Woken {
    /// In the order of the descriptors: true for one that is readable or at its end.
    pub readable: Vec<bool>,
    /// True if the other end of the pipe or connection is closed.
    pub is_closed: bool,
}

/// Sleeps until one of `readable` is, the other end of `closing` is closed, or the time is over.
pub fn wait_for<'a>(
    readable: impl IntoIterator<Item = BorrowedFd<'a>>,
    closing: Option<BorrowedFd<'a>>,
    limit: Option<Duration>,
) -> Woken {
    let mut files: Vec<_> = readable
        .into_iter()
        .map(|file| PollFd::new(file, PollFlags::POLLIN))
        .collect();
    let count = files.len();
    // POLLHUP needs no flag.
    files.extend(closing.map(|file| PollFd::new(file, PollFlags::empty())));
    // After an error, of which only EINTR is possible, no descriptor has an event.
    let _ = poll(&mut files, limit.map_or(PollTimeout::NONE, timeout));
    let mut states = files.iter().map(|file| file.any() == Some(true));
    Woken {
        readable: states.by_ref().take(count).collect(),
        is_closed: states.next() == Some(true),
    }
}

/// Rounds up to milliseconds, so that the time is over at the end. The longest timeout is some 24 days.
fn timeout(limit: Duration) -> PollTimeout {
    let milliseconds = limit.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

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
