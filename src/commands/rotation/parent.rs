//! The process that stays. It feeds the state machine with events, and carries out its actions.
//!
//! It waits in poll(2), for signals, messages of a launch, and the next timer. Nothing wakes it up otherwise.

use std::collections::VecDeque;
use std::mem::take;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::child::ChangedValues;
use super::launches::Launches;
use super::notices::Notices;
use crate::commands::launch_steps::Launch;
use crate::model::inherited::Inherited;
use crate::model::options::RotationOptions;
use crate::model::problem::{Problem, Status};
use crate::report::Report;
use crate::supervise::process::{
    Job, Pid, Signals, StandardError, StateChange, adopt_orphans, next_state_change,
};
use crate::supervise::{Action, Delay, Event, Outcome, Stopping, SupervisorState, begin, step};
use crate::system::os_error::describe;
use crate::system::systemd::Notifier;
use crate::system::waiting::wait_for;

/// The interval at which processes of the group are looked for after the command's end, whose parent is in another group: their end
/// raises no signal here.
const GROUP_INTERVAL: Duration = Duration::from_millis(50);

/// The least time between two polls, and between a start and a poll: a signal would end a command that has no handler yet.
const PAUSE: Duration = Duration::from_secs(1);

/// The part of a pause between polls by which it is shorter or longer.
const JITTER: f64 = 0.1;

/// The longest pause after failures, unless `--poll-interval` is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30 * 60);

/// Runs the command until it has ended.
///
/// # Errors
/// When no process can be started for it.
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
        standard_error: StandardError::open(),
        dropped_lines: 0,
    };
    let mut launches = Launches::new(launch, notices);
    if let Some(status) = launches.await_first()? {
        return Ok(status);
    }
    let signals = Signals::block().map_err(|errno| Problem::nothing_resolved(&describe(errno)))?;
    adopt_orphans();
    let parent = Parent {
        launches,
        signals,
        job: Job::default(),
        timer: Timer::default(),
        earliest_poll: Instant::now(),
        events: VecDeque::new(),
        outcome: None,
    };
    Ok(parent.run())
}

struct Parent<'a> {
    launches: Launches<'a>,
    signals: Signals,
    job: Job,
    timer: Timer,
    earliest_poll: Instant,
    events: VecDeque<Event>,
    outcome: Option<Outcome>,
}

impl Parent<'_> {
    /// Opens the gate of the first launch, and returns the exit status once the command has ended.
    fn run(mut self) -> u8 {
        let rotation = *self.launches.notices.rotation;
        let (mut state, actions) = begin();
        actions.into_iter().for_each(|action| self.perform(action));
        loop {
            // The timer comes last, since another event may set it anew.
            while let Some(event) = self
                .events
                .pop_front()
                .or_else(|| self.timer.elapses().then_some(Event::Elapsed))
            {
                let (next, actions) = step(&rotation, state, event);
                state = next;
                actions.into_iter().for_each(|action| self.perform(action));
            }
            if let Some(outcome) = self.outcome {
                return self.end(outcome);
            }
            self.wait(&state);
        }
    }

    fn end(mut self, outcome: Outcome) -> u8 {
        self.launches
            .notices
            .remains(take(&mut self.launches.written).remove());
        match outcome {
            Outcome::Rotated => {
                self.launches.notices.exiting();
                Status::Temporary as u8
            }
            Outcome::Command(status) => status.code(),
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start => self.start(),
            Action::Deliver if self.launches.at_gate().is_some() => self.launches.open(),
            // It was killed meanwhile.
            Action::Deliver => self.events.push_back(Event::NotDelivered),
            Action::StartPoll => {
                self.earliest_poll = Instant::now() + PAUSE;
                self.events.extend(self.launches.poll());
            }
            Action::CancelPoll => self.launches.cancel(),
            Action::Signal(signal) => self.job.signal(signal),
            Action::Suspend(signal) => self.job.suspend(signal),
            Action::Arm(delay) => {
                let length =
                    self.timer
                        .arm(delay, self.launches.notices.rotation, self.earliest_poll);
                if delay == Delay::Splay {
                    self.launches.notices.delayed(length);
                }
            }
            Action::Report(notice) => self.launches.notices.notice(notice),
            Action::Exit(outcome) => self.outcome = Some(outcome),
        }
    }

    /// Makes the launch that waits at the gate the command. If it was killed meanwhile, a service manager has to start anew.
    fn start(&mut self) {
        let Some(pid) = self.launches.at_gate() else {
            self.outcome = Some(Outcome::Rotated);
            return;
        };
        self.launches.notices.pid = pid;
        self.job.begin(pid);
        self.earliest_poll = Instant::now() + PAUSE;
        self.launches.open();
    }

    /// Sleeps until a descriptor is readable or it is time for something, and notes the events that have come.
    fn wait(&mut self, state: &SupervisorState) {
        // The command has ended, and processes of its group had not.
        let has_remains = matches!(
            state,
            SupervisorState::Stopping(Stopping { ended: Some(_), .. })
        );
        let check = has_remains.then_some(GROUP_INTERVAL);
        let descriptors = [self.signals.as_fd()]
            .into_iter()
            .chain(self.launches.descriptor());
        let times = [self.timer.left(), check];
        wait_for(descriptors, times.into_iter().flatten().min());

        while let Some(signal) = self.signals.next() {
            self.events.push_back(Event::Signal(signal));
        }
        self.events.extend(self.launches.receive());
        self.reap();
        if has_remains && self.job.forget_empty_group() {
            self.events.push_back(Event::GroupEmpty);
        }
    }

    /// Reaps all children that have ended, orphans included. The last state of the command is the only one that still matters.
    fn reap(&mut self) {
        let mut command = None;
        while let Some((pid, change)) = next_state_change() {
            match change {
                _ if self.job.is_led_by(pid) => command = Some(change),
                StateChange::Ended(status) => {
                    self.events.extend(self.launches.ended(pid, status));
                }
                StateChange::Suspended(_) | StateChange::Continued => {}
            }
        }
        if let Some(change) = command {
            // The command sent these messages while it was a launch.
            self.events.extend(self.launches.receive());
            self.events.push_back(self.job.event(change));
        }
    }
}

/// The time at which the timer elapses; `None` while it is not set.
#[derive(Default)]
pub struct Timer(Option<Instant>);

impl Timer {
    /// Sets the timer to a delay, and returns its length. No poll begins before `earliest_poll`.
    pub fn arm(
        &mut self,
        delay: Delay,
        options: &RotationOptions,
        earliest_poll: Instant,
    ) -> Duration {
        let until_poll = earliest_poll.saturating_duration_since(Instant::now());
        let length = length(delay, options, until_poll, fastrand::f64());
        self.0 = Some(Instant::now() + length);
        length
    }

    /// Returns true once after the time.
    pub fn elapses(&mut self) -> bool {
        self.0.take_if(|end| *end <= Instant::now()).is_some()
    }

    /// The time until it elapses; `None` while it is not set.
    pub fn left(&self) -> Option<Duration> {
        self.0
            .map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// Returns the length of a delay, for a poll no less than `until_poll`. `random` is at least 0 and less than 1.
fn length(delay: Delay, options: &RotationOptions, until_poll: Duration, random: f64) -> Duration {
    match delay {
        Delay::AskedPoll => until_poll,
        // A moment of the interval, so that the polls of a fleet that was started at once are spread.
        Delay::FirstPoll => options.poll_interval.mul_f64(random).max(until_poll),
        Delay::NextPoll { failures } => next_poll(options.poll_interval, failures, random),
        Delay::Splay => options.splay.mul_f64(random).max(until_poll),
        Delay::AfterTerm => options.grace.max(until_poll),
        Delay::Grace => options.grace,
        Delay::Kill => Duration::from_secs(1),
    }
}

/// Returns the pause before the next poll, which doubles with each failure in succession.
fn next_poll(interval: Duration, failures: u32, random: f64) -> Duration {
    let longest = LONGEST_BACKOFF.max(interval);
    let pause = interval
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(longest);
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
    fn each_delay_has_its_length() {
        let until_poll = Duration::from_secs(1);
        for (delay, seconds) in [
            (Delay::FirstPoll, 25),
            (Delay::AskedPoll, 1),
            (Delay::NextPoll { failures: 0 }, 95),
            (Delay::NextPoll { failures: 1 }, 190),
            (Delay::Splay, 10),
            (Delay::AfterTerm, 30),
            (Delay::Grace, 30),
            (Delay::Kill, 1),
        ] {
            assert_eq!(
                length(delay, &options(), until_poll, 0.25).as_secs(),
                seconds,
                "{delay:?}"
            );
        }
        for delay in [Delay::FirstPoll, Delay::Splay] {
            assert_eq!(length(delay, &options(), until_poll, 0.0), until_poll);
        }
    }

    #[test]
    fn the_timer_elapses_once_and_for_the_last_delay() {
        let mut timer = Timer::default();
        assert!(!timer.elapses());
        let options = RotationOptions {
            grace: Duration::ZERO,
            ..options()
        };
        for (delay, elapses) in [
            (Delay::NextPoll { failures: 0 }, false),
            (Delay::Grace, true),
        ] {
            timer.arm(delay, &options, Instant::now());
            assert_eq!(timer.left() == Some(Duration::ZERO), elapses);
            assert_eq!(timer.elapses(), elapses);
        }
        assert_eq!((timer.elapses(), timer.left()), (false, None));
    }

    #[test]
    fn the_pause_has_a_jitter_of_a_tenth_and_doubles_with_each_failure_up_to_30_minutes() {
        let minute = Duration::from_secs(60);
        let minutes = |failures| {
            next_poll(5 * minute, failures, 0.5)
                .as_secs()
                .div_euclid(60)
        };
        assert_eq!(
            [0, 1, 2, 3, 4, u32::MAX].map(minutes),
            [5, 10, 20, 30, 30, 30]
        );
        // No failure shortens a longer interval.
        assert_eq!(next_poll(120 * minute, 3, 0.5), 120 * minute);
        assert_eq!(next_poll(10 * minute, 0, 0.0), 9 * minute);
        assert!(next_poll(10 * minute, 0, 0.999_999) < 11 * minute);
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        assert!(next_poll(century, u32::MAX, 0.999) > century);
    }
}
