//! `--wait` and `--timeout`: until when something may be missing, and from when on time runs.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The time that one launch has, shared by all that it does.
#[derive(Clone, Debug)]
pub struct Clock {
    timeout: Duration,
    phase: Arc<watch::Sender<Phase>>,
    /// Whether whoever waits has seen that the time is over.
    is_seen: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Something is not there yet, and may come until then.
    Waiting { since: Instant, until: Instant, awaited: Awaited },
    /// Everything is there; the time runs.
    Running { since: Instant },
}

/// What `--wait` waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Credentials, or the region that comes from where they do; why there are none, as far as it is known.
    Credentials(Option<String>),
    /// A connection to AWS; why there is none, as far as it is known.
    Network(Option<String>),
}

/// A wait that is worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What is waited for.
    pub awaited: Awaited,
    /// For how much longer at most.
    pub left: Duration,
}

/// A shorter wait is nobody's concern.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl Clock {
    /// Begins: the time runs at once, or when what `wait` is for is there.
    pub(super) fn new(timeout: Duration, wait: Option<Duration>) -> Self {
        let since = Instant::now();
        let phase = match wait {
            Some(wait) => Phase::Waiting { since, until: since + wait, awaited: Awaited::Credentials(None) },
            None => Phase::Running { since },
        };
        Self { timeout, phase: Arc::new(watch::Sender::new(phase)), is_seen: Arc::default() }
    }

    /// What there is of time: since when, and until when.
    pub(super) fn span(&self) -> (Instant, Instant) {
        match *self.phase.borrow() {
            Phase::Waiting { since, until, .. } => (since, until),
            Phase::Running { since } => (since, since + self.timeout),
        }
    }

    /// The time is over, and nobody is held up by anything.
    pub(super) fn see_end(&self) {
        self.is_seen.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Waiting { .. })
    }

    /// The credentials are there; what may still be missing is a way to AWS.
    pub(super) fn has_credentials(&self) {
        self.phase.send_if_modified(|phase| match phase {
            Phase::Waiting { awaited: awaited @ Awaited::Credentials(_), .. } => {
                *awaited = Awaited::Network(None);
                true
            }
            Phase::Waiting { .. } | Phase::Running { .. } => false,
        });
    }

    /// Notes why what is waited for is not there yet.
    pub(super) fn lacks(&self, why: &str) {
        self.phase.send_if_modified(|phase| {
            if let Phase::Waiting { awaited: Awaited::Credentials(reason) | Awaited::Network(reason), .. } = phase {
                *reason = Some(why.to_owned());
            }
            false
        });
    }

    /// AWS can be reached: when nothing else was missing, that ends the waiting.
    pub(super) fn reached(&self) {
        if matches!(&*self.phase.borrow(), Phase::Waiting { awaited: Awaited::Network(_), .. }) {
            self.start();
        }
    }

    /// Everything is there: the time runs from now on, if it did not before.
    pub(super) fn start(&self) {
        self.phase.send_if_modified(|phase| {
            let waits = matches!(phase, Phase::Waiting { .. });
            if waits {
                *phase = Phase::Running { since: Instant::now() };
            }
            waits
        });
    }

    /// Completes when the time begins to run; never, if it does already.
    pub(super) async fn started(&self) {
        if !self.is_waiting() {
            return std::future::pending().await;
        }
        let mut phase = self.phase.subscribe();
        // The sender is ours, so it is not gone.
        let _ = phase.wait_for(|phase| matches!(phase, Phase::Running { .. })).await;
    }

    /// What a future comes to; meanwhile `tell` is told what is waited for.
    pub(super) async fn telling<F: Future>(&self, tell: fn(&Waiting), future: F) -> F::Output {
        match select(pin!(future), pin!(self.tell(tell))).await {
            Either::Left((output, _)) => output,
            Either::Right((never, _)) => match never {},
        }
    }

    /// Tells what is waited for, once it is worth it, and again when it is something else. Never completes.
    async fn tell(&self, tell: fn(&Waiting)) -> Infallible {
        let mut told = None;
        let mut phase = self.phase.subscribe();
        loop {
            let Some(kind) = phase.borrow_and_update().awaited().map(std::mem::discriminant) else {
                return std::future::pending().await;
            };
            let is_over = |phase: &Phase| phase.awaited().map(std::mem::discriminant) != Some(kind);
            if told == Some(kind) || timeout(WORTH_TELLING, phase.wait_for(is_over)).await.is_ok() {
                // The sender is ours, so it is not gone.
                let _ = phase.wait_for(is_over).await;
            } else if let Phase::Waiting { awaited, until, .. } = &*phase.borrow() {
                tell(&Waiting { awaited: awaited.clone(), left: until.saturating_duration_since(Instant::now()) });
                told = Some(kind);
            }
        }
    }
}

/// Looks after the end of the time from another thread: what is read on this machine (a token, a bundle, AWS's files) is read in
/// place, and a file system that does not answer would hold everything up; so would a template or a path without an end.
/// Dropped, it looks no more.
pub struct Watch(Arc<AtomicBool>);

/// Whoever is not held up has seen the end of the time by then.
const GRACE: Duration = Duration::from_millis(120);
/// And has ended by then, however busy the machine is.
const ENDING: Duration = Duration::from_secs(2);

impl Clock {
    /// Begins to watch; `overdue` ends the process. Where no thread can be started, nobody watches.
    pub fn watch(&self, overdue: fn()) -> Watch {
        let is_over = Arc::new(AtomicBool::new(false));
        let (clock, seen) = (self.clone(), Arc::clone(&is_over));
        let watch = move || {
            loop {
                let ending = if clock.is_seen.load(Ordering::SeqCst) { ENDING } else { GRACE };
                let left = (clock.span().1 + ending).saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::park_timeout(left);
                if seen.load(Ordering::SeqCst) {
                    return;
                }
            }
            if !seen.swap(true, Ordering::SeqCst) {
                overdue();
            }
        };
        let _ = std::thread::Builder::new().stack_size(128 * 1024).spawn(watch);
        Watch(is_over)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.0.swap(true, Ordering::SeqCst) {
            // It is about to end the process.
            loop {
                std::thread::park();
            }
        }
    }
}

impl Phase {
    fn awaited(&self) -> Option<&Awaited> {
        match self {
            Self::Waiting { awaited, .. } => Some(awaited),
            Self::Running { .. } => None,
        }
    }
}
