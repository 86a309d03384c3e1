//! The timers of the event loop.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::options::Rotation;
use crate::supervise::{Delay, Timer, schedule};

#[derive(Default)]
pub struct Timers(BTreeMap<Timer, Instant>);

impl Timers {
    pub fn arm(&mut self, delay: Delay, options: &Rotation) {
        /// The time in which processes vanish after SIGKILL.
        const KILL: Duration = Duration::from_secs(1);
        let length = match delay {
            Delay::FirstPoll => schedule::first_poll(options.poll_interval, fastrand::f64()),
            Delay::NextPoll { failures } => schedule::next_poll(options.poll_interval, failures, fastrand::f64()),
            Delay::Splay => schedule::splay(options.splay, fastrand::f64()),
            Delay::AfterTerm | Delay::Grace => options.grace,
            Delay::Kill => KILL,
        };
        // The clock ends in some hundred years, before which a timer that does not fit in would not elapse.
        if let Some(end) = Instant::now().checked_add(length) {
            self.0.insert(delay.timer(), end);
        }
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
