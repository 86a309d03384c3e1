//! The sleep of the event loop.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Sleeps until a descriptor is readable or the time is over.
pub fn wait_for<'a>(descriptors: impl IntoIterator<Item = BorrowedFd<'a>>, limit: Option<Duration>) {
    let mut files: Vec<_> = descriptors.into_iter().map(|file| PollFd::new(file, PollFlags::POLLIN)).collect();
    // No signal interrupts it, since all are blocked.
    let _ = poll(&mut files, limit.map_or(PollTimeout::NONE, timeout));
}

/// Rounds up to milliseconds, so that the time is over at the end. The longest timeout is some 24 days.
fn timeout(limit: Duration) -> PollTimeout {
    let milliseconds = limit.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_never_too_short() {
        assert_eq!(timeout(Duration::ZERO), PollTimeout::ZERO);
        assert_eq!(timeout(Duration::from_micros(1)), PollTimeout::from(1_u8));
        assert_eq!(timeout(Duration::from_micros(2001)), PollTimeout::from(3_u8));
        assert_eq!(timeout(Duration::MAX), PollTimeout::MAX);
    }
}
