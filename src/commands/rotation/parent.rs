//! The parent stays while the command runs with `--on-rotation`. It waits in poll(2) for signals,
//! for messages from a trial and for the timer. It feeds these events to the state machine in
//! `supervise`, and carries out the actions that follow.

use std::collections::{BTreeSet, VecDeque};
use std::iter;
use std::mem::replace;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use super::child::{Baseline, Message, Trial, failed_poll_lines};
use super::fingerprint::{Change, Changes, Fingerprint};
use super::notices::Notices;
use crate::commands::launch::Launch;
use crate::deliver::{DeliveredFile, remove_files};
use crate::model::environment::Inherited;
use crate::model::message::{Problem, Status};
use crate::model::options::{RotationOptions, SignalNumber};
use crate::model::shown::quoted_program;
use crate::report::{
    Label, Record, Report,
    terminal::{self, Patience},
};
use crate::supervise::{
    Action, Delay, Event, ExitStatus, Job, Left, Pid, Signals, Spared, Supervision, TrialProcess,
    adopt_orphans, begin, fork, next_state_change, signal_child, step,
};
use crate::system::lifecycle::{end, end_by_signal, held_signal, signal_descriptor, wait_for};
use crate::system::os_error::{errno_text, io_error_text};
use crate::system::systemd::Notifier;

/// How often secrets-exec looks for processes that the command left behind. The kernel reports
/// their end only to their parent, which isn't always secrets-exec.
const LEFT_INTERVAL: Duration = Duration::from_millis(50);

/// The shortest time from the command's start or a poll to the next poll. If it were shorter, the
/// signal about a change could kill a command that hasn't installed its handler yet.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// A pause between polls is randomly shortened or lengthened by at most this fraction, to spread
/// out the polls of a fleet that was started at the same time.
const JITTER: f64 = 0.1;

/// The longest pause after failed polls, unless `--poll-interval` is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);

/// How long a trial may take to end after its deadline or a termination signal, or to finish once
/// its gate is open.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// The shortest time between two warnings while polls keep failing in the same way.
const REPETITION: Duration = Duration::from_secs(60 * 60);

/// Runs a launch with `--on-rotation`, and returns the exit status of this process.
pub fn supervise(
    rotation: RotationOptions,
    launch: Launch<'_>,
    inherited: &Inherited,
) -> Result<u8, Report> {
    let is_unit = ["NOTIFY_SOCKET", "INVOCATION_ID"]
        .iter()
        .any(|name| inherited.non_empty(name).is_some());
    let supervision = Supervision {
        rotation,
        ends_everything: is_unit || std::process::id() == 1,
    };
    let mut parent = Parent {
        supervision: &supervision,
        notices: Notices {
            rotation: &supervision.rotation,
            command: quoted_program(launch.command),
            pid: Pid::this(),
            change: Change::default(),
        },
        launch,
        service_manager: Notifier::new(inherited),
        baseline: Baseline::default(),
        trial: None,
        cancelled: None,
        delivered: Vec::new(),
        spared: Spared::new(),
        job: Job::default(),
        asked: BTreeSet::new(),
        warned: None,
        timer: None,
        earliest_poll: Instant::now(),
        events: VecDeque::new(),
        exit_status: None,
    };
    // Adopt orphans before the first trial, because its `credential_process` may leave processes
    // behind.
    adopt_orphans();
    parent
        .fork_trial()
        .map_err(|why| Problem::nothing_resolved(&why))?;
    parent.await_first()?;
    // From now on, every trial is a poll.
    parent.launch = parent.launch.for_poll();

    let signals =
        Signals::block().map_err(|errno| Problem::nothing_resolved(&errno_text(errno)))?;
    Ok(parent.run(signals))
}

struct Parent<'a> {
    supervision: &'a Supervision,
    launch: Launch<'a>,
    notices: Notices<'a>,
    /// The connection to the service manager. It never gets `RELOADING=1` for a restart, because
    /// the unit would be shown as reloading until the new command sent `READY=1`.
    service_manager: Notifier,
    baseline: Baseline,
    /// The current trial. `None` once it has found no change, become the command or ended.
    trial: Option<TrialProcess>,
    /// The last trial that was cancelled before its gate was opened. It may still be running.
    cancelled: Option<Pid>,
    /// The command's files, which are removed once it has ended.
    delivered: Vec<DeliveredFile>,
    spared: Spared,
    job: Job,
    /// The adopted children that have been sent SIGTERM.
    asked: BTreeSet<Pid>,
    /// The time and the content of the last report of a failed poll. `None` again once a poll
    /// succeeds.
    warned: Option<(Instant, PollFailure)>,
    timer: Option<Instant>,
    earliest_poll: Instant,
    events: VecDeque<Event>,
    exit_status: Option<u8>,
}

/// What a failed poll is about. A failure that differs from the last reported one is reported
/// immediately.
#[derive(Default, PartialEq)]
struct PollFailure {
    status: u8,
    lost: Vec<String>,
    waiting: Vec<String>,
}

impl Parent<'_> {
    /// Lets the first trial become the command, and supervises it until everything has ended.
    fn run(mut self, mut signals: Signals) -> u8 {
        // The action is [`Action::Start`], which opens the gate.
        let (mut state, action) = begin();
        self.perform(action);
        loop {
            if let Some(status) = self.exit_status {
                self.await_cancelled(&mut signals);
                self.notices
                    .report_errors(remove_files(self.delivered, &[]));
                return status;
            }
            if let Some(event) = self.next_event() {
                let (next, actions) = step(self.supervision, state, event);
                state = next;
                actions.into_iter().for_each(|action| self.perform(action));
            } else {
                self.wait(&mut signals);
            }
        }
    }

    /// The next event. The queue comes before the timer, because an event in the queue may set the
    /// timer again.
    fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() && self.timer.is_some_and(|end| end <= Instant::now()) {
            self.timer = None;
            return Some(Event::Elapsed);
        }
        event
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::Deliver => {
                // If there is no trial, it was killed at its gate, and its end is already in the
                // queue.
                if let Some(process) = &mut self.trial {
                    process.open_gate();
                }
            }
            Action::Poll => {
                self.earliest_poll = Instant::now() + SHORTEST_PAUSE;
                if let Err(why) = self.fork_trial() {
                    self.report_failed_poll(&why);
                    self.events.push_back(Event::TrialEnded);
                }
            }
            Action::CancelTrial => self.cancel(),
            Action::Adopt => {
                let baseline = &mut self.baseline;
                baseline.command_values = baseline.latest_values.take();
            }
            Action::AnnounceStart => {
                if self.launch.prepared().options.notify_ready {
                    self.service_manager.send("READY=1");
                }
                let values = self.baseline.command_values.as_ref();
                let fixed = values.map(Fingerprint::fixed_labels).unwrap_or_default();
                self.notices.report_start(fixed);
            }
            Action::Signal(signal) => self.events.extend(self.job.signal(signal)),
            Action::SignalGroup(signal) => self.events.extend(self.job.signal_group(signal)),
            Action::SignalOthers(signal) => {
                let refused = self.signal_others(signal);
                self.events.extend(refused);
            }
            Action::Kill(left, notice) => {
                let refused = match left {
                    Left::Command | Left::Group => self.job.signal_group(SignalNumber::KILL),
                    Left::Others | Left::Nothing => self.signal_others(SignalNumber::KILL),
                };
                if refused.is_none() {
                    self.notices.report(notice);
                }
                self.events.extend(refused);
            }
            Action::Suspend(signal) => self.job.suspend(signal),
            Action::Arm(delay) => {
                let now = Instant::now();
                let until_poll = self.earliest_poll.saturating_duration_since(now);
                let rotation = &self.supervision.rotation;
                let length = delay_length(delay, rotation, until_poll, fastrand::f64());
                self.timer = Some(now + length);
            }
            Action::Report(notice) => self.notices.report(notice),
            Action::Exit(status) => {
                let status = status.map_or(Status::Temporary as u8, ExitStatus::code);
                self.exit_status = Some(status);
            }
        }
    }

    /// Sends a signal to [`Spared::other_children`], but SIGTERM to each of them only once. Returns
    /// [`Event::Refused`] if the system refuses a signal.
    fn signal_others(&mut self, signal: SignalNumber) -> Option<Event> {
        let mut refused = None;
        for child in self.spared.other_children() {
            let is_first = self.asked.insert(child);
            if !is_first && signal != SignalNumber::KILL {
                continue;
            }
            let refusal = signal_child(child, signal);
            if refusal.is_none() && signal == SignalNumber::TERM {
                self.notices.report_asked(child);
            }
            refused = refused.or(refusal);
        }
        refused
    }

    /// Lets the waiting trial become the command. If there is no trial, this process exits, because
    /// it must not keep running without a command. A service manager then restarts it.
    fn start(&mut self) {
        let Some(process) = &mut self.trial else {
            self.exit_status = Some(Status::Temporary as u8);
            return;
        };
        self.notices.pid = process.pid;
        self.job.lead_group(process.pid);
        self.asked.clear();
        self.earliest_poll = Instant::now() + SHORTEST_PAUSE;
        process.open_gate();
    }

    /// Sleeps until something happens, and queues the events.
    fn wait(&mut self, signals: &mut Signals) {
        let mut limit = self
            .timer
            .map(|end| end.saturating_duration_since(Instant::now()));
        if self.job.leader.is_none() {
            limit = Some(limit.unwrap_or(LEFT_INTERVAL).min(LEFT_INTERVAL));
        }
        wait_for(
            iter::once(signals.0.as_fd()).chain(self.descriptor()),
            limit,
        );

        self.events
            .extend(iter::from_fn(|| signals.next_to_forward()));
        self.receive();
        self.reap();
        if self.job.leader.is_none() {
            let left = if self.job.has_members() {
                Left::Group
            } else if self.spared.other_children().is_empty() {
                Left::Nothing
            } else {
                Left::Others
            };
            self.events.push_back(Event::Left(left));
        }
    }

    /// Reaps all children that have ended, including adopted orphans. If the command's state
    /// changed several times, only the last change matters.
    fn reap(&mut self) {
        let mut command_event = None;
        while let Some((pid, event)) = next_state_change() {
            if self.job.leader == Some(pid) {
                command_event = Some(event);
            }
            if let Event::Ended(status) = event {
                self.note_reaped(pid, status);
            }
        }
        self.events.extend(command_event);
    }
}

/// A delay before a poll takes at least `until_poll` ([`SHORTEST_PAUSE`]). `random` is at least 0
/// and less than 1.
fn delay_length(
    delay: Delay,
    rotation: &RotationOptions,
    until_poll: Duration,
    random: f64,
) -> Duration {
    match delay {
        Delay::RequestedPoll => until_poll,
        // Like `JITTER`, this spreads out the polls of a fleet.
        Delay::FirstPoll => rotation.poll_interval.mul_f64(random).max(until_poll),
        // Always longer than `until_poll`, because `--poll-interval` is at least 10 s.
        Delay::NextPoll { failures } => pause_before_poll(rotation.poll_interval, failures, random),
        Delay::Grace => rotation.grace,
        Delay::Kill => Duration::from_secs(1),
    }
}

/// The pause doubles with every consecutive failure, up to [`LONGEST_BACKOFF`] or the interval,
/// whichever is longer. `random` then varies it by at most [`JITTER`].
fn pause_before_poll(interval: Duration, failures: u32, random: f64) -> Duration {
    let doubled = interval.saturating_mul(2_u32.saturating_pow(failures));
    let pause = doubled.min(LONGEST_BACKOFF.max(interval));
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

/// These methods fork a trial, act on its messages, and end it.
impl Parent<'_> {
    /// The descriptor for messages from the trial. `None` without a trial, or once
    /// [`Self::receive`] has read to the end.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.trial.as_ref()?.descriptor()
    }

    /// Waits until the first trial is ready to become the command. If the trial fails, it reports
    /// why, and this process ends with the same exit status.
    ///
    /// A termination signal is passed on to the trial, which reports what it was waiting for. The
    /// signal then ends this process, too.
    fn await_first(&mut self) -> Result<(), Report> {
        // If no descriptor is free, a signal is noticed only after the trial's next message.
        let held_signals = signal_descriptor().unwrap_or_default();
        // The trial sends its fingerprint when it has reached its gate.
        while self.baseline.latest_values.is_none() {
            wait_for(
                held_signals
                    .iter()
                    .map(AsFd::as_fd)
                    .chain(self.descriptor()),
                None,
            );
            if let Some(signal) = held_signal() {
                if let Some(process) = &mut self.trial {
                    // A trial at its gate doesn't check for signals, so open the gate. It then
                    // finds the pending signal, and ends before execve(2).
                    signal_child(process.pid, SignalNumber(signal as i32));
                    process.open_gate();
                }
                self.await_end();
                // The trial has reported the signal.
                end_by_signal(signal);
            }

            self.receive();
            // The end of the connection means that the trial has ended.
            if let Some(process) = &self.trial
                && process.descriptor().is_none()
            {
                let signal = match process.wait() {
                    ExitStatus::Exited(status) => end(status),
                    ExitStatus::Killed(signal) => signal,
                };
                let why = format!("the process that reads the values was killed by {signal}");
                return Err(Problem::nothing_resolved(&why).into());
            }
        }
        Ok(())
    }

    /// Starts a trial. If it still hasn't reached its gate [`TIME_TO_END`] after its deadline,
    /// SIGALRM ends it.
    fn fork_trial(&mut self) -> Result<(), String> {
        let options = &self.launch.prepared().options;
        let limit = options.timeout + options.wait.unwrap_or_default() + TIME_TO_END;
        let process = fork(limit, |gate| {
            // LISTEN_PID and WATCHDOG_PID still contain the parent's process id, but the command
            // would only accept its own.
            self.launch.replace_process_id(gate.parent.as_raw());
            Trial {
                launch: &self.launch,
                gate,
                baseline: &self.baseline,
                rotation: &self.supervision.rotation,
            }
            .run()
        })
        .map_err(|error| format!("no process can be started ({})", io_error_text(&error)))?;
        self.spared.children.insert(process.pid);
        self.trial = Some(process);
        Ok(())
    }

    /// Acts on the messages that have arrived from the trial, and queues the events that follow.
    fn receive(&mut self) {
        let Some(process) = &mut self.trial else {
            return;
        };
        let messages = process.receive();
        // If a trial ends before its gate is opened, `note_reaped` or `await_first` gets its exit
        // status, so there's nothing to do here.
        let has_ended = process.is_open && process.descriptor().is_none();
        for message in messages {
            match message {
                Message::Notify(assignments) => self.service_manager.send(&assignments),
                Message::Ready(values) => self.note_ready(values),
                Message::Delivered(files) => {
                    let earlier = replace(&mut self.delivered, files);
                    let problems = remove_files(earlier, &self.delivered);
                    self.notices.report_errors(problems);
                    self.events.push_back(Event::Delivered);
                }
                Message::NotStarted => self.events.push_back(Event::NotStarted),
                Message::PollFailed { status, lines } => {
                    let failure = PollFailure {
                        status,
                        ..PollFailure::default()
                    };
                    self.note_failed_poll(failure, &lines);
                }
            }
        }

        if has_ended {
            self.trial = None;
            self.events.push_back(Event::TrialEnded);
        }
    }

    fn note_ready(&mut self, fingerprint: Fingerprint) {
        // Before the first start, the new values can't be compared with any others.
        let command_values = self.baseline.command_values.as_ref();
        let changes = command_values.map(|values| values.changes_to(&fingerprint));
        if let Some(changes) = &changes
            && !changes.lost.is_empty()
        {
            return self.note_loss(changes);
        }
        self.baseline.failing_since = None;
        self.warned = None;
        self.baseline.latest_values = Some(fingerprint);
        let Some(changes) = changes else { return };
        self.notices.report_changes(&changes);
        if changes.deliverable.labels.is_empty() {
            // The trial sends no other message, and ends by itself.
            self.trial = None;
            self.events.push_back(Event::Unchanged);
        } else {
            self.notices.change = changes.deliverable;
            self.events.push_back(Event::Changed);
        }
    }

    /// Reports that the poll failed because it would take values away from the command.
    fn note_loss(&mut self, changes: &Changes) {
        let since = self.baseline.failing_since;
        // This is an error instead of a warning, because every later poll will fail, too, until
        // someone acts.
        let errors = [changes.loss_error()];
        let lines = failed_poll_lines(&self.launch, since, Label::Error, &errors);
        let failure = PollFailure {
            status: Status::Configuration as u8,
            lost: changes.lost.clone(),
            waiting: changes.deliverable.labels.clone(),
        };
        self.note_failed_poll(failure, &lines);
        self.trial = None;
        self.events.push_back(Event::TrialEnded);
    }

    /// Notes that a child has ended. If it was a poll that was killed, prints why the poll failed.
    /// A trial that exits has reported the reason itself. For SIGTERM and SIGINT, prints nothing,
    /// because they are probably meant for the whole service.
    fn note_reaped(&mut self, child: Pid, status: ExitStatus) {
        self.spared.children.remove(&child);
        // If the child is the trial (or the command, which was one), the events of its last
        // messages must come before its end, so queue them now.
        self.receive();
        if self.job.leader == Some(child) {
            self.job.end();
        }
        // `receive` already handled the end of a trial whose gate was opened.
        if self.trial.take_if(|process| process.pid == child).is_none() {
            return;
        }

        match status {
            ExitStatus::Exited(_) | ExitStatus::Killed(SignalNumber::TERM | SignalNumber::INT) => {}
            ExitStatus::Killed(SignalNumber::ALRM) => self.report_failed_poll("it took too long"),
            ExitStatus::Killed(signal) => {
                self.report_failed_poll(&format!("its process was killed by {signal}"));
            }
        }
        self.events.push_back(Event::TrialEnded);
    }

    /// Prints why a poll's process couldn't be started, or why it ended too early.
    fn report_failed_poll(&mut self, why: &str) {
        let since = self.baseline.failing_since;
        let errors = [Record::error(why)];
        let lines = failed_poll_lines(&self.launch, since, Label::Warning, &errors);
        let failure = PollFailure {
            status: Status::Temporary as u8,
            ..PollFailure::default()
        };
        self.note_failed_poll(failure, &lines);
    }

    /// Prints the same failure at most once an hour.
    fn note_failed_poll(&mut self, failure: PollFailure, lines: &str) {
        self.baseline
            .failing_since
            .get_or_insert_with(SystemTime::now);
        let warned_lately = self
            .warned
            .as_ref()
            .is_some_and(|(at, warned)| *warned == failure && at.elapsed() < REPETITION);
        // If standard error is stalled, the lines are dropped, and the next failed poll can print
        // its own.
        if !warned_lately && terminal::print_text(Patience::None, lines) {
            self.warned = Some((Instant::now(), failure));
        }
    }

    /// Ends the trial. If it is replacing files or becoming the command, first waits for at most
    /// [`TIME_TO_END`], so that it leaves no temporary file behind.
    fn cancel(&mut self) {
        if let Some(process) = &self.trial {
            if process.is_open {
                self.await_end();
            } else {
                self.cancelled = Some(process.pid);
            }
        }
        // This closes the gate, which ends a trial that is reading values or waiting at its gate.
        self.trial = None;
    }

    /// Waits for at most [`TIME_TO_END`] until a cancelled trial has removed its temporary files
    /// and ended. Once PID 1 has ended, the kernel kills everything that is left.
    fn await_cancelled(&mut self, signals: &mut Signals) {
        self.cancel();
        let end = Instant::now() + TIME_TO_END;
        self.timer = Some(end);
        while let Some(trial) = &self.cancelled
            && self.spared.children.contains(trial)
            && Instant::now() < end
        {
            self.wait(signals);
        }
    }

    /// Waits for at most [`TIME_TO_END`] until the trial has ended or become the command. Acts on
    /// its messages, but drops the events that follow.
    ///
    /// A trial that is stuck on a hanging file system takes longer. But it has received a signal,
    /// or gets one when this process ends (PR_SET_PDEATHSIG), so it removes its temporary files
    /// once the system call returns.
    fn await_end(&mut self) {
        let queued = self.events.len();
        let end = Instant::now() + TIME_TO_END;
        while let Some(descriptor) = self.descriptor()
            && let Some(left) = end.checked_duration_since(Instant::now())
        {
            wait_for([descriptor], Some(left));
            self.receive();
        }
        self.events.truncate(queued);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::options::OnRotation;

    fn rotation() -> RotationOptions {
        RotationOptions {
            on_rotation: OnRotation::Restart,
            poll_interval: Duration::from_secs(100),
            stop_signal: SignalNumber::TERM,
            grace: Duration::from_secs(30),
            poll_signal: None,
        }
    }

    #[test]
    fn polls_and_the_grace_period_take_as_long_as_the_options_say() {
        let until_poll = Duration::from_secs(1);
        for (delay, seconds) in [
            (Delay::FirstPoll, 25),
            (Delay::RequestedPoll, 1),
            (Delay::NextPoll { failures: 0 }, 95),
            (Delay::NextPoll { failures: 1 }, 190),
            (Delay::Grace, 30),
            (Delay::Kill, 1),
        ] {
            assert_eq!(
                delay_length(delay, &rotation(), until_poll, 0.25).as_secs(),
                seconds,
                "{delay:?}"
            );
        }
        assert_eq!(
            delay_length(Delay::FirstPoll, &rotation(), until_poll, 0.0),
            until_poll
        );
    }

    #[test]
    fn polls_that_fail_become_rarer_up_to_30_minutes_and_the_polls_of_a_fleet_spread() {
        let minute = Duration::from_secs(60);
        let minutes = |failures| {
            pause_before_poll(5 * minute, failures, 0.5)
                .as_secs()
                .div_euclid(60)
        };
        assert_eq!(
            [0, 1, 2, 3, 4, u32::MAX].map(minutes),
            [5, 10, 20, 30, 30, 30]
        );
        // Failures don't shorten an interval that is longer than the limit.
        assert_eq!(pause_before_poll(120 * minute, 3, 0.5), 120 * minute);
        assert_eq!(pause_before_poll(10 * minute, 0, 0.0), 9 * minute);
        assert!(pause_before_poll(10 * minute, 0, 0.999_999) < 11 * minute);
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        assert!(pause_before_poll(century, u32::MAX, 0.999) > century);
    }
}
