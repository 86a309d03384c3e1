//! `--wait` and `--timeout`: the deadline of a launch, which starts to run when what `--wait` is for is there.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The deadline that everything in one launch shares. Clones are the same deadline.
#[derive(Clone, Debug)]
pub struct Deadline {
    timeout: Duration,
    phase: Arc<watch::Sender<Phase>>,
    /// Set when a future was cancelled because the deadline had passed, so the runtime is not blocked.
    is_noticed: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Something is missing, and may come until `until`.
    Waiting { since: Instant, until: Instant, awaited: Awaited },
    /// The timeout runs.
    Running { since: Instant },
}

/// What `--wait` waits for, and why it is missing, if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Credentials, or the region, which has the same sources.
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
    /// Starts to wait for as long as `wait` says; without it the timeout runs at once.
    pub fn new(timeout: Duration, wait: Option<Duration>) -> Self {
        let since = Instant::now();
        let phase = match wait {
            Some(wait) => Phase::Waiting { since, until: since + wait, awaited: Awaited::Credentials(None) },
            None => Phase::Running { since },
        };
        Self { timeout, phase: Arc::new(watch::Sender::new(phase)), is_noticed: Arc::default() }
    }

    /// The whole of `--wait`, while it still waits.
    pub fn wait(&self) -> Option<Duration> {
        match *self.phase.borrow() {
            Phase::Waiting { since, until, .. } => Some(until - since),
            Phase::Running { .. } => None,
        }
    }

    /// The beginning and the end of the current phase.
    pub fn span(&self) -> (Instant, Instant) {
        match *self.phase.borrow() {
            Phase::Waiting { since, until, .. } => (since, until),
            Phase::Running { since } => (since, since + self.timeout),
        }
    }

    /// Notes that the runtime itself has seen the deadline pass.
    pub fn mark_noticed(&self) {
        self.is_noticed.store(true, Ordering::SeqCst);
    }

    /// True once the runtime itself has seen the deadline pass.
    pub fn is_noticed(&self) -> bool {
        self.is_noticed.load(Ordering::SeqCst)
    }

    /// True while `--wait` still waits.
    pub fn is_waiting(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Waiting { .. })
    }

    /// Notes that the credentials are there; a connection to AWS may still be missing.
    pub fn mark_credentials_found(&self) {
        self.phase.send_if_modified(|phase| match phase {
            Phase::Waiting { awaited: awaited @ Awaited::Credentials(_), .. } => {
                *awaited = Awaited::Network(None);
                true
            }
            Phase::Waiting { .. } | Phase::Running { .. } => false,
        });
    }

    /// Notes why what is waited for is still missing.
    pub fn note_wait_reason(&self, why: &str) {
        self.phase.send_if_modified(|phase| {
            if let Phase::Waiting { awaited: Awaited::Credentials(reason) | Awaited::Network(reason), .. } = phase {
                *reason = Some(why.to_owned());
            }
            false
        });
    }

    /// Notes that AWS can be reached: if only the network was missing, the timeout starts.
    pub fn mark_reachable(&self) {
        if matches!(&*self.phase.borrow(), Phase::Waiting { awaited: Awaited::Network(_), .. }) {
            self.start();
        }
    }

    /// Starts the timeout, unless it runs.
    pub fn start(&self) {
        self.phase.send_if_modified(|phase| {
            let waits = matches!(phase, Phase::Waiting { .. });
            if waits {
                *phase = Phase::Running { since: Instant::now() };
            }
            waits
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

    /// Completes with `future`, and meanwhile reports what is waited for to `report`.
    pub async fn reporting<F: Future>(&self, report: fn(&Waiting), future: F) -> F::Output {
        match select(pin!(future), pin!(self.report_waits(report))).await {
            Either::Left((output, _)) => output,
            Either::Right((never, _)) => match never {},
        }
    }

    /// Reports credentials once, and the network once, each after it was missing for [`REPORTED_AFTER`]. Never completes.
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
