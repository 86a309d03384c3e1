//! The thread of polls: a backend that keeps its credentials, and one resolution after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::mailbox::{Mailbox, PollError, PollOutcome, Snapshot};
use crate::backend::Backend;
use crate::commands::prepare::BackendConfig;
use crate::commands::read::{fetch_and_resolve, open};
use crate::exec;
use crate::model::answer::Fetched;
use crate::model::environment::EnvironmentError;
use crate::model::options::CacheOptions;
use crate::model::plan::Plan;
use crate::model::resolved::Resolved;
use crate::report::cache::{cache_unusable, cache_warnings};
use crate::report::{Failure, Line, Report, terminal};
use crate::resolve::Outcome;
use crate::system::os_error;
use crate::time::deadline::Deadline;
use crate::time::progress::Observer;

/// Returns the reasons why the command could not run with the values of a poll.
pub type Check = dyn Fn(&Resolved) -> Vec<EnvironmentError> + Send + Sync;

/// The inputs of all polls.
#[derive(Clone)]
pub struct PollSettings {
    pub backend: BackendConfig,
    /// `--cache`, which keeps the answers and gives none.
    pub cache: Option<CacheOptions>,
    pub plan: Arc<Plan>,
    /// `--quiet`
    pub is_quiet: bool,
    /// `--timeout`, for each poll.
    pub timeout: Duration,
    pub observer: Observer,
    pub check: Arc<Check>,
}

/// The state of a thread of polls.
pub struct Polling {
    settings: PollSettings,
    deadline: Deadline,
    mailbox: Arc<Mailbox>,
    /// `None` before the first poll, after a poll that failed, and for `--local`, whose file is read again for each poll.
    backend: Option<Backend>,
    /// The reasons why the directory of the cache cannot be used, from when the backend was opened.
    unusable: Vec<Line>,
    /// The warnings about the cache of the last poll, which are not repeated.
    warned: Vec<String>,
}

impl PollSettings {
    /// Returns the deadline of all polls, which each of them restarts.
    pub fn deadline(&self) -> Deadline {
        Deadline::new(self.timeout, None).observed_by(self.observer)
    }
}

impl Polling {
    pub fn new(settings: PollSettings, deadline: Deadline, mailbox: Arc<Mailbox>) -> Self {
        Self { settings, deadline, mailbox, backend: None, unusable: Vec::new(), warned: Vec::new() }
    }

    /// Polls, and hands the result over unless the poll is cancelled meanwhile. A panic is a failed poll.
    pub fn poll(&mut self, number: u64) {
        let result = catch_unwind(AssertUnwindSafe(|| self.run(number)));
        let result = result.unwrap_or_else(|_| Some(Err(PollError::Failed(Failure::PollPanicked.into()))));
        exec::wipe_stack();
        if result.as_ref().is_some_and(Result::is_err) {
            // Credentials that were refused, or changed files of AWS, are read again.
            self.backend = None;
        }
        if let Some(result) = result {
            self.mailbox.put(number, result);
        }
    }

    /// Runs a poll in an async runtime of its own, with which its connections end: AWS closes an idle one before the next poll, and
    /// their buffers hold secrets. A frame of its own, which is wiped after it.
    #[inline(never)]
    fn run(&mut self, number: u64) -> Option<PollOutcome> {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Some(Err(PollError::Failed(Failure::Runtime(os_error::text(&error)).into()))),
        };
        let mailbox = Arc::clone(&self.mailbox);
        let result = runtime.block_on(async {
            let result = match select(pin!(self.resolve()), pin!(mailbox.over(number))).await {
                Either::Left((result, _)) => Some(result.map_err(PollError::Failed)),
                Either::Right(_) => None,
            };
            self.warn();
            self.backend = self.backend.take().and_then(Backend::rest);
            result
        });
        runtime.shutdown_background();
        result
    }

    async fn resolve(&mut self) -> Result<Snapshot, Report> {
        let PollSettings { backend, cache, plan, check, .. } = &self.settings;
        let backend = match &mut self.backend {
            Some(backend) => backend,
            none => {
                self.unusable.clear();
                let opened = match open(backend.clone(), cache.as_ref(), self.deadline.clone()) {
                    // A poll takes nothing from the cache, so it does without one.
                    Err(unusable) if cache.is_some() => {
                        self.unusable = cache_unusable(unusable.render().lines);
                        open(backend.clone(), None, self.deadline.clone())
                    }
                    opened => opened,
                };
                none.insert(opened?)
            }
        };
        let mut fetched = Fetched::default();
        let outcome = fetch_and_resolve(backend, plan, &mut fetched).await;
        let Outcome { resolved, errors } = outcome.map_err(Failure::Setup)?;
        let unusable = check(&resolved);
        Report::of_poll(errors, unusable, plan).check()?;
        Ok(Snapshot { resolved, fetched })
    }

    /// Warns of what the cache could not do, once for as long as it stays so.
    fn warn(&mut self) {
        let Some(CacheOptions { directory, .. }) = &self.settings.cache else { return };
        let notices = self.backend.as_mut().map(Backend::take_cache_notices).unwrap_or_default();
        let lines = cache_warnings(directory, &notices, &Fetched::default()).into_iter();
        let lines: Vec<Line> = self.unusable.iter().cloned().chain(lines).collect();
        let texts: Vec<String> = lines.iter().map(|line| line.text.clone()).collect();
        if texts != self.warned && !self.settings.is_quiet {
            terminal::print_lines(lines);
        }
        self.warned = texts;
    }
}
