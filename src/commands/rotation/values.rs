//! The values of the command: those that it has, and those that a poll finds.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::comparison::{ChangedSecret, Comparison, Scope, Unseen};
use super::delivery::{Prepared, Target, replace};
use super::poller::{Polled, Poller};
use super::polling::{Check, PollSettings};
use crate::backend::aws::Reading;
use crate::commands::long_wait::LongWait;
use crate::commands::prepare::BackendConfig;
use crate::commands::values::print_disk_notices;
use crate::deliver::{DeliverError, Files, Written};
use crate::exec::{self, Image, Program};
use crate::model::answer::Fetched;
use crate::model::command_line::CommandLine;
use crate::model::options::{CacheOptions, OnRotation, Options, Rotation};
use crate::model::plan::Plan;
use crate::model::resolved::Resolved;
use crate::model::retention::Retained;
use crate::report::{Failure, Report};
use crate::supervise::PollResult;
use crate::system::os_error::{self, SpawnError};
use crate::time::progress::Observer;

/// The command and its first values, with all that is needed to resolve them again.
pub struct Launch<'a> {
    pub command: &'a CommandLine,
    /// The command's program, as it was found before the first request.
    pub program: Program,
    pub retained: Retained,
    pub backend: BackendConfig,
    pub plan: Plan,
    pub resolved: Resolved,
    pub fetched: Fetched,
}

pub struct Values {
    on_rotation: OnRotation,
    target: Target,
    /// The PATH in which the command is looked up at each start.
    path: Option<OsString>,
    poller: Poller,
    /// The values of the first start, and later those of the last poll that found others.
    next: Option<Resolved>,
    prepared: Option<Prepared>,
    written: Written,
    /// The secrets whose values are in `next`, or were.
    changed: Vec<ChangedSecret>,
    /// Those of them that the last such poll has found.
    found: Vec<ChangedSecret>,
    /// The reason of the last poll or preparation that failed.
    failure: Report,
    /// Files that could not be removed, while the command runs nevertheless.
    remains: Vec<DeliverError>,
}

impl Values {
    /// # Errors
    /// When the kernel gives no random bytes or no descriptor.
    pub fn new(rotation: &Rotation, options: &Options, launch: Launch<'_>) -> Result<Self, Report> {
        let Launch { command, program, retained, backend, plan, resolved, fetched } = launch;
        let path = plan.literal("PATH").map(AsRef::as_ref).or_else(|| retained.get("PATH")).map(ToOwned::to_owned);
        let target = Target { command: command.clone(), retained };
        let (scope, check): (_, Arc<Check>) = match rotation.on_rotation {
            // Only files are replaced, which can hold every value.
            OnRotation::Signal(_) => (Scope::PathFiles, Arc::new(|_| Vec::new())),
            OnRotation::Restart | OnRotation::Exit => {
                let target = target.clone();
                (Scope::All, Arc::new(move |resolved| target.unusable(program.as_path(), resolved, exec::limits())))
            }
        };
        let comparison = Comparison::new(scope, &resolved, &fetched);
        let comparison = comparison.map_err(|_| Failure::Runtime("the kernel gives no random bytes".to_owned()))?;
        let observer = Observer { trace: LongWait::observer(options).trace, ..Observer::default() };
        let settings = PollSettings {
            backend: backend.for_reading(Reading::Again),
            cache: options.cache.clone().map(CacheOptions::of_polls),
            plan: Arc::new(plan),
            is_quiet: options.quiet,
            timeout: options.timeout,
            observer,
            check,
        };
        let poller = Poller::start(settings, comparison).map_err(|error| Failure::Runtime(os_error::text(&error)))?;
        Ok(Self {
            on_rotation: rotation.on_rotation,
            target,
            path,
            poller,
            next: Some(resolved),
            prepared: None,
            written: Written::default(),
            changed: Vec::new(),
            found: Vec::new(),
            failure: Report::default(),
            remains: Vec::new(),
        })
    }

    pub fn command(&self) -> &CommandLine {
        &self.target.command
    }

    /// Returns a descriptor that is readable once a poll has ended.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.poller.descriptor()
    }

    /// Begins a poll.
    pub fn request(&mut self) {
        self.poller.request();
    }

    /// Drops the poll in flight.
    pub fn cancel(&mut self) {
        self.poller.cancel();
    }

    /// Returns the result of a poll that has ended.
    pub fn polled(&mut self) -> Option<PollResult> {
        Some(match self.poller.take()? {
            Polled::Changed(candidate) => {
                self.next = Some(candidate.resolved);
                self.changed = candidate.changed;
                self.found = candidate.found;
                PollResult::Changed
            }
            Polled::Kept => PollResult::Kept,
            Polled::Unchanged => PollResult::Unchanged,
            Polled::Failed(report) => {
                self.failure = report;
                PollResult::Failed
            }
        })
    }

    /// Takes the values that a running command cannot see, as [`Poller::take_unseen`] does.
    pub fn take_unseen(&mut self) -> Unseen {
        self.poller.take_unseen()
    }

    /// The secrets that have changed.
    pub fn changed(&self) -> &[ChangedSecret] {
        &self.changed
    }

    /// The secrets that have changed, of which a poll found the change last.
    pub fn found(&self) -> &[ChangedSecret] {
        &self.found
    }

    /// The reason of the last poll or preparation that failed.
    pub fn failure(&self) -> &Report {
        &self.failure
    }

    /// Takes the files that could not be replaced or removed in full.
    pub fn take_remains(&mut self) -> Vec<DeliverError> {
        std::mem::take(&mut self.remains)
    }

    /// Stages the kept values for a start, or replaces the files for a signal. Returns false, and forgets the values, if that fails.
    pub fn prepare(&mut self) -> bool {
        let Some(resolved) = self.next.take() else { return false };
        let prepared = match self.on_rotation {
            OnRotation::Restart => {
                let prepared = self.target.prepare(&resolved.variables, Files::find(resolved.files));
                prepared.map(|prepared| self.prepared = Some(prepared))
            }
            OnRotation::Signal(_) => replace(resolved.files, &mut self.written).map(|remains| {
                self.remains.extend(remains);
                self.poller.adopt();
            }),
            OnRotation::Exit => Ok(()),
        };
        let Err(report) = prepared else { return true };
        self.failure = report;
        self.poller.discard();
        false
    }

    /// Wipes the kept values.
    pub fn discard(&mut self) {
        self.next = None;
        self.poller.discard();
    }

    /// Prepares the first start, with a notice for each file on a disk.
    ///
    /// # Errors
    /// Every file that cannot be written.
    pub fn prepare_first(&mut self, options: &Options) -> Result<(), Report> {
        let Some(Resolved { variables, files, .. }) = self.next.take() else { return Ok(()) };
        let files = Files::find(files);
        print_disk_notices(&files, options);
        self.prepared = Some(self.target.prepare(&variables, files)?);
        Ok(())
    }

    /// Delivers the prepared values, and calls `spawn` with the program and its environment.
    ///
    /// # Errors
    /// Every reason why the command is not started.
    pub fn start(&mut self, spawn: impl FnMut(&mut Image<'_>) -> Result<(), SpawnError>) -> Result<(), Report> {
        let found = exec::find(self.target.command.program(), self.path.as_deref());
        let program = found.map_err(|error| Failure::program(&self.target.command, error))?;
        let Some(prepared) = self.prepared.take() else { return Ok(()) };
        self.remains.extend(self.target.start(&program, prepared, &mut self.written, spawn)?);
        self.poller.adopt();
        Ok(())
    }

    /// Removes the files, and returns those that cannot be removed.
    pub fn remove(&mut self) -> Vec<DeliverError> {
        self.prepared = None;
        std::mem::take(&mut self.written).remove()
    }
}
