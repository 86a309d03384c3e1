//! The parent, the process that stays while the command runs with `--on-rotation`. It feeds events
//! to the state machine in `supervise`, and carries out the actions that the state machine orders.
//! It waits in poll(2) for signals, for messages from a trial, and for the timer.
//!
//! There is at most one trial, the first start or a poll, at any time.

use std::collections::{BTreeSet, VecDeque};
use std::iter;
use std::mem::{replace, take};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use super::child::{Baseline, Message, Trial, failed_poll_warning};
use super::fingerprint::{Change, Changes, Fingerprint};
use super::notices::Notices;
use crate::commands::launch::Launch;
use crate::deliver::{PlacedFile, remove_files};
use crate::model::environment::Inherited;
use crate::model::options::{RotationOptions, SignalNumber};
use crate::model::problem::{Problem, Status};
use crate::model::shown::quoted_program;
use crate::report::{Record, Report, terminal};
use crate::supervise::{
    Action, Bystanders, Delay, Event, ExitReason, ExitStatus, Job, Left, Pid, Signals, StateChange,
    Supervision, SupervisorState, TrialProcess, adopt_orphans, begin, fork, next_state_change,
    signal_child, step,
};
use crate::system::lifecycle::{End, children, end, held_signal, signal_descriptor, wait_for};
use crate::system::os_error::{errno_text, io_error_text};
use crate::system::systemd::Notifier;

/// The interval at which secrets-exec, once the command has ended, checks which processes the
/// command has left. Regular checks are necessary, because the kernel reports the end of a process
/// only to its parent, which may be outside the command's process group.
const LEFT_INTERVAL: Duration = Duration::from_millis(50);

/// The shortest time between two polls, and between a start and a poll. Without this pause, the
/// signal for a change could end a command that hasn't installed its handler yet.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The largest fraction by which a pause between polls is randomly shortened or lengthened, so that
/// the polls of a fleet spread out.
const JITTER: f64 = 0.1;

/// The longest pause after failed polls, unless `--poll-interval` is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);

/// The time that a trial has to end after its deadline or a termination signal, and to finish its
/// work once its gate is open.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// Reads the values in a first trial, which becomes the command, and supervises the command until
/// this process has to exit. Returns the exit status.
///
/// # Errors
/// If the first trial can't be started or is killed, or if the kernel doesn't provide a descriptor
/// for signals.
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
    let notices = Notices {
        rotation: &supervision.rotation,
        command: quoted_program(launch.command),
        change: Change::default(),
        warned_at: None,
    };
    let spared = children("self").into_iter().collect();
    let mut parent = Parent {
        supervision: &supervision,
        launch,
        notices,
        service_manager: Notifier::new(inherited),
        baseline: Baseline::default(),
        trial: None,
        placed: Vec::new(),
        bystanders: Bystanders::new(&spared),
        spared,
        pid: Pid::this(),
        job: Job::default(),
        asked: BTreeSet::new(),
        timer: None,
        earliest_poll: Instant::now(),
        events: VecDeque::new(),
        exit_reason: None,
    };
    // Adopt orphans before the first trial, so that processes that its `credential_process` leaves
    // behind are adopted, too.
    adopt_orphans();
    parent
        .fork_trial()
        .map_err(|why| Problem::nothing_resolved(&why))?;
    // An exit status means that the first trial has failed, and has reported why.
    if let Some(status) = parent.await_first()? {
        return Ok(status);
    }
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
    /// The socket of the service manager. A restart isn't reported there with `RELOADING=1`,
    /// because that would keep the unit in the state "reloading" until `READY=1` is sent.
    service_manager: Notifier,
    baseline: Baseline,
    /// The trial (a launch in a forked process) that is under way. `None` before the first trial,
    /// and once a trial has found no change, has executed the command or has ended.
    trial: Option<TrialProcess>,
    /// The command's files on disk, which are removed when the command ends.
    placed: Vec<PlacedFile>,
    bystanders: Bystanders,
    /// The children that get no signal when a change ends the command and its orphans: the trials,
    /// and the children that this process had before the first trial. The command itself was a
    /// trial, too. A child that is reaped is removed.
    spared: BTreeSet<Pid>,
    /// The process id of the latest command, even after its end. Before the first start, that of
    /// this process.
    pid: Pid,
    job: Job,
    /// The orphans of the command that were asked to end.
    asked: BTreeSet<Pid>,
    timer: Option<Instant>,
    earliest_poll: Instant,
    events: VecDeque<Event>,
    exit_reason: Option<ExitReason>,
}

impl Parent<'_> {
    /// Lets the first trial, which waits at its gate, become the command, and supervises the
    /// command. Returns the exit status of this process.
    fn run(mut self, mut signals: Signals) -> u8 {
        // The action is [`Action::Start`], which opens the gate.
        let (mut state, action) = begin();
        self.perform(action);
        loop {
            while let Some(event) = self.next_event() {
                let (next, actions) = step(self.supervision, state, event);
                state = next;
                actions.into_iter().for_each(|action| self.perform(action));
            }
            if let Some(reason) = self.exit_reason {
                return self.clean_up(reason);
            }
            self.wait(&state, &mut signals);
        }
    }

    /// Takes the next event out of the queue or, if the queue is empty, reports that the timer has
    /// elapsed. The queue comes first, because its events may set the timer again.
    fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() && self.timer.is_some_and(|end| end <= Instant::now()) {
            self.timer = None;
            return Some(Event::Elapsed);
        }
        event
    }

    /// Removes the command's files and returns the exit status of this process.
    fn clean_up(mut self, reason: ExitReason) -> u8 {
        let placed = take(&mut self.placed);
        self.notices.report_errors(remove_files(placed));
        match reason {
            ExitReason::Rotated => {
                self.notices.report_exit();
                Status::Temporary as u8
            }
            ExitReason::NotStopped => Status::Temporary as u8,
            ExitReason::Command(status) => status.code(),
        }
    }

    /// Carries out an action of the state machine, and queues the events that follow immediately.
    fn perform(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::Deliver => {
                // If the trial was killed while it was waiting at its gate, its end is in the queue.
                if let Some(process) = &mut self.trial {
                    process.open_gate();
                }
            }
            Action::StartPoll => {
                self.earliest_poll = Instant::now() + SHORTEST_PAUSE;
                self.start_poll();
            }
            Action::CancelPoll => self.cancel(),
            Action::Adopt => {
                let baseline = &mut self.baseline;
                baseline.command_values = baseline.latest_values.take();
            }
            Action::AnnounceStart => self.announce_start(self.pid),
            Action::Signal(signal) => self.events.extend(self.job.signal(signal)),
            Action::SignalGroup(signal) => self.events.extend(self.job.signal_group(signal)),
            Action::SignalOthers(signal) => {
                let refused = self.signal_others(signal);
                self.events.extend(refused);
            }
            Action::Kill(left, notice) => {
                let refused = match left {
                    Left::Group => self.job.signal_group(SignalNumber::KILL),
                    Left::Others | Left::Nothing => self.signal_others(SignalNumber::KILL),
                };
                if refused.is_none() {
                    self.notices.report(notice, self.pid);
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
            Action::Report(notice) => self.notices.report(notice, self.pid),
            Action::Exit(reason) => self.exit_reason = Some(reason),
        }
    }

    /// Sends a signal to the orphans of the command ([`Self::other_children`]). SIGKILL goes to all
    /// of them, and SIGTERM only to those that haven't got it, with a line about each of them.
    /// Returns [`Event::Refused`] if the system has refused the signal for one of them.
    fn signal_others(&mut self, signal: SignalNumber) -> Option<Event> {
        let mut refused = None;
        for child in self.other_children() {
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

    /// The orphans that this process has adopted from the command: the children that aren't the
    /// command, a trial or a bystander. The list is empty if the system doesn't list children.
    fn other_children(&self) -> Vec<Pid> {
        let mut others = children("self");
        others.retain(|child| !self.spared.contains(child) && !self.bystanders.include(*child));
        others
    }

    /// Lets the trial that waits at the gate become the command. The state machine orders this only
    /// while there is such a trial. Without one, this process would run without a command, so it
    /// exits with 75 as after a changed secret, and a service manager starts it again.
    fn start(&mut self) {
        let Some(process) = &mut self.trial else {
            self.exit_reason = Some(ExitReason::Rotated);
            return;
        };
        self.pid = process.pid;
        self.job.start_group(process.pid);
        self.asked.clear();
        self.earliest_poll = Instant::now() + SHORTEST_PAUSE;
        process.open_gate();
    }

    /// Sleeps until a signal or a message of the trial arrives, the timer elapses, or it is time to
    /// check which processes the command has left ([`LEFT_INTERVAL`]). Reaps children and queues
    /// the events for the state machine.
    fn wait(&mut self, state: &SupervisorState, signals: &mut Signals) {
        // After the command has ended, processes that it has started may still be running.
        let awaits_rest = state.has_command_ended();
        let mut limit = self
            .timer
            .map(|end| end.saturating_duration_since(Instant::now()));
        if awaits_rest {
            limit = Some(limit.unwrap_or(LEFT_INTERVAL).min(LEFT_INTERVAL));
        }
        wait_for(
            iter::once(signals.0.as_fd()).chain(self.descriptor()),
            limit,
        );

        while let Some((signal, sender)) = signals.next_to_forward() {
            self.events.push_back(Event::Signal(signal, sender));
        }
        self.receive();
        self.reap();
        if awaits_rest {
            let has_others = !self.other_children().is_empty();
            self.events
                .push_back(Event::Left(self.job.left(has_others)));
        }
    }

    /// Reaps all children that have ended, adopted orphans included, and queues the events. If the
    /// command's state has changed several times, only the last change matters. Doesn't wait.
    fn reap(&mut self) {
        let mut command_change = None;
        while let Some((pid, change)) = next_state_change() {
            if matches!(change, StateChange::Ended(_)) {
                self.spared.remove(&pid);
            }
            if self.job.leader == Some(pid) {
                command_change = Some(change);
            } else if let StateChange::Ended(status) = change {
                self.note_reaped(pid, status);
            }
        }
        // Note the end of the command last. All other zombies have been reaped by now, so
        // `note_change` can see which processes are left.
        if let Some(change) = command_change {
            // The command was a trial before, and may have sent its last messages as a trial after
            // `wait` received messages. The events of these messages come before its end.
            self.receive();
            let has_others = !self.other_children().is_empty();
            self.events
                .push_back(self.job.note_change(change, has_others));
        }
    }
}

/// The length of a delay. `until_poll` is the time until the next poll is allowed
/// ([`SHORTEST_PAUSE`]). A delay that ends with a poll is never shorter than `until_poll`. `random`
/// is at least 0 and less than 1.
fn delay_length(
    delay: Delay,
    rotation: &RotationOptions,
    until_poll: Duration,
    random: f64,
) -> Duration {
    match delay {
        Delay::RequestedPoll => until_poll,
        // A random moment in the interval spreads the polls of a fleet that was started at the same
        // time.
        Delay::FirstPoll => rotation.poll_interval.mul_f64(random).max(until_poll),
        // This pause is longer than `until_poll`, which is at most 1 s: `--poll-interval` is at
        // least 10 s.
        Delay::NextPoll { failures } => pause_before_poll(rotation.poll_interval, failures, random),
        Delay::Grace => rotation.grace,
        Delay::Kill => Duration::from_secs(1),
    }
}

/// The pause before the next poll. It doubles with each failed poll in a row, up to
/// [`LONGEST_BACKOFF`] or the interval, whichever is longer. `random` then shortens or lengthens
/// the pause, by at most [`JITTER`].
fn pause_before_poll(interval: Duration, failures: u32, random: f64) -> Duration {
    let doubled = interval.saturating_mul(2_u32.saturating_pow(failures));
    let pause = doubled.min(LONGEST_BACKOFF.max(interval));
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

/// The parent's part in the trial that is under way.
impl Parent<'_> {
    /// The descriptor on which the messages of the trial arrive. `None` if there is no trial, or
    /// once [`Self::receive`] has read to the end of the pipe.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.trial.as_ref()?.descriptor()
    }

    /// Waits for the first trial. Returns `None` once the trial is at its gate, or the exit status of
    /// a trial that ends before.
    ///
    /// A termination signal ends the trial, which reports what it was waiting for. Once the trial
    /// has ended, or after [`TIME_TO_END`], the signal ends this process, too.
    fn await_first(&mut self) -> Result<Option<u8>, Report> {
        // Without a free descriptor, a signal is noticed only after the trial's next message.
        let held_signals = signal_descriptor().unwrap_or_default();
        // The trial sends the latest values when it has reached its gate.
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
                    process.terminate(signal);
                }
                self.await_end();
                // The trial has reported the signal, so nothing is printed here.
                end(End::Signal(signal), || ());
            }

            self.receive();
            // At the end of the pipe, the trial has ended.
            if let Some(process) = &self.trial
                && process.descriptor().is_none()
            {
                let signal = match process.wait() {
                    ExitStatus::Exited(status) => return Ok(Some(status)),
                    ExitStatus::Killed(signal) => signal,
                };
                let why = format!("the process that reads the values was killed by {signal}");
                return Err(Problem::nothing_resolved(&why).into());
            }
        }
        Ok(None)
    }

    /// Forks the trial of a poll, or reports why no process can be started.
    fn start_poll(&mut self) {
        if let Err(why) = self.fork_trial() {
            self.report_failed_poll(&why);
            self.events.push_back(Event::TrialEnded);
        }
    }

    /// Forks a trial. SIGALRM ends the trial if it hasn't reached its gate [`TIME_TO_END`] after its
    /// deadline.
    fn fork_trial(&mut self) -> Result<(), String> {
        let options = &self.launch.prepared().options;
        let limit = options.timeout + options.wait.unwrap_or_default() + TIME_TO_END;
        let process = fork(limit, |gate| {
            // LISTEN_PID and WATCHDOG_PID have the id of this process's parent, which the command
            // wouldn't accept.
            self.launch.replace_process_id(gate.parent.as_raw());
            let trial = Trial {
                launch: &self.launch,
                gate,
                baseline: &self.baseline,
                rotation: &self.supervision.rotation,
            };
            trial.run()
        })
        .map_err(|error| format!("no process can be started ({})", io_error_text(&error)))?;
        self.spared.insert(process.pid);
        self.trial = Some(process);
        Ok(())
    }

    /// Receives the messages of the trial that have arrived, prints or stores what they contain, and
    /// queues the events that follow. Doesn't wait.
    fn receive(&mut self) {
        let Some(process) = &mut self.trial else {
            return;
        };
        let messages = process.receive();
        // A trial that ends before its gate is left to `note_reaped` or, if it is the first trial,
        // to `await_first`. They get its exit status, which shows why the trial has ended.
        let has_ended = process.is_open && process.descriptor().is_none();
        for message in messages {
            match message {
                Message::Notify(assignments) => self.service_manager.send(&assignments),
                Message::Ready(values, changes) => self.note_ready(values, changes),
                Message::Placed(files) => {
                    // A new file at the same path isn't removed, because its inode number differs.
                    let earlier = replace(&mut self.placed, files);
                    self.notices.report_errors(remove_files(earlier));
                    self.events.push_back(Event::Placed);
                }
                Message::NotStarted => self.events.push_back(Event::NotStarted),
                Message::PollFailed(lines) => self.note_failed_poll(&lines),
            }
        }

        if has_ended {
            self.trial = None;
            self.events.push_back(Event::TrialEnded);
        }
    }

    /// Notes that the trial has reached its gate, and stores the fingerprint of its values. For a
    /// poll, prints what has changed, and queues the event that follows.
    fn note_ready(&mut self, fingerprint: Fingerprint, changes: Changes) {
        self.baseline.latest_values = Some(fingerprint);
        // A poll that reaches its gate hasn't failed.
        self.baseline.failing_since = None;
        self.notices.warned_at = None;
        // For the first trial, there is no command yet.
        if self.baseline.command_values.is_none() {
            return;
        }

        self.notices.report_changes(&changes);
        if changes.deliverable.labels.is_empty() {
            // The trial sends no other message, and ends by itself.
            self.trial = None;
            self.events.push_back(Event::Unchanged);
            return;
        }
        self.notices.change = changes.deliverable;
        self.events.push_back(Event::Changed);
    }

    /// Reports the first start of the command, whose process id is `pid`: to the user and, with
    /// `--notify-ready`, to the service manager.
    fn announce_start(&self, pid: Pid) {
        if self.launch.prepared().options.notify_ready {
            self.service_manager.send("READY=1");
        }
        let values = self.baseline.command_values.as_ref();
        let fixed = values.map(Fingerprint::fixed_labels).unwrap_or_default();
        self.notices.report_start(pid, fixed);
    }

    /// Acts on the end of a child that was reaped. Queues the events that follow if the child was
    /// the trial.
    ///
    /// Prints why a poll has failed, with two exceptions: a trial that exits has reported the
    /// reason itself, and SIGTERM or SIGINT is meant to stop the whole service.
    fn note_reaped(&mut self, child: Pid, status: ExitStatus) {
        self.receive();
        // `receive` has already ended a trial whose gate was opened.
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

    /// Prints why the process of a poll could not be started, or why it ended too early.
    fn report_failed_poll(&mut self, why: &str) {
        let since = self.baseline.failing_since;
        let warning = failed_poll_warning(&self.notices.command, since, &[Record::error(why)]);
        self.note_failed_poll(&terminal::visible_lines([warning]));
    }

    /// Prints the lines about a poll that failed, and stores when polls began to fail.
    fn note_failed_poll(&mut self, lines: &str) {
        self.baseline
            .failing_since
            .get_or_insert_with(SystemTime::now);
        self.notices.print_failed_poll(lines);
    }

    /// Ends the trial, if there is one. If its gate was opened, first waits for its end, for at most
    /// [`TIME_TO_END`], so that no temporary file is left behind.
    fn cancel(&mut self) {
        if let Some(process) = &self.trial
            && process.is_open
        {
            self.await_end();
        }
        // Dropping the process closes the gate, which ends a trial that is reading values or
        // waiting at its gate.
        self.trial = None;
    }

    /// Waits until the trial has ended or become the command, for at most [`TIME_TO_END`], and acts
    /// on its messages. Drops the events that follow from them.
    ///
    /// A trial that is waiting for a file system that hangs doesn't end in this time. It has
    /// already received a signal, or gets one when this process ends (PR_SET_PDEATHSIG), and
    /// removes its temporary files as soon as the system call returns.
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
