//! The process that stays. It feeds events to the state machine and carries out the actions that
//! the state machine orders.
//!
//! The process that stays waits in poll(2) for signals, for messages from a launch, and for the
//! timer. Nothing else wakes it up.

use std::collections::VecDeque;
use std::mem::take;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::fingerprint::ChangedValues;
use super::launches::Launches;
use super::notices::Notices;
use crate::commands::launch::Launch;
use crate::deliver::remove_files;
use crate::model::env_variables::Inherited;
use crate::model::options::RotationOptions;
use crate::model::problem::{Problem, Status};
use crate::report::Report;
use crate::supervise::{
    Action, Delay, Event, ExitReason, Job, Pid, Signals, StateChange, SupervisorState,
    adopt_orphans, begin, next_state_change, step,
};
use crate::system::os_error::errno_text;
use crate::system::systemd::Notifier;
use crate::system::waiting::wait_for;

/// The time between two checks whether processes of the group are left after the end of the
/// command. If the parents of these processes are in another group, their end isn't reported here.
const GROUP_INTERVAL: Duration = Duration::from_millis(50);

/// The shortest time between two polls, and between a start and a poll. Without this pause, the
/// signal for a change could reach a command that hasn't installed its handler yet. The signal
/// would end that command.
const PAUSE: Duration = Duration::from_secs(1);

/// The largest fraction by which a pause between polls is randomly shortened or lengthened.
const JITTER: f64 = 0.1;

/// The longest pause after failed polls, unless `--poll-interval` is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);

/// Runs the command until it has ended, and returns the exit status of this process.
///
/// # Errors
/// If the first launch can't be started or is killed, or if the kernel doesn't provide a descriptor
/// for signals.
pub fn supervise(
    rotation: &RotationOptions,
    launch: Launch<'_>,
    inherited: &Inherited,
) -> Result<u8, Report> {
    let options = launch.prepared.options.clone();
    let notices = Notices {
        rotation,
        command: launch.command.quoted_program(),
        pid: Pid::from_raw(0),
        changed: ChangedValues::default(),
        service_manager: Notifier::new(inherited),
        failing: None,
        options,
        dropped_lines: 0,
        rest_of_line: String::new(),
    };
    let mut launches = Launches::new(launch, notices);
    if let Some(status) = launches.await_first()? {
        return Ok(status);
    }

    let signals =
        Signals::block().map_err(|errno| Problem::nothing_resolved(&errno_text(errno)))?;
    adopt_orphans();
    let parent = Parent {
        launches,
        signals,
        job: Job::default(),
        timer: None,
        earliest_poll: Instant::now(),
        events: VecDeque::new(),
        exit_reason: None,
    };
    Ok(parent.run())
}

/// The process that stays.
struct Parent<'a> {
    launches: Launches<'a>,
    signals: Signals,
    job: Job,
    /// The time at which the timer elapses, or `None` if it isn't set.
    timer: Option<Instant>,
    /// The time before which no poll may begin.
    earliest_poll: Instant,
    /// The events that the state machine hasn't seen yet.
    events: VecDeque<Event>,
    /// The reason for the exit, once it is time to exit.
    exit_reason: Option<ExitReason>,
}

impl Parent<'_> {
    /// Opens the gate of the first launch and supervises the command. Returns the exit status once
    /// the command has ended.
    fn run(mut self) -> u8 {
        let rotation = *self.launches.notices.rotation;
        let (mut state, actions) = begin();
        actions.into_iter().for_each(|action| self.perform(action));
        loop {
            while let Some(event) = self.next_event() {
                let (next, actions) = step(&rotation, state, event);
                state = next;
                actions.into_iter().for_each(|action| self.perform(action));
            }
            if let Some(reason) = self.exit_reason {
                return self.end(reason);
            }
            self.wait(&state);
        }
    }

    /// Returns the next event for the state machine. If the timer has elapsed, that is the last
    /// event, because any other one may set the timer again.
    fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let elapsed = self.timer.take_if(|end| *end <= Instant::now());
        elapsed.map(|_| Event::Elapsed)
    }

    /// Removes the command's files and returns the exit status. If a change is the reason, prints
    /// it.
    fn end(mut self, reason: ExitReason) -> u8 {
        let placed = take(&mut self.launches.placed);
        self.launches.notices.report_errors(remove_files(placed));
        match reason {
            ExitReason::Rotated => {
                self.launches.notices.report_exit();
                Status::Temporary as u8
            }
            ExitReason::Command(status) => status.code(),
        }
    }

    /// Carries out an action of the state machine.
    fn perform(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::Deliver if self.launches.pid_at_gate().is_some() => self.launches.open_gate(),
            // The launch was killed while it was waiting at the gate.
            Action::Deliver => self.events.push_back(Event::NotDelivered),
            Action::StartPoll => {
                self.earliest_poll = Instant::now() + PAUSE;
                self.events.extend(self.launches.start_poll());
            }
            Action::CancelPoll => self.launches.end_launch(),
            Action::Signal(signal) => self.job.signal(signal),
            Action::Suspend(signal) => self.job.suspend(signal),
            Action::Arm(delay) => {
                let now = Instant::now();
                let until_poll = self.earliest_poll.saturating_duration_since(now);
                let rotation = self.launches.notices.rotation;
                let length = delay_length(delay, rotation, until_poll, fastrand::f64());
                self.timer = Some(now + length);
                if delay == Delay::Splay {
                    self.launches.notices.report_delay(length);
                }
            }
            Action::Report(notice) => self.launches.notices.report(notice),
            Action::Exit(reason) => self.exit_reason = Some(reason),
        }
    }

    /// Turns the launch at the gate into the command. If the launch was killed while it was
    /// waiting, this process exits, so that a service manager starts everything again.
    fn start(&mut self) {
        let Some(pid) = self.launches.pid_at_gate() else {
            self.exit_reason = Some(ExitReason::Rotated);
            return;
        };
        self.launches.notices.pid = pid;
        self.job.start_group(pid);
        self.earliest_poll = Instant::now() + PAUSE;
        self.launches.open_gate();
    }

    /// Sleeps until something happens or the timer elapses, and queues the events for the state
    /// machine.
    fn wait(&mut self, state: &SupervisorState) {
        // The command has ended, but processes in its group may still be running.
        let has_remains =
            matches!(state, SupervisorState::Stopping(stopping) if stopping.ended.is_some());
        let group_check = has_remains.then_some(GROUP_INTERVAL);
        let signals = [self.signals.as_fd()].into_iter();
        let descriptors = signals.chain(self.launches.descriptor());
        let now = Instant::now();
        let timer = self.timer.map(|end| end.saturating_duration_since(now));
        let times = [timer, group_check];
        wait_for(descriptors, times.into_iter().flatten().min());

        while let Some(signal) = self.signals.next_to_forward() {
            self.events.push_back(Event::Signal(signal));
        }
        self.events.extend(self.launches.receive());
        self.reap();
        if has_remains && self.job.forget_empty_group() {
            self.events.push_back(Event::GroupEmpty);
        }
    }

    /// Reaps all children that have ended, adopted orphans included, and queues the events. If the
    /// command's state has changed several times, only the last change matters. Doesn't wait.
    fn reap(&mut self) {
        let mut command = None;
        while let Some((pid, change)) = next_state_change() {
            if self.job.is_led_by(pid) {
                command = Some(change);
            } else if let StateChange::Ended(status) = change {
                self.events.extend(self.launches.note_reaped(pid, status));
            }
        }
        if let Some(change) = command {
            // The command sent these messages while it was still a launch.
            self.events.extend(self.launches.receive());
            self.events.push_back(self.job.note_change(change));
        }
    }
}

/// Returns the length of a delay. The delay before a poll is at least `until_poll`. `random` is at
/// least 0 and less than 1.
fn delay_length(
    delay: Delay,
    options: &RotationOptions,
    until_poll: Duration,
    random: f64,
) -> Duration {
    match delay {
        Delay::RequestedPoll => until_poll,
        // A random moment in the interval spreads the polls of a fleet that was started at the same
        // time.
        Delay::FirstPoll => options.poll_interval.mul_f64(random).max(until_poll),
        Delay::NextPoll { failures } => pause_before_poll(options.poll_interval, failures, random),
        Delay::Splay => options.splay.mul_f64(random).max(until_poll),
        Delay::Grace => options.grace,
        Delay::Kill => Duration::from_secs(1),
    }
}

/// Returns the pause before the next poll. It doubles with each failed poll in a row, up to
/// [`LONGEST_BACKOFF`] or the interval, whichever is longer. `random` makes it up to a tenth
/// shorter or longer.
fn pause_before_poll(interval: Duration, failures: u32, random: f64) -> Duration {
    let longest = LONGEST_BACKOFF.max(interval);
    let doubled = interval.saturating_mul(2_u32.saturating_pow(failures));
    let pause = doubled.min(longest);
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::options::{OnRotation, SignalNumber};

    fn options() -> RotationOptions {
        RotationOptions {
            on_rotation: OnRotation::Restart,
            poll_interval: Duration::from_secs(100),
            splay: Duration::from_secs(40),
            stop_signal: SignalNumber::TERM,
            grace: Duration::from_secs(30),
            poll_signal: None,
        }
    }

    #[test]
    fn polls_the_splay_and_the_grace_period_take_as_long_as_the_options_say() {
        let until_poll = Duration::from_secs(1);
        for (delay, seconds) in [
            (Delay::FirstPoll, 25),
            (Delay::RequestedPoll, 1),
            (Delay::NextPoll { failures: 0 }, 95),
            (Delay::NextPoll { failures: 1 }, 190),
            (Delay::Splay, 10),
            (Delay::Grace, 30),
            (Delay::Kill, 1),
        ] {
            assert_eq!(
                delay_length(delay, &options(), until_poll, 0.25).as_secs(),
                seconds,
                "{delay:?}"
            );
        }
        for delay in [Delay::FirstPoll, Delay::Splay] {
            assert_eq!(delay_length(delay, &options(), until_poll, 0.0), until_poll);
        }
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
        // No failure shortens a longer interval.
        assert_eq!(pause_before_poll(120 * minute, 3, 0.5), 120 * minute);
        assert_eq!(pause_before_poll(10 * minute, 0, 0.0), 9 * minute);
        assert!(pause_before_poll(10 * minute, 0, 0.999_999) < 11 * minute);
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        assert!(pause_before_poll(century, u32::MAX, 0.999) > century);
    }
}
