//! The deadline of a launch: `--wait` for credentials and the network, then `--timeout` for everything else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::progress::{Observer, Progress};

/// The deadline of a launch. Clones share one state.
#[derive(Clone, Debug)]
pub struct Deadline {
    timeout: Duration,
    phase: Arc<watch::Sender<Phase>>,
    /// True once a future was cancelled at the deadline: the runtime is not blocked.
    is_noticed: Arc<AtomicBool>,
    /// The beginning of a pause.
    paused_since: Arc<Mutex<Option<Instant>>>,
    /// The length of all pauses that have ended.
    paused: Arc<Mutex<Duration>>,
    progress: Progress,
}

#[derive(Clone, Debug)]
enum Phase {
    /// `--wait` runs, until `until`.
    Waiting { since: Instant, until: Instant, target: WaitTarget },
    /// `--timeout` runs.
    Running { since: Instant },
}

/// The condition that `--wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitTarget {
    /// Credentials, or the region, which the same providers have.
    Credentials,
    /// A connection to AWS.
    Network,
}

impl Deadline {
    /// Starts `wait`, or without it the timeout.
    pub fn new(timeout: Duration, wait: Option<Duration>) -> Self {
        let since = Instant::now();
        let phase = match wait {
            Some(wait) => Phase::Waiting { since, until: since + wait, target: WaitTarget::Credentials },
            None => Phase::Running { since },
        };
        Self {
            timeout,
            phase: Arc::new(watch::Sender::new(phase)),
            is_noticed: Arc::default(),
            paused_since: Arc::default(),
            paused: Arc::default(),
            progress: Progress::default(),
        }
    }

    /// Returns the deadline with an observer of its progress.
    #[must_use]
    pub fn observed_by(self, observer: Observer) -> Self {
        Self { progress: Progress::new(observer), ..self }
    }

    /// The whole of `--wait` while it runs, or else `None`.
    pub fn wait(&self) -> Option<Duration> {
        match *self.phase.borrow() {
            Phase::Waiting { since, until, .. } => Some(until - since),
            Phase::Running { .. } => None,
        }
    }

    /// The beginning and the end of the current phase.
    pub fn span(&self) -> (Instant, Instant) {
        let paused = self.paused_since().map(|since| since.elapsed()).unwrap_or_default();
        match *self.phase.borrow() {
            Phase::Waiting { since, until, .. } => (since, until + paused),
            Phase::Running { since } => (since, since + self.timeout + paused),
        }
    }

    /// The rest of the current phase.
    pub fn left(&self) -> Duration {
        self.span().1.saturating_duration_since(Instant::now())
    }

    /// The time that is left at most: the rest of `--wait`, and then the timeout.
    pub fn longest_left(&self) -> Duration {
        self.left() + if self.is_waiting() { self.timeout } else { Duration::ZERO }
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Runs `action`, a question to the user, whose time does not count.
    pub fn paused<T>(&self, action: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        *self.paused_since() = Some(begun);
        let result = action();
        let mut paused_since = self.paused_since();
        let pause = begun.elapsed();
        self.phase.send_modify(|phase| match phase {
            Phase::Waiting { since, until, .. } => (*since, *until) = (*since + pause, *until + pause),
            Phase::Running { since } => *since += pause,
        });
        *paused_since = None;
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) += pause;
        result
    }

    /// The length of all pauses so far.
    pub fn time_paused(&self) -> Duration {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True during a question to the user.
    pub fn is_paused(&self) -> bool {
        self.paused_since().is_some()
    }

    fn paused_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the runtime has cancelled a future at the deadline.
    pub fn mark_noticed(&self) {
        self.is_noticed.store(true, Ordering::SeqCst);
    }

    /// True once the runtime has cancelled a future at the deadline.
    pub fn is_noticed(&self) -> bool {
        self.is_noticed.load(Ordering::SeqCst)
    }

    /// True while `--wait` runs.
    pub fn is_waiting(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Waiting { .. })
    }

    /// Notes that the credentials were found. `--wait` continues until AWS is reachable.
    pub fn mark_credentials_found(&self) {
        self.phase.send_if_modified(|phase| match phase {
            Phase::Waiting { target: target @ WaitTarget::Credentials, .. } => {
                *target = WaitTarget::Network;
                true
            }
            Phase::Waiting { .. } | Phase::Running { .. } => false,
        });
    }

    /// Notes that AWS is reachable. The timeout starts, unless credentials are still missing.
    pub fn mark_reachable(&self) {
        if matches!(&*self.phase.borrow(), Phase::Waiting { target: WaitTarget::Network, .. }) {
            self.start();
        }
    }

    /// Starts the timeout, unless it runs already.
    pub fn start(&self) {
        self.phase.send_if_modified(|phase| {
            let is_waiting = matches!(phase, Phase::Waiting { .. });
            if is_waiting {
                *phase = Phase::Running { since: Instant::now() };
            }
            is_waiting
        });
    }

    /// Starts the timeout again, for requests that do not belong to the resolution.
    pub fn restart(&self) {
        self.phase.send_replace(Phase::Running { since: Instant::now() });
        self.is_noticed.store(false, Ordering::SeqCst);
    }

    /// Completes when the timeout starts; never, if it runs already.
    pub async fn started(&self) {
        if !self.is_waiting() {
            return std::future::pending().await;
        }
        let mut phase = self.phase.subscribe();
        // The sender is a field of self, so it is not closed.
        let _ = phase.wait_for(|phase| matches!(phase, Phase::Running { .. })).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_pause_is_added_to_both_phases() {
        let pause = Duration::from_millis(20);
        for wait in [None, Some(Duration::from_secs(60))] {
            let deadline = Deadline::new(Duration::from_secs(1), wait);
            let (_, end) = deadline.span();
            let during = deadline.paused(|| {
                std::thread::sleep(pause);
                deadline.span().1
            });
            assert!(during >= end + pause);
            assert!(deadline.span().1 >= during);
        }
    }
}
