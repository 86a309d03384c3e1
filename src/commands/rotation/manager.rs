//! Messages to the service manager (sd_notify(3)): the first start, the status of a stop or restart, and the watchdog meanwhile.
//!
//! A restart is no reload to the manager (`RELOADING=1`): the unit would stay in that state until `READY=1` is sent.

use std::time::{Duration, Instant};

use crate::model::inherited::Inherited;
use crate::system::notify::Notifier;

pub struct Manager {
    notifier: Notifier,
    /// `--notify-ready`
    announces_start: bool,
    /// Half of WATCHDOG_USEC.
    watchdog: Option<Duration>,
    /// `None` while the command runs.
    status: Option<&'static str>,
    /// The time of the next message to the watchdog, while there is a status.
    next: Option<Instant>,
}

impl Manager {
    pub fn new(inherited: &Inherited, announces_start: bool) -> Self {
        let interval = inherited.filled("WATCHDOG_USEC").and_then(|time| time.to_str()?.parse().ok());
        let watchdog = interval.filter(|interval| *interval > 0).map(|interval| Duration::from_micros(interval) / 2);
        Self { notifier: Notifier::new(inherited), announces_start, watchdog, status: None, next: None }
    }

    pub fn started(&self) {
        if self.announces_start {
            self.send("READY=1");
        }
    }

    /// Sends a new status, and feeds the watchdog while there is one: the command, which may feed it otherwise, is asked to end then.
    pub fn set_status(&mut self, status: Option<&'static str>) {
        if status == self.status {
            return;
        }
        self.status = status;
        self.send(&format!("STATUS={}", status.unwrap_or_default()));
        self.next = Some(Instant::now());
        self.feed();
        self.next = self.next.filter(|_| status.is_some());
    }

    /// Feeds the watchdog if it is time.
    pub fn feed(&mut self) {
        let Some(next) = self.next.filter(|_| self.watchdog.is_some()) else { return };
        if next <= Instant::now() {
            self.send("WATCHDOG=1");
            self.next = self.watchdog.map(|interval| Instant::now() + interval);
        }
    }

    /// The time until [`Self::feed`] is due; `None` if it is not.
    pub fn left(&self) -> Option<Duration> {
        self.watchdog.and(self.next).map(|next| next.saturating_duration_since(Instant::now()))
    }

    pub fn send(&self, assignments: &str) {
        self.notifier.send(assignments);
    }
}
