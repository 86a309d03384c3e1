//! The forked launch, which resolves the values, compares them with the command's, and waits at the gate.

use std::collections::BTreeSet;
use std::hash::RandomState;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use crate::commands::launch_steps::Launch;
use crate::commands::read::{Pass, ReadValues};
use crate::commands::worker::{self, Reporter};
use crate::deliver::{Delivery, Files, PlacedFile};
use crate::exec;
use crate::model::entry::FilePlace;
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use crate::model::outcome::Outcomes;
use crate::report::{Record, Report, rotation, terminal};
use crate::supervise::process::Gate;
use crate::time::Deadline;

/// A message of the launch to its parent.
#[derive(Serialize, Deserialize)]
pub enum Message {
    /// Assignments for the service manager, which listens to the main process of a unit alone.
    Notify(String),
    /// Every value is resolved, and the launch waits at the gate.
    Ready(Ready),
    /// The files are in place.
    Placed(Vec<PlacedFile>),
    /// The launch could not deliver or execute, and reports it itself.
    Failed,
    /// The lines about a poll that failed, as they are printed. The parent prints them, not too often: a stalled reader must not keep the
    /// launch.
    PollFailed(String),
}

#[derive(Serialize, Deserialize)]
pub struct Ready {
    pub fingerprint: Fingerprint,
    /// The values that differ from the command's; `None` for the first launch, and without a difference.
    pub changed: Option<ChangedValues>,
    /// The lines about changes that no earlier launch has found. The parent prints them: a stalled reader of standard error must not hold
    /// up the launch.
    pub lines: String,
}

/// The values of a change.
#[derive(Default, Serialize, Deserialize)]
pub struct ChangedValues {
    /// The labels of variables and files.
    pub labels: BTreeSet<String>,
    /// The secrets and parameters that they are read from, as messages name them.
    pub secrets: BTreeSet<String>,
}

/// The earlier values, with which a launch compares its own. Each fork has a copy.
#[derive(Default)]
pub struct Baseline {
    /// The random key of the hashes, which the process that stays draws.
    pub key: RandomState,
    /// The values of the command.
    pub current: Option<Fingerprint>,
    /// The values of the launch that waits, or last waited, at the gate.
    pub next: Option<Fingerprint>,
    /// The time of the first of the last polls, if these failed.
    pub failing_since: Option<SystemTime>,
}

impl Baseline {
    /// Makes the last launch's values the current ones. Equal values may have new versions.
    pub fn adopt(&mut self) {
        self.current = self.next.take().or(self.current.take());
    }
}

/// A launch at its gate, with the parent's knowledge of earlier launches.
struct GatedLaunch<'a> {
    launch: &'a Launch<'a>,
    gate: Gate,
    baseline: &'a Baseline,
    rotation: &'a RotationOptions,
    pass: Pass,
}

/// Makes the launch, and returns the exit status unless this process becomes the command.
pub fn run(
    launch: &mut Launch<'_>,
    gate: Gate,
    baseline: &Baseline,
    rotation: &RotationOptions,
) -> u8 {
    let pass = match baseline.current {
        None => Pass::First,
        Some(_) => Pass::Poll,
    };
    if pass == Pass::Poll {
        gate.leave_group();
    }
    launch
        .prepared
        .retained
        .rename_process(gate.parent.as_raw(), std::process::id());
    let child = GatedLaunch {
        launch,
        gate,
        baseline,
        rotation,
        pass,
    };
    child.resolve().unwrap_or_else(|report| child.fail(&report))
}

impl GatedLaunch<'_> {
    /// Resolves the values, and goes on if they changed. Each step that can fail comes before the gate, while the old command runs. Returns
    /// the exit status.
    fn resolve(&self) -> Result<u8, Report> {
        let Self { launch, pass, .. } = *self;
        let read = |deadline: &Deadline| launch.resolve(pass, deadline);
        let values = worker::run(&self.launch.prepared.options, self, read)?;
        let (key, mode) = (&self.baseline.key, self.rotation.on_rotation);
        let fingerprint = Fingerprint::new(key, mode, &values.outcomes, &values.fetched);
        let (changed, lines) = self.compare(&fingerprint);
        let is_unchanged = self.pass == Pass::Poll && changed.is_none();
        let ready = Message::Ready(Ready {
            fingerprint,
            changed,
            lines,
        });
        match (self.rotation.on_rotation, self.pass) {
            _ if is_unchanged => {
                self.gate.send(&ready);
                Ok(0)
            }
            (OnRotation::Signal(_), Pass::Poll) => self.replace_files(&values.outcomes, &ready),
            (OnRotation::Signal(_) | OnRotation::Restart | OnRotation::Exit, _) => {
                self.start(values, &ready)
            }
        }
    }

    /// Becomes the command once the gate is open. Returns the exit status if the gate is closed or the command is not executed.
    fn start(&self, values: ReadValues, ready: &Message) -> Result<u8, Report> {
        let (delivery, environment) = self.launch.stage(self.pass, values)?;
        // Its file may have vanished since the last start.
        let program = self.launch.prepared.find(self.launch.command)?;
        if !self.gate.await_opening(ready, self.rotation.stop_signal) {
            return Ok(0);
        }
        let executed = delivery.place().and_then(|placed| {
            self.gate.send(&Message::Placed(placed.placed_files()));
            let command = self.launch.command;
            exec::exec(&program, command, &environment, placed.descriptors())
        });
        let Err(problem) = executed;
        let report = Report::from(problem);
        self.gate.send(&Message::Failed);
        Ok(report.print())
    }

    /// Replaces the files that have a path once the gate is open. Returns the exit status.
    fn replace_files(&self, outcomes: &Outcomes, ready: &Message) -> Result<u8, Report> {
        let files = outcomes
            .files()
            .filter(|file| matches!(file.target.place, FilePlace::Path(_)));
        let staged = Delivery::stage(Files::find(files)).map_err(Report::from_iter)?;
        if self.gate.await_opening(ready, SignalNumber::TERM) {
            let placed = staged.place()?;
            self.gate.send(&Message::Placed(placed.placed_files()));
            placed.keep();
        }
        Ok(0)
    }

    /// Returns the values that differ from the command's, and the lines about changes that no earlier launch has found.
    fn compare(&self, fingerprint: &Fingerprint) -> (Option<ChangedValues>, String) {
        let Some(current) = &self.baseline.current else {
            return (None, String::new());
        };
        let found = self
            .baseline
            .next
            .as_ref()
            .unwrap_or(current)
            .changes(fingerprint);
        let lines = terminal::notice_lines(found.iter().map(rotation::changed));
        let mut changed = ChangedValues::default();
        for change in current.changes(fingerprint) {
            changed.labels.extend(change.names);
            changed.secrets.insert(change.name.to_owned());
        }
        ((!changed.secrets.is_empty()).then_some(changed), lines)
    }
}

impl Reporter for GatedLaunch<'_> {
    fn shows_progress(&self) -> bool {
        self.pass == Pass::First
    }

    fn notify(&self, assignments: &str) {
        if self.pass == Pass::First {
            self.gate.send(&Message::Notify(assignments.to_owned()));
        }
    }

    /// A poll that fails is one warning.
    fn fail(&self, failures: &Report) -> u8 {
        if self.pass == Pass::First {
            return failures.print();
        }
        let warning = rotation::poll_failed(
            &self.launch.command.quoted_program(),
            self.baseline.failing_since,
            &failures.errors(),
        );
        self.gate
            .send(&Message::PollFailed(terminal::notice_lines([warning])));
        failures.exit_status()
    }

    /// A stop of the whole service ends a poll, too.
    fn interrupted(&self, record: Record) {
        if self.pass == Pass::First {
            terminal::print_unless_stalled(record);
        }
    }

    fn other_end(&self) -> Option<BorrowedFd<'_>> {
        Some(self.gate.descriptor())
    }
}
