//! The event loop: facts become events of the state machine, whose actions it carries out.
//!
//! It waits in poll(2) on the main thread, for signals, the end of a poll, and the next timer. Nothing wakes it up otherwise.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use super::manager::Manager;
use super::notices::Notices;
use super::timers::Timers;
use super::values::Values;
use crate::backend::aws::kill_process;
use crate::exec;
use crate::model::options::Rotation;
use crate::report::{self, Report};
use crate::supervise::process::{Job, Signals, wait_for};
use crate::supervise::{Action, Command, Event, Next, Outcome, Policy, State, Stopping, Timer, begin, step};

/// The interval at which processes of the group are looked for after the command's end, whose parent is in another group: their end
/// raises no signal here.
const GROUP_CHECK: Duration = Duration::from_millis(50);

pub struct EventLoop<'a> {
    options: &'a Rotation,
    notices: Notices<'a>,
    values: Values,
    signals: Signals,
    manager: Manager,
    job: Job,
    timers: Timers,
    events: VecDeque<Event>,
    outcome: Option<Outcome>,
    /// The reason why the command was not started.
    failure: Report,
}

impl<'a> EventLoop<'a> {
    pub fn new(notices: Notices<'a>, values: Values, signals: Signals, manager: Manager) -> Self {
        let options = notices.rotation;
        let (job, timers, events) = (Job::default(), Timers::default(), VecDeque::new());
        Self {
            options,
            notices,
            values,
            signals,
            manager,
            job,
            timers,
            events,
            outcome: None,
            failure: Report::default(),
        }
    }

    /// Starts the command, and returns the exit status once it has ended.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn run(mut self) -> Result<ExitCode, Report> {
        let Rotation { on_rotation, stop_signal, poll_signal, .. } = *self.options;
        let policy = Policy { on_rotation, stop_signal, poll_signal };
        let (mut state, actions) = begin();
        actions.into_iter().for_each(|action| self.perform(action));
        loop {
            while let Some(event) = self.events.pop_front() {
                let (next, actions) = step(&policy, state, event);
                state = next;
                actions.into_iter().for_each(|action| self.perform(action));
                self.manager.set_status(status(&state));
                self.notices.unseen(&self.values.take_unseen());
            }
            if let Some(outcome) = self.outcome {
                self.notices.remains(self.values.remove());
                // Of a poll in flight, whose thread ends with this process.
                kill_process();
                return match outcome {
                    Outcome::Rotated => {
                        self.notices.exiting(&self.values);
                        Ok(report::TEMPORARY.into())
                    }
                    Outcome::Command(status) => Ok(status.code().into()),
                    Outcome::NotStarted => {
                        self.notices.not_started(&self.values);
                        Err(self.failure)
                    }
                };
            }
            self.wait(&state);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::NotifyReady => {
                self.manager.started();
                self.notices.started();
            }
            Action::Signal(signal) => self.job.signal(signal),
            Action::GiveTerminal => {
                self.job.give_terminal();
            }
            Action::Suspend(signal) => self.job.suspend(signal),
            Action::Arm(delay) => {
                let length = self.timers.arm(delay, self.options);
                self.notices.armed(delay, length);
            }
            Action::Disarm(timer) => self.timers.disarm(timer),
            Action::StartPoll => self.values.request(),
            Action::CancelPoll => {
                self.timers.disarm(Timer::Poll);
                self.values.cancel();
            }
            Action::Prepare => self.prepare(),
            Action::Discard => self.values.discard(),
            Action::Report(notice) => self.notices.notice(notice, &self.values),
            Action::Exit(outcome) => self.outcome = Some(outcome),
        }
    }

    fn start(&mut self) {
        let (job, signals, stop_signal) = (&mut self.job, &self.signals, self.options.stop_signal);
        let started = self.values.start(|image| job.start(signals, stop_signal, || image.execute()));
        exec::wipe_stack();
        self.notices.pid = self.job.process_id();
        self.notices.remains(self.values.take_remains());
        self.events.push_back(match started {
            Ok(()) => Event::Started,
            Err(report) => {
                self.failure = report;
                Event::StartFailed
            }
        });
    }

    fn prepare(&mut self) {
        let is_prepared = self.values.prepare();
        self.notices.remains(self.values.take_remains());
        if is_prepared {
            self.notices.prepared(&self.values);
        }
        self.events.push_back(if is_prepared { Event::Prepared } else { Event::NotPrepared });
    }

    /// Waits for the next events.
    fn wait(&mut self, state: &State) {
        self.sleep(state);
        self.manager.feed();
        while let Some(signal) = self.signals.next() {
            self.events.push_back(Event::Signal(signal));
        }
        self.events.extend(self.job.changes());
        if has_remains(state) && self.job.forget_empty_group() {
            self.events.push_back(Event::GroupEmpty);
        }
        let polled = self.values.polled();
        if polled.is_some() {
            exec::wipe_stack();
        }
        self.events.extend(polled.map(Event::Polled));
        self.events.extend(self.timers.elapsed().into_iter().map(Event::Elapsed));
    }

    /// Sleeps until a descriptor is readable or it is time for something.
    fn sleep(&self, state: &State) {
        let check = has_remains(state).then_some(GROUP_CHECK);
        let left = [self.timers.left(), self.manager.left(), check].into_iter().flatten().min();
        wait_for([self.signals.as_fd(), self.values.descriptor()], left);
    }
}

/// The status for the service manager while no command runs, or one that was asked to end.
fn status(state: &State) -> Option<&'static str> {
    match state {
        State::Running(_) | State::Exited => None,
        State::Starting(starting) if starting.is_first => None,
        State::Starting(_) => Some(RESTARTING),
        State::Stopping(stopping) => Some(match stopping.next {
            Next::Start => RESTARTING,
            Next::ExitRotated => "stopping the command, because a secret has changed",
            Next::ExitCancelled | Next::ExitEnded => "waiting for the end of the command's process group",
        }),
    }
}

const RESTARTING: &str = "restarting the command, because a secret has changed";

/// True if the command has ended, and processes of its group had not.
fn has_remains(state: &State) -> bool {
    matches!(state, State::Stopping(Stopping { command: Command::Ended(_), .. }))
}
