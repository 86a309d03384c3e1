//! The timers of the event loop.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::options::Rotation;
use crate::supervise::{Delay, Timer, schedule};

#[derive(Default)]
pub struct Timers(BTreeMap<Timer, Instant>);

impl Timers {
    /// Sets the timer of a delay, and returns its length.
    pub fn arm(&mut self, delay: Delay, options: &Rotation) -> Duration {
        let length = length(delay, options, fastrand::f64());
        // The clock ends in some hundred years, before which a timer that does not fit in would not elapse.
        if let Some(end) = Instant::now().checked_add(length) {
            self.0.insert(delay.timer(), end);
        }
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
fn length(delay: Delay, options: &Rotation, random: f64) -> Duration {
    /// The time in which processes vanish after SIGKILL.
    const KILL: Duration = Duration::from_secs(1);
    match delay {
        Delay::FirstPoll => schedule::first_poll(options.poll_interval, random),
        Delay::NextPoll { failures } => schedule::next_poll(options.poll_interval, failures, random),
        Delay::Splay => schedule::splay(options.splay, random),
        Delay::AfterTerm | Delay::Grace => options.grace,
        Delay::Kill => KILL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::options::{OnRotation, SignalNumber};

    fn options() -> Rotation {
        Rotation {
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
        let seconds = |delay| length(delay, &options(), 0.25).as_secs();
        assert_eq!(seconds(Delay::FirstPoll), 25);
        assert_eq!(seconds(Delay::NextPoll { failures: 0 }), 95);
        assert_eq!(seconds(Delay::NextPoll { failures: 1 }), 190);
        assert_eq!(seconds(Delay::Splay), 10);
        assert_eq!(seconds(Delay::Grace), 30);
        assert_eq!(seconds(Delay::Kill), 1);
    }

    #[test]
    fn an_armed_timer_elapses_once_unless_it_is_disarmed() {
        let mut timers = Timers::default();
        let options = Rotation { splay: Duration::ZERO, grace: Duration::ZERO, ..options() };
        timers.arm(Delay::FirstPoll, &options);
        timers.arm(Delay::Grace, &options);
        timers.arm(Delay::Splay, &options);
        assert_eq!(timers.left(), Some(Duration::ZERO));
        let mut elapsed = timers.elapsed();
        elapsed.sort();
        assert_eq!(elapsed, [Timer::Splay, Timer::Grace]);
        assert!(timers.left().is_some_and(|left| left <= options.poll_interval));
        timers.disarm(Timer::Poll);
        assert_eq!(timers.left(), None);
    }
}
