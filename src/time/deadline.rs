//! The deadline of a launch: `--wait` for credentials and the network, then `--timeout` for everything else.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The deadline of a launch. Clones share one state.
#[derive(Clone, Debug)]
pub struct Deadline {
    timeout: Duration,
    phase: Arc<watch::Sender<Phase>>,
    /// True once a future was cancelled at the deadline: the runtime is not blocked.
    is_noticed: Arc<AtomicBool>,
    /// The beginning of a pause.
    paused_since: Arc<Mutex<Option<Instant>>>,
}

#[derive(Clone, Debug)]
enum Phase {
    /// `--wait` runs, until `until`.
    Waiting { since: Instant, until: Instant, awaited: Awaited },
    /// `--timeout` runs.
    Running { since: Instant },
}

/// The condition that `--wait` waits for, and the last reason why it is not met, if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Credentials, or the region, which the same providers have.
    Credentials(Option<String>),
    /// A connection to AWS.
    Network(Option<String>),
}

/// A wait that is long enough to be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub awaited: Awaited,
    /// The rest of `--wait`.
    pub left: Duration,
}

/// Waits below this are not reported.
const REPORTED_AFTER: Duration = Duration::from_secs(1);

impl Deadline {
    /// Starts `wait`, or without it the timeout.
    pub fn new(timeout: Duration, wait: Option<Duration>) -> Self {
        let since = Instant::now();
        let phase = match wait {
            Some(wait) => Phase::Waiting { since, until: since + wait, awaited: Awaited::Credentials(None) },
            None => Phase::Running { since },
        };
        Self {
            timeout,
            phase: Arc::new(watch::Sender::new(phase)),
            is_noticed: Arc::default(),
            paused_since: Arc::default(),
        }
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
        result
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
            Phase::Waiting { awaited: awaited @ Awaited::Credentials(_), .. } => {
                *awaited = Awaited::Network(None);
                true
            }
            Phase::Waiting { .. } | Phase::Running { .. } => false,
        });
    }

    /// Notes the reason why `--wait` continues, for the report.
    pub fn note_wait_reason(&self, why: &str) {
        self.phase.send_if_modified(|phase| {
            if let Phase::Waiting { awaited: Awaited::Credentials(reason) | Awaited::Network(reason), .. } = phase {
                *reason = Some(why.to_owned());
            }
            false
        });
    }

    /// Notes that AWS is reachable. The timeout starts, unless credentials are still missing.
    pub fn mark_reachable(&self) {
        if matches!(&*self.phase.borrow(), Phase::Waiting { awaited: Awaited::Network(_), .. }) {
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

    /// Completes when the timeout starts; never, if it runs already.
    pub async fn started(&self) {
        if !self.is_waiting() {
            return std::future::pending().await;
        }
        let mut phase = self.phase.subscribe();
        // The sender is a field of self, so it is not closed.
        let _ = phase.wait_for(|phase| matches!(phase, Phase::Running { .. })).await;
    }

    /// Runs `future` to its end, and calls `report` for each long wait meanwhile.
    pub async fn reporting<F: Future>(&self, report: fn(&Waiting), future: F) -> F::Output {
        match select(pin!(future), pin!(self.report_waits(report))).await {
            Either::Left((output, _)) => output,
            Either::Right((never, _)) => match never {},
        }
    }

    /// Reports a wait for credentials once and for the network once, each after [`REPORTED_AFTER`]. Never completes.
    async fn report_waits(&self, report: fn(&Waiting)) -> Infallible {
        let mut reported = None;
        let mut phase = self.phase.subscribe();
        loop {
            let Some(kind) = phase.borrow_and_update().awaited_kind() else {
                return std::future::pending().await;
            };
            let is_over = |phase: &Phase| phase.awaited_kind() != Some(kind);
            if reported == Some(kind) || timeout(REPORTED_AFTER, phase.wait_for(is_over)).await.is_ok() {
                // The sender is a field of self, so it is not closed.
                let _ = phase.wait_for(is_over).await;
            } else if let Phase::Waiting { awaited, until, .. } = &*phase.borrow() {
                report(&Waiting { awaited: awaited.clone(), left: until.saturating_duration_since(Instant::now()) });
                reported = Some(kind);
            }
        }
    }
}

impl Phase {
    /// Credentials or network, without the reason; `None` once the timeout runs.
    fn awaited_kind(&self) -> Option<std::mem::Discriminant<Awaited>> {
        match self {
            Self::Waiting { awaited, .. } => Some(std::mem::discriminant(awaited)),
            Self::Running { .. } => None,
        }
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
