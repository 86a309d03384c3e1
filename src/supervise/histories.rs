//! Properties of random histories: the state machine against a model of the process group, the timers and the poll.

use std::collections::BTreeSet;

use nix::libc;
use proptest::prelude::*;

use super::event::{Action, Delay, Event, ExitStatus, Group, Notice, Outcome, PollResult, Timer};
use super::policy::Policy;
use super::state::{Next, Phase, State};
use super::step::{begin, step};
use crate::model::options::{OnRotation, SignalNumber};

const TIMERS: [Timer; 4] = [Timer::Poll, Timer::Splay, Timer::Grace, Timer::Kill];
const RESULTS: [PollResult; 4] = [PollResult::Changed, PollResult::Kept, PollResult::Unchanged, PollResult::Failed];
const USR1: SignalNumber = SignalNumber(libc::SIGUSR1);
const POLL: SignalNumber = SignalNumber(libc::SIGUSR2);
const SIGNALS: [SignalNumber; 4] = [SignalNumber::TERM, SignalNumber::CONT, USR1, POLL];

/// The things that the actions create and end.
struct World {
    state: State,
    has_child: bool,
    /// Processes of the group beside the command.
    has_rest: bool,
    is_starting: bool,
    is_preparing: bool,
    is_polling: bool,
    /// A poll left values that differ from the command's.
    has_new_values: bool,
    armed: BTreeSet<Timer>,
    ends: u32,
    reported_ends: u32,
    last_status: Option<ExitStatus>,
    exit: Option<Outcome>,
    /// Of SIGUSR1: came, sent to the group.
    came: u32,
    sent: u32,
}

impl World {
    fn begin() -> Self {
        let (state, actions) = begin();
        let mut world = Self {
            state,
            has_child: false,
            has_rest: false,
            is_starting: false,
            is_preparing: false,
            is_polling: false,
            has_new_values: false,
            armed: BTreeSet::new(),
            ends: 0,
            reported_ends: 0,
            last_status: None,
            exit: None,
            came: 0,
            sent: 0,
        };
        actions.into_iter().for_each(|action| world.act(action));
        world
    }

    /// The events that can happen now. Nothing but signals comes before the outcome of a start.
    fn possible(&self, status: u8) -> Vec<Event> {
        let mut events: Vec<Event> = SIGNALS.map(Event::Signal).to_vec();
        if self.is_starting {
            events.push(if status.is_multiple_of(16) { Event::StartFailed } else { Event::Started });
            return events;
        }
        if self.has_child {
            let is_killed = status >= 230;
            let status = if is_killed { ExitStatus::Killed(SignalNumber::KILL) } else { ExitStatus::Exited(status) };
            events.extend([Event::Suspended(USR1), Event::Continued]);
            // A command seldom ends by itself, so that histories have restarts.
            let ends = is_killed || !matches!(self.state, State::Running(_));
            events.extend(ends.then_some(Event::Ended { status, group: self.group() }));
        } else if self.has_rest {
            events.push(Event::GroupEmpty);
        }
        if self.is_preparing {
            events.extend([Event::Prepared, Event::Prepared, Event::NotPrepared]);
        }
        if self.is_polling {
            let is_possible = |result: &PollResult| *result != PollResult::Kept || self.has_new_values;
            events.extend(RESULTS.into_iter().filter(is_possible).map(Event::Polled));
        }
        // Twice, so that histories reach the states behind timers.
        let armed = TIMERS.into_iter().filter(|timer| self.armed.contains(timer));
        events.extend(armed.flat_map(|timer| [Event::Elapsed(timer); 2]));
        events
    }

    fn feed(&mut self, policy: &Policy, event: Event) {
        match event {
            Event::Started => (self.is_starting, self.has_child) = (false, true),
            Event::StartFailed => self.is_starting = false,
            Event::Ended { status, .. } => {
                self.has_child = false;
                self.ends += 1;
                self.last_status = Some(status);
            }
            Event::GroupEmpty => self.has_rest = false,
            Event::Prepared | Event::NotPrepared => self.is_preparing = false,
            Event::Polled(result) => {
                self.is_polling = false;
                self.has_new_values |= result == PollResult::Changed;
            }
            Event::Elapsed(timer) => assert!(self.armed.remove(&timer)),
            Event::Signal(signal) => self.came += u32::from(signal == USR1),
            Event::Suspended(_) | Event::Continued => {}
        }
        let must_forward = event == Event::Signal(USR1) && matches!(self.state, State::Running(_));
        let sent = self.sent;
        let (state, actions) = step(policy, self.state.clone(), event);
        self.state = state;
        actions.into_iter().for_each(|action| self.act(action));
        assert!(!must_forward || self.sent == sent + 1, "a signal is forwarded once");
        self.check();
    }

    fn act(&mut self, action: Action) {
        assert_eq!(self.exit, None, "{action:?} after the exit");
        match action {
            Action::Start => {
                assert!(!self.has_child && !self.is_starting, "a second command");
                self.is_starting = true;
            }
            Action::Signal(signal) => {
                assert!(self.has_child || self.has_rest, "{signal:?} to an empty group");
                self.sent += u32::from(signal == USR1);
            }
            Action::GiveTerminal | Action::Suspend(_) => assert!(self.has_child, "{action:?} without a command"),
            Action::Arm(delay) => assert!(self.armed.insert(delay.timer()), "{delay:?} is armed already"),
            Action::Disarm(timer) => {
                self.armed.remove(&timer);
            }
            Action::StartPoll => {
                assert!(!self.is_polling, "a second poll");
                self.is_polling = true;
            }
            Action::CancelPoll => {
                self.is_polling = false;
                self.armed.remove(&Timer::Poll);
            }
            Action::Prepare => {
                assert!(self.has_child && self.has_new_values && !self.is_preparing);
                (self.is_preparing, self.has_new_values) = (true, false);
            }
            Action::Discard => assert!(std::mem::take(&mut self.has_new_values), "no values to discard"),
            Action::Report(Notice::Ended(status)) => {
                assert_eq!(self.last_status, Some(status));
                self.reported_ends += 1;
            }
            Action::Exit(outcome) => {
                assert!(!self.has_child && !self.is_starting, "an exit before the command");
                self.exit = Some(outcome);
            }
            Action::NotifyReady | Action::Report(_) => {}
        }
    }

    /// The invariants between events.
    fn check(&self) {
        let is_running = matches!(self.state, State::Running(_));
        assert!(!self.has_child || is_running || matches!(self.state, State::Stopping(_)));
        assert!(!is_running || self.has_child, "no command in {:?}", self.state);
        assert_eq!(self.is_starting, matches!(self.state, State::Starting(_)));
        assert_eq!(self.ends, self.reported_ends, "every end is reported once");
        assert_eq!(self.exit.is_some(), self.state == State::Exited);
        let is_armed = |timer: Timer| self.armed.contains(&timer);
        assert_eq!(self.is_polling || is_armed(Timer::Poll), is_running, "the next poll of {:?}", self.state);
        let phase = if let State::Stopping(stopping) = &self.state { Some(stopping.phase) } else { None };
        assert_eq!(is_armed(Timer::Grace), phase == Some(Phase::Grace));
        assert_eq!(is_armed(Timer::Kill), phase == Some(Phase::Killed));
        assert!(!(self.is_polling && is_armed(Timer::Poll)));
        // Held signals are pending once, and signals after SIGKILL have no receiver.
        assert!(self.sent <= self.came, "a doubled signal");
        if let Some(Outcome::Command(status)) = self.exit {
            assert_eq!(self.last_status, Some(status), "the status of the last command");
        }
    }

    /// Lets the process group end if it was asked to.
    fn settle(&mut self, policy: &Policy) {
        while let State::Stopping(stopping) = &self.state {
            let event = match stopping.phase {
                Phase::Grace => Event::Elapsed(Timer::Grace),
                Phase::Killed if self.has_child => Event::Ended { status: ExitStatus::Exited(0), group: self.group() },
                Phase::Killed => Event::Elapsed(Timer::Kill),
            };
            self.feed(policy, event);
        }
    }

    fn group(&self) -> Group {
        if self.has_rest { Group::Alive } else { Group::Empty }
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    let on_rotation = prop_oneof![
        Just(OnRotation::Restart),
        Just(OnRotation::Signal(SignalNumber(libc::SIGHUP))),
        Just(OnRotation::Exit)
    ];
    let stop_signal = prop_oneof![Just(SignalNumber::TERM), Just(SignalNumber(libc::SIGQUIT))];
    (on_rotation, stop_signal, prop_oneof![Just(None), Just(Some(POLL))])
        .prop_map(|(on_rotation, stop_signal, poll_signal)| Policy { on_rotation, stop_signal, poll_signal })
}

/// Every kind of event, possible or not.
fn events() -> impl Strategy<Value = Event> {
    let status = any::<u8>().prop_map(ExitStatus::Exited);
    let group = prop_oneof![Just(Group::Empty), Just(Group::Alive)];
    prop_oneof![
        Just(Event::Started),
        Just(Event::StartFailed),
        (status, group).prop_map(|(status, group)| Event::Ended { status, group }),
        Just(Event::GroupEmpty),
        Just(Event::Suspended(USR1)),
        Just(Event::Continued),
        prop::sample::select(SIGNALS.to_vec()).prop_map(Event::Signal),
        prop::sample::select(RESULTS.to_vec()).prop_map(Event::Polled),
        Just(Event::Prepared),
        Just(Event::NotPrepared),
        prop::sample::select(TIMERS.to_vec()).prop_map(Event::Elapsed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn there_are_never_two_commands_and_every_end_is_reported_once(
        policy in policies(),
        choices in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..200),
    ) {
        let mut world = World::begin();
        for (choice, status, has_rest) in choices {
            // A command makes and ends processes of its group at any time.
            if world.has_child {
                world.has_rest = has_rest;
            }
            let event = *choice.get(&world.possible(status));
            world.feed(&policy, event);
        }
        // A group that was asked to end does.
        world.settle(&policy);
        if world.is_starting {
            world.feed(&policy, Event::StartFailed);
        }
        prop_assert!(world.exit.is_some() || matches!(world.state, State::Running(_)), "{:?}", world.state);
        if world.has_child {
            world.feed(&policy, Event::Ended { status: ExitStatus::Exited(3), group: Group::Empty });
            prop_assert_eq!(world.exit, Some(Outcome::Command(ExitStatus::Exited(3))));
        }
    }

    #[test]
    fn events_that_cannot_happen_start_nothing_and_an_exit_is_final(
        policy in policies(),
        history in prop::collection::vec(events(), 0..200),
    ) {
        let (mut state, _) = begin();
        for event in history {
            let before = state.clone();
            let (after, actions) = step(&policy, state, event);
            let starts = actions.iter().filter(|action| **action == Action::Start).count();
            let was_restarting = matches!(&before, State::Stopping(stopping) if stopping.next == Next::Start);
            prop_assert!(starts == 0 || starts == 1 && was_restarting);
            let is_exit = |action: &Action| matches!(action, Action::Exit(_));
            prop_assert_eq!(actions.iter().any(is_exit), before != State::Exited && after == State::Exited);
            prop_assert!(before != State::Exited || after == State::Exited && actions.is_empty());
            state = after;
        }
    }

    #[test]
    fn a_failed_poll_touches_nothing(
        policy in policies(),
        failures in 1_u32..100,
    ) {
        let mut world = World::begin();
        world.feed(&policy, Event::Started);
        for count in 1..=failures {
            world.feed(&policy, Event::Elapsed(Timer::Poll));
            let (_, actions) = step(&policy, world.state.clone(), Event::Polled(PollResult::Failed));
            let next = Action::Arm(Delay::NextPoll { failures: count });
            let warned = [Action::Report(Notice::PollFailed), next];
            prop_assert_eq!(&actions[..], if count == 1 { &warned[..] } else { &warned[1..] });
            world.feed(&policy, Event::Polled(PollResult::Failed));
        }
    }
}
