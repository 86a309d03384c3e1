//! Properties of random histories: runs the state machine together with a model of the processes
//! and the timer.

use std::time::Duration;

use nix::libc;
use proptest::prelude::*;

use super::state::{
    Action, Delay, Event, ExitReason, ExitStatus, Left, Next, Notice, Phase, Poll, PollResult,
    Sender, Supervision, SupervisorState, begin, step,
};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

const RESULTS: [PollResult; 3] = [
    PollResult::Changed,
    PollResult::Unchanged,
    PollResult::Failed,
];
const USR1: SignalNumber = SignalNumber(libc::SIGUSR1);
const POLL: SignalNumber = SignalNumber(libc::SIGUSR2);
const SIGNALS: [SignalNumber; 4] = [SignalNumber::TERM, SignalNumber::CONT, USR1, POLL];

/// The task of the current trial. `None` if there is no trial, whether or not the command is
/// running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    None,
    Polls,
    Waits,
    Delivers,
}

/// A model of the processes and the timer. It carries out the actions.
struct World {
    supervision: Supervision,
    state: SupervisorState,
    has_command: bool,
    /// True if the group has processes besides the command.
    has_rest: bool,
    /// True if the supervisor has children besides the command, its group and the trial.
    has_others: bool,
    /// True if the command has changed its user, so that the system refuses to signal it.
    is_foreign: bool,
    /// The signals to the command that the system has refused, and whose events are due.
    refused: Vec<SignalNumber>,
    child: Child,
    armed: Option<Delay>,
    /// True if a poll was requested, and no poll has begun since then.
    is_poll_requested: bool,
    /// The numbers of SIGTERMs that the supervisor has sent on its own to the current command and
    /// to its group, besides those that it forwarded.
    added_terms: [u32; 2],
    /// The number of notices that something can't be stopped.
    not_stopped: u32,
    has_survivor: bool,
    ends: u32,
    reported_ends: u32,
    last_status: Option<ExitStatus>,
    exit: Option<ExitReason>,
    received_usr1: u32,
    forwarded_usr1: u32,
}

impl World {
    /// Creates the world of a first trial that waits at its gate, and carries out the first
    /// actions.
    fn begin(supervision: Supervision, is_foreign: bool) -> Self {
        let (state, actions) = begin();
        let mut world = Self {
            supervision,
            state,
            has_command: false,
            has_rest: false,
            has_others: false,
            is_foreign,
            refused: Vec::new(),
            child: Child::Waits,
            armed: None,
            is_poll_requested: false,
            added_terms: [0; 2],
            not_stopped: 0,
            has_survivor: false,
            ends: 0,
            reported_ends: 0,
            last_status: None,
            exit: None,
            received_usr1: 0,
            forwarded_usr1: 0,
        };
        for action in actions {
            world.act(action, None);
        }
        world.check();
        world
    }

    /// The events that can happen now. `status` is the exit status with which the command would
    /// end. A status of at least 230 stands for SIGKILL.
    fn possible_events(&self, status: u8) -> Vec<Event> {
        let mut events = Vec::new();
        for sender in [Sender::Process, Sender::Kernel] {
            events.extend(SIGNALS.map(|signal| Event::Signal(signal, sender)));
        }

        if self.has_command {
            events.extend([Event::Suspended(SignalNumber::STOP), Event::Continued]);
            if status >= 230 {
                events.push(self.ended(ExitStatus::Killed(SignalNumber::KILL)));
            } else if !self.is_running() {
                // Only a command that is being stopped may exit. Otherwise, most histories would
                // end before a restart.
                events.push(self.ended(ExitStatus::Exited(status)));
            }
        } else if !self.is_running() {
            events.push(Event::Left(Left::Nothing));
            if self.has_rest {
                events.push(Event::Left(Left::Group));
            }
            if self.has_others {
                events.push(Event::Left(Left::Others));
            }
        }

        match self.child {
            Child::Polls => events.extend(RESULTS.map(Event::Polled)),
            // Only a quarter of the statuses lets a trial die at its gate, so that most trials are
            // started.
            Child::Waits if status.is_multiple_of(4) => {
                events.push(Event::Polled(PollResult::Failed));
            }
            Child::None | Child::Waits => {}
            Child::Delivers => events.extend([Event::Delivered, Event::NotDelivered]),
        }

        // `Elapsed` is listed twice, so that histories often reach the states after a timer.
        if self.armed.is_some() {
            events.extend([Event::Elapsed; 2]);
        }
        events
    }

    /// Lets an event happen, takes the step, carries out the actions and checks the result.
    fn feed(&mut self, event: Event) {
        let must_forward = matches!(event, Event::Signal(USR1, _)) && self.is_running();
        let forwarded_before = self.forwarded_usr1;

        match event {
            Event::Ended { status, .. } => {
                self.has_command = false;
                self.ends += 1;
                self.last_status = Some(status);
            }
            Event::Left(left) => {
                self.has_rest &= left == Left::Group;
                self.has_others &= left != Left::Nothing;
            }
            Event::Polled(PollResult::Changed) => self.child = Child::Waits,
            Event::Polled(_) | Event::Delivered | Event::NotDelivered => self.child = Child::None,
            Event::Elapsed => self.armed = None,
            Event::Signal(USR1, _) => self.received_usr1 += 1,
            Event::Signal(signal, _) if self.rotation().poll_signal == Some(signal) => {
                self.is_poll_requested = true;
            }
            Event::Signal(..) | Event::Refused(_) | Event::Suspended(_) | Event::Continued => {}
        }

        let (state, actions) = step(&self.supervision, self.state.clone(), event);
        self.state = state;
        for action in actions {
            self.act(action, Some(event));
        }

        if must_forward {
            let expected = forwarded_before + 1;
            assert_eq!(self.forwarded_usr1, expected, "a signal is forwarded once");
        }
        if let Some(signal) = self.refused.pop() {
            return self.feed(Event::Refused(signal));
        }
        self.check();
    }

    fn rotation(&self) -> &RotationOptions {
        &self.supervision.rotation
    }

    /// Carries out an action and checks that it makes sense now. `cause` is the event that the
    /// action follows from, and `None` for the first actions.
    fn act(&mut self, action: Action, cause: Option<Event>) {
        assert_eq!(self.exit, None, "{action:?} after the exit");
        match action {
            Action::Start => {
                let has_rest = self.has_rest || self.has_others;
                assert!(!self.has_command && !has_rest, "a second command");
                assert_eq!(
                    self.child,
                    Child::Waits,
                    "a start without a trial at the gate"
                );
                self.has_command = true;
                self.has_rest = false;
                self.child = Child::None;
                self.added_terms = [0; 2];
            }
            Action::Deliver => {
                assert_eq!(
                    self.child,
                    Child::Waits,
                    "a delivery without a trial at the gate"
                );
                self.child = Child::Delivers;
            }
            Action::StartPoll => {
                assert_eq!(self.child, Child::None, "a second poll");
                self.child = Child::Polls;
                self.is_poll_requested = false;
            }
            Action::CancelPoll => self.child = Child::None,
            Action::Signal(signal) => {
                assert!(self.has_command, "{signal:?} without a command");
                self.count_signal(signal, cause, 0);
                if self.is_foreign {
                    self.refused.push(signal);
                }
            }
            Action::SignalGroup(signal) => {
                let is_empty = !self.has_command && !self.has_rest;
                assert!(!is_empty, "{signal:?} to an empty group");
                self.count_signal(signal, cause, 1);
                if self.is_foreign && self.has_command && signal == SignalNumber::KILL {
                    self.refused.push(signal);
                }
            }
            Action::SignalOthers(signal) => {
                assert!(
                    !self.has_command && !self.has_rest,
                    "{signal:?} before the group"
                );
            }
            Action::Kill(left, notice) => {
                self.act(
                    match left {
                        Left::Group => Action::SignalGroup(SignalNumber::KILL),
                        Left::Others | Left::Nothing => Action::SignalOthers(SignalNumber::KILL),
                    },
                    cause,
                );
                self.act(Action::Report(notice), cause);
            }
            Action::Suspend(_) => {
                assert!(self.has_command, "{action:?} without a command")
            }
            Action::Arm(delay) => self.arm(delay),
            Action::Report(Notice::Ended(status)) => {
                assert_eq!(self.last_status, Some(status));
                self.reported_ends += 1;
            }
            Action::Exit(reason) => {
                let is_kept = reason == ExitReason::NotStopped;
                assert_eq!(self.has_command, is_kept, "an exit before the command");
                let is_forced = self.is_foreign && self.supervision.ends_everything;
                assert!(is_forced || !is_kept, "an exit that ends nothing");
                let is_changed = reason == ExitReason::Rotated;
                let has_rest = self.has_rest || self.has_others;
                assert!(
                    !(is_changed && has_rest) || self.has_survivor,
                    "an exit after a change that leaves something behind"
                );
                self.exit = Some(reason);
                // The command is ended together with this process.
                self.has_command = false;
            }
            Action::Report(Notice::NotStopped) => {
                assert!(self.has_command && self.is_foreign);
                self.not_stopped += 1;
            }
            Action::Report(Notice::Survived) => self.has_survivor = true,
            Action::Report(_) => {}
        }
    }

    /// Counts a signal if it is a SIGUSR1, or a SIGTERM that isn't forwarded. The `target` is 0 for
    /// the command and 1 for its group.
    fn count_signal(&mut self, signal: SignalNumber, cause: Option<Event>, target: usize) {
        let is_forwarded = matches!(cause, Some(Event::Signal(caught, _)) if caught == signal);
        match signal {
            USR1 => self.forwarded_usr1 += 1,
            SignalNumber::TERM if !is_forwarded => self.added_terms[target] += 1,
            _ => {}
        }
    }

    fn arm(&mut self, delay: Delay) {
        if delay == Delay::RequestedPoll {
            assert!(
                self.is_poll_requested,
                "a poll is only brought forward for a request"
            );
        } else if is_before_a_poll(delay) {
            assert!(!self.is_poll_requested, "a requested poll isn't delayed");
            assert!(
                !self.armed.is_some_and(is_before_a_poll),
                "only a request replaces the timer of a poll"
            );
        }
        self.armed = Some(delay);
    }

    /// Checks what must be true after every event.
    fn check(&self) {
        // A command that can't be stopped is asked again after the next poll.
        let are_single = self.added_terms.iter().all(|terms| *terms <= 1);
        assert!(are_single || self.is_foreign, "a second SIGTERM of our own");
        // Not every received signal is forwarded: after SIGKILL, no process is left to receive it.
        assert!(
            self.forwarded_usr1 <= self.received_usr1,
            "a doubled signal"
        );

        assert_eq!(self.child, self.expected_child(), "{:?}", self.state);
        assert!(
            self.has_expected_timer(),
            "{:?} in {:?}",
            self.armed,
            self.state
        );
        assert!(
            self.has_command || !self.is_running(),
            "no command in {:?}",
            self.state
        );

        assert_eq!(self.ends, self.reported_ends, "every end is reported once");
        assert_eq!(self.exit.is_some(), self.state == SupervisorState::Exited);
        if let Some(ExitReason::Command(status)) = self.exit {
            assert_eq!(
                self.last_status,
                Some(status),
                "the status of the last command"
            );
        }
    }

    /// The task that the current trial must have in this state.
    fn expected_child(&self) -> Child {
        match &self.state {
            SupervisorState::Running(running) => match running.poll {
                Poll::Idle | Poll::Splayed => Child::None,
                Poll::Polling { .. } => Child::Polls,
                Poll::Delivering => Child::Delivers,
            },
            SupervisorState::Stopping(stopping) if stopping.next == Next::Start => Child::Waits,
            SupervisorState::Stopping(_) | SupervisorState::Exited => Child::None,
        }
    }

    fn has_expected_timer(&self) -> bool {
        match &self.state {
            SupervisorState::Running(running) => match running.poll {
                Poll::Idle => self.armed.is_some_and(is_before_a_poll),
                Poll::Splayed => matches!(self.armed, Some(Delay::Splay | Delay::RequestedPoll)),
                Poll::Polling { .. } | Poll::Delivering => self.armed.is_none(),
            },
            SupervisorState::Stopping(stopping) => match stopping.phase {
                Phase::Grace => self.armed == Some(Delay::Grace),
                Phase::Killed | Phase::LastTerm | Phase::LastKill => {
                    self.armed == Some(Delay::Kill)
                }
            },
            // Nothing reads the timer after the exit.
            SupervisorState::Exited => true,
        }
    }

    /// Lets the command, its group and the other children end, if they are being stopped.
    fn let_all_end(&mut self) {
        while let SupervisorState::Stopping(stopping) = &self.state {
            let event = match stopping.phase {
                Phase::Killed if self.has_command => {
                    self.ended(ExitStatus::Killed(SignalNumber::KILL))
                }
                Phase::Killed if self.has_others => Event::Left(Left::Others),
                Phase::Killed | Phase::LastKill => Event::Left(Left::Nothing),
                Phase::Grace | Phase::LastTerm => Event::Elapsed,
            };
            self.feed(event);
        }
    }

    /// If the command is running, lets polls find a change until the change takes effect.
    ///
    /// Four polls are enough, with two events each: the timer elapses, and the result arrives. With
    /// `--splay`, the first poll only starts the delay, and the second one applies the change.
    /// After a SIGTERM, the supervisor ignores this change once ([`RunningState::has_term`]), so
    /// two more polls follow.
    fn let_values_change(&mut self) {
        for _ in 0..8 {
            match self.child {
                Child::Polls => self.feed(Event::Polled(PollResult::Changed)),
                Child::None if self.is_running() => self.feed(Event::Elapsed),
                Child::None | Child::Waits | Child::Delivers => {}
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> Event {
        let left = match (self.has_rest, self.has_others) {
            (true, _) => Left::Group,
            (false, true) => Left::Others,
            (false, false) => Left::Nothing,
        };
        Event::Ended { status, left }
    }

    fn is_running(&self) -> bool {
        matches!(self.state, SupervisorState::Running(_))
    }
}

fn is_before_a_poll(delay: Delay) -> bool {
    !matches!(delay, Delay::Grace | Delay::Kill)
}

fn rotations() -> impl Strategy<Value = RotationOptions> {
    let on_rotation = prop_oneof![
        Just(OnRotation::Restart),
        Just(OnRotation::Signal(SignalNumber(libc::SIGHUP))),
        Just(OnRotation::Exit)
    ];
    let stop_signal = prop_oneof![Just(SignalNumber::TERM), Just(SignalNumber(libc::SIGQUIT))];
    let poll_signal = prop_oneof![Just(None), Just(Some(POLL))];
    let splay = prop_oneof![Just(Duration::ZERO), Just(Duration::from_secs(1))];

    let options = (on_rotation, stop_signal, poll_signal, splay);
    options.prop_map(
        |(on_rotation, stop_signal, poll_signal, splay)| RotationOptions {
            on_rotation,
            stop_signal,
            poll_signal,
            // [`step`] doesn't read this interval or `grace`: its caller sets the timer.
            poll_interval: Duration::ZERO,
            splay,
            grace: Duration::ZERO,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_happens_a_change_reaches_the_command_and_no_signal_is_lost_or_sent_twice(
        rotation in rotations(),
        ends_everything in any::<bool>(),
        // In a quarter of the histories, the command changes its user.
        is_foreign in prop::bool::weighted(0.25),
        choices in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..200),
    ) {
        // `feed` checks after each event that no signal is lost or sent twice.
        let supervision = Supervision { rotation, ends_everything };
        let mut world = World::begin(supervision, is_foreign);
        for (choice, status, has_rest) in choices {
            // A command can create and end processes in its group at any time.
            if world.has_command {
                world.has_rest = has_rest;
                world.has_others = status.is_multiple_of(3);
            }
            let event = *choice.get(&world.possible_events(status));
            world.feed(event);
        }
        world.let_all_end();
        if world.exit.is_some() {
            return Ok(());
        }

        world.let_values_change();
        let is_delivering = world.child == Child::Delivers;
        let is_stopping = !world.is_running() || world.not_stopped > 0;
        prop_assert!(is_delivering || is_stopping, "{:?}", world.state);

        world.let_all_end();
        // When the command ends by itself, its exit status becomes that of the supervisor.
        if world.has_command {
            world.has_rest = false;
            world.feed(world.ended(ExitStatus::Exited(3)));
            prop_assert_eq!(world.exit, Some(ExitReason::Command(ExitStatus::Exited(3))));
        }
    }
}
