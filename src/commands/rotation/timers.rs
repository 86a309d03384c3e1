//! The timers of the process that stays, and the random parts of their lengths.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::options::RotationOptions;
use crate::supervise::{Delay, Timer};

/// The part of a pause between polls by which it is shorter or longer.
const JITTER: f64 = 0.1;

/// The longest pause after failures, unless `--poll-interval` is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);

#[derive(Default)]
pub struct Timers(BTreeMap<Timer, Instant>);

impl Timers {
    /// Sets the timer of a delay, and returns its length. No poll begins before `earliest_poll`.
    pub fn arm(&mut self, delay: Delay, options: &RotationOptions, earliest_poll: Instant) -> Duration {
        let until_poll = earliest_poll.saturating_duration_since(Instant::now());
        let length = length(delay, options, until_poll, fastrand::f64());
        self.0.insert(delay.timer(), Instant::now() + length);
        length
    }

    pub fn disarm(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    /// Removes the timers that have elapsed, and returns them in the order of their ends.
    pub fn elapsed(&mut self) -> Vec<Timer> {
        let now = Instant::now();
        let mut elapsed: Vec<_> = self.0.extract_if(.., |_, end| *end <= now).collect();
        elapsed.sort_by_key(|(_, end)| *end);
        elapsed.into_iter().map(|(timer, _)| timer).collect()
    }

    /// The time until the next timer elapses; `None` without a timer.
    pub fn left(&self) -> Option<Duration> {
        self.0.values().min().map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// Returns the length of a delay. `random` is at least 0 and less than 1.
fn length(delay: Delay, options: &RotationOptions, until_poll: Duration, random: f64) -> Duration {
    /// The time in which processes vanish after SIGKILL.
    const KILL: Duration = Duration::from_secs(1);
    match delay {
        Delay::AskedPoll => until_poll,
        // A moment of the interval, so that the polls of a fleet that was started at once are spread.
        Delay::FirstPoll => options.poll_interval.mul_f64(random).max(until_poll),
        Delay::NextPoll { failures } => next_poll(options.poll_interval, failures, random),
        Delay::Splay => options.splay.mul_f64(random),
        Delay::AfterTerm | Delay::Grace => options.grace,
        Delay::Kill => KILL,
    }
}

/// Returns the pause before the next poll, which doubles with each failure in succession.
fn next_poll(interval: Duration, failures: u32, random: f64) -> Duration {
    let longest = LONGEST_BACKOFF.max(interval);
    let pause = interval.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
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
            assert_eq!(length(delay, &options(), until_poll, 0.25).as_secs(), seconds, "{delay:?}");
        }
        assert_eq!(length(Delay::FirstPoll, &options(), until_poll, 0.0), until_poll);
    }

    #[test]
    fn an_armed_timer_elapses_once_unless_it_is_disarmed() {
        let mut timers = Timers::default();
        let options = RotationOptions { splay: Duration::ZERO, grace: Duration::ZERO, ..options() };
        let now = Instant::now();
        for delay in [Delay::FirstPoll, Delay::Grace, Delay::Splay] {
            timers.arm(delay, &options, now);
        }
        assert_eq!(timers.left(), Some(Duration::ZERO));
        let mut elapsed = timers.elapsed();
        elapsed.sort();
        assert_eq!(elapsed, [Timer::Splay, Timer::Grace]);
        assert!(timers.left().is_some_and(|left| left <= options.poll_interval));
        timers.disarm(Timer::Poll);
        assert_eq!(timers.left(), None);
    }

    #[test]
    fn the_pause_is_a_tenth_early_or_late_and_doubles_with_each_failure_up_to_half_an_hour() {
        let minute = Duration::from_secs(60);
        let minutes = |failures| next_poll(5 * minute, failures, 0.5).as_secs().div_euclid(60);
        assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(minutes), [5, 10, 20, 30, 30, 30]);
        // No failure shortens a longer interval.
        assert_eq!(next_poll(120 * minute, 3, 0.5), 120 * minute);
        assert_eq!(next_poll(10 * minute, 0, 0.0), 9 * minute);
        assert!(next_poll(10 * minute, 0, 0.999_999) < 11 * minute);
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        assert!(next_poll(century, u32::MAX, 0.999) > century);
    }
}
