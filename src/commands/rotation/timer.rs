//! The timer of the process that stays, and the random parts of its lengths.

use std::time::{Duration, Instant};

use crate::model::options::RotationOptions;
use crate::supervise::Delay;

/// The part of a pause between polls by which it is shorter or longer.
const JITTER: f64 = 0.1;

/// The longest pause after failures, unless `--poll-interval` is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);

/// The time at which the timer elapses; `None` while it is not set.
#[derive(Default)]
pub struct Timer(Option<Instant>);

impl Timer {
    /// Sets the timer to a delay, and returns its length. No poll begins before `earliest_poll`.
    pub fn arm(
        &mut self,
        delay: Delay,
        options: &RotationOptions,
        earliest_poll: Instant,
    ) -> Duration {
        let until_poll = earliest_poll.saturating_duration_since(Instant::now());
        let length = length(delay, options, until_poll, fastrand::f64());
        self.0 = Some(Instant::now() + length);
        length
    }

    /// Returns true once after the time.
    pub fn elapses(&mut self) -> bool {
        self.0.take_if(|end| *end <= Instant::now()).is_some()
    }

    /// The time until it elapses; `None` while it is not set.
    pub fn left(&self) -> Option<Duration> {
        self.0
            .map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// Returns the length of a delay, for a poll no less than `until_poll`. `random` is at least 0 and less than 1.
fn length(delay: Delay, options: &RotationOptions, until_poll: Duration, random: f64) -> Duration {
    match delay {
        Delay::AskedPoll => until_poll,
        // A moment of the interval, so that the polls of a fleet that was started at once are spread.
        Delay::FirstPoll => options.poll_interval.mul_f64(random).max(until_poll),
        Delay::NextPoll { failures } => next_poll(options.poll_interval, failures, random),
        Delay::Splay => options.splay.mul_f64(random).max(until_poll),
        Delay::AfterTerm => options.grace.max(until_poll),
        Delay::Grace => options.grace,
        Delay::Kill => Duration::from_secs(1),
    }
}

/// Returns the pause before the next poll, which doubles with each failure in succession.
fn next_poll(interval: Duration, failures: u32, random: f64) -> Duration {
    let longest = LONGEST_BACKOFF.max(interval);
    let pause = interval
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(longest);
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::options::{OnRotation, SignalNumber};

    fn options() -> RotationOptions {
        RotationOptions {
            on_rotation: OnRotation::Restart,
            poll_interval: Duration::from_secs(100),
            splay: Duration::from_secs(40),
            stop_signal: SignalNumber::TERM,
            grace: Duration::from_secs(30),
            poll_signal: None,
        }
    }

    #[test]
    fn each_delay_has_its_length() {
        let until_poll = Duration::from_secs(1);
        for (delay, seconds) in [
            (Delay::FirstPoll, 25),
            (Delay::AskedPoll, 1),
            (Delay::NextPoll { failures: 0 }, 95),
            (Delay::NextPoll { failures: 1 }, 190),
            (Delay::Splay, 10),
            (Delay::AfterTerm, 30),
            (Delay::Grace, 30),
            (Delay::Kill, 1),
        ] {
            assert_eq!(
                length(delay, &options(), until_poll, 0.25).as_secs(),
                seconds,
                "{delay:?}"
            );
        }
        for delay in [Delay::FirstPoll, Delay::Splay] {
            assert_eq!(length(delay, &options(), until_poll, 0.0), until_poll);
        }
    }

    #[test]
    fn the_timer_elapses_once_and_for_the_last_delay() {
        let mut timer = Timer::default();
        assert!(!timer.elapses());
        let options = RotationOptions {
            grace: Duration::ZERO,
            ..options()
        };
        for (delay, elapses) in [
            (Delay::NextPoll { failures: 0 }, false),
            (Delay::Grace, true),
        ] {
            timer.arm(delay, &options, Instant::now());
            assert_eq!(timer.left() == Some(Duration::ZERO), elapses);
            assert_eq!(timer.elapses(), elapses);
        }
        assert_eq!((timer.elapses(), timer.left()), (false, None));
    }

    #[test]
    fn the_pause_has_a_jitter_of_a_tenth_and_doubles_with_each_failure_up_to_30_minutes() {
        let minute = Duration::from_secs(60);
        let minutes = |failures| {
            next_poll(5 * minute, failures, 0.5)
                .as_secs()
                .div_euclid(60)
        };
        assert_eq!(
            [0, 1, 2, 3, 4, u32::MAX].map(minutes),
            [5, 10, 20, 30, 30, 30]
        );
        // No failure shortens a longer interval.
        assert_eq!(next_poll(120 * minute, 3, 0.5), 120 * minute);
        assert_eq!(next_poll(10 * minute, 0, 0.0), 9 * minute);
        assert!(next_poll(10 * minute, 0, 0.999_999) < 11 * minute);
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        assert!(next_poll(century, u32::MAX, 0.999) > century);
    }
}
