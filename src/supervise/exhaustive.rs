//! A test of the state machine of `--on-rotation` in every possible history of a rotation: [`step`]
//! runs together with a model of the world, and a search visits all worlds that can be reached.
//!
//! ```text
//!           ┌─ move ─▶ world ─ …      A world consists of the processes, the trial, the timer, and
//!   world ──┼─ move ─▶ world ─ …      the state of the supervisor.
//!           └─ move ─▶ world ─ …      A move changes a process, or delivers an event. `step` then
//!     │          │                    returns actions, and the world carries them out.
//!     │          └ the rules hold for the event and its actions
//!     └ if the world behaves from now on, it reaches the goals
//! ```
//!
//! This file has four parts: the world, its moves, what must hold on each edge (a move from one
//! world to the next), and what must be reachable from each world. A comment in quotation marks is
//! a promise that the code below it checks. (In these quotes, "the program" is the command.) The
//! search is breadth-first, so it finds the shortest history that breaks a rule. The test then
//! prints the rule, and this history with one line for each move.
//!
//! Events are delivered one at a time: the actions of an event are carried out before the next
//! event happens, and the first event after a refused signal is [`Event::Refused`]. In the real
//! process, other events can be in the queue before this one.
//!
//! A message from a trial can arrive twice. It can also arrive late, after the trial was cancelled
//! or has ended. Such a message isn't a move. Instead, the search checks in each world that nothing
//! follows from it. A late message never reaches the next trial: the next poll begins only once the
//! queue is empty.
//!
//! The search visits 6,700 to 9,800 worlds in each of six configurations. For every history, it
//! proves that:
//!
//! - there are never two instances of the command
//! - SIGTERM cancels a new start
//! - a signal reaches the command once, and never a process that was reaped
//! - nothing is left except what the system refuses to end
//! - stopping never hangs: the processes can always end, or are given up
//! - a change can always take effect, unless the system refuses to stop the command
//! - a trial that dies or fails doesn't affect the values that the command has
//!
//! It doesn't prove that the kernel, `processes` and `commands/rotation/parent` do what the model
//! does. Nor does it check the lengths of the delays, the texts of the messages, or more than two
//! failed polls in a row.

use std::collections::HashMap;
use std::panic::catch_unwind;

use nix::libc;

use super::state::{
    Action, Delay, Event, ExitStatus, Left, Notice, Purpose, Sender, State, Supervision, begin,
    step,
};
use super::transitions::rotation;
use crate::model::options::{OnRotation, SignalNumber};

const HUP: SignalNumber = SignalNumber(libc::SIGHUP);
/// The signal that requests a poll (`--poll-signal`).
const POLL: SignalNumber = SignalNumber(libc::SIGUSR2);
const STATUS: ExitStatus = ExitStatus::Exited(3);
const SUSPENDED: Event = Event::Suspended(SignalNumber::STOP);
const CONTINUE: Action = Action::SignalGroup(SignalNumber::CONT);
const RESTARTED: Action = Action::Report(Notice::Restarted);
const SIGNALLED: Action = Action::Report(Notice::Signalled(HUP));
/// The events that a trial causes.
const TRIAL_EVENTS: [Event; 5] = [
    Event::Unchanged,
    Event::Changed,
    Event::Delivered,
    Event::NotStarted,
    Event::TrialEnded,
];

// ---- The world ----

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    supervisor: State,
    has_exited: bool,
    command: Life,
    /// The processes of the command's group, except for the command itself.
    group: Life,
    /// The other children of secrets-exec, which are orphans that it has adopted.
    others: Life,
    /// Children from before the first start, and orphans of their groups and sessions. They stay
    /// alive, so nothing may wait for their end.
    bystanders: Life,
    trial: TrialState,
    /// True until the command starts for the first time.
    is_first: bool,
    timer: Option<Delay>,
    /// The signals that the system refused to send. An [`Event::Refused`] is due for each.
    refused: Vec<SignalNumber>,
    past: Past,
}

/// The state of all processes of one kind. They can end at any time, and may ignore SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Nobody,
    Alive,
    /// The processes got SIGTERM from secrets-exec.
    Asked,
    /// The processes have changed their user, so secrets-exec isn't allowed to signal them.
    Foreign,
    /// The processes got SIGKILL, but may be in an uninterruptible wait.
    Killed,
}
use Life::{Alive, Asked, Foreign, Killed, Nobody};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TrialState {
    None,
    Reads,
    /// The trial has read the values, and waits at its gate for its parent.
    Waits,
    /// The parent opened the gate, so the trial continues.
    Opened(Purpose),
    /// The trial put its files in place.
    Delivered(Purpose),
}

/// Earlier events that a rule depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Past {
    /// True if job control stopped the command, and nobody has continued it since.
    is_suspended: bool,
    /// True if a poll was requested, and none has begun since then.
    is_poll_requested: bool,
    /// The number of failed polls in a row.
    failures: u32,
    /// True if a SIGTERM arrived, and no change has been ignored since then.
    has_term: bool,
    /// True if the command is being stopped because of a change.
    is_rotating: bool,
    /// True if a SIGTERM arrived while a change was stopping the command.
    is_cancelled: bool,
    /// The processes that the command left behind, according to the supervisor.
    left: Option<Left>,
    /// True if it was reported that this command can't get a SIGTERM.
    is_term_refused: bool,
}

impl World {
    /// Makes the world right after the first start.
    fn first() -> Self {
        let (supervisor, action) = begin();
        let mut world = Self {
            supervisor,
            has_exited: false,
            command: Nobody,
            group: Nobody,
            others: Nobody,
            bystanders: Alive,
            trial: TrialState::Waits,
            is_first: true,
            timer: None,
            refused: Vec::new(),
            past: Past::default(),
        };
        world.carry_out(action);
        world
    }

    /// The processes that the supervisor finds once the command has ended.
    fn left(&self) -> Left {
        match (self.group, self.others) {
            (Nobody, Nobody) => Left::Nothing,
            (Nobody, _) => Left::Others,
            (_, _) => Left::Group,
        }
    }

    fn is_running(&self) -> bool {
        !self.has_exited && self.supervisor.cause.is_none()
    }

    fn is_stopping(&self) -> bool {
        !self.has_exited && self.supervisor.cause.is_some()
    }
}

// ---- Its moves ----

#[derive(Clone, Copy, Debug)]
enum Move {
    /// The state of the command changes, but the supervisor gets no event. The same can happen to
    /// the group and to the other children.
    Command(Life),
    Group(Life),
    Others(Life),
    Event(Event),
}

/// A move, and everything that follows from it.
struct Edge<'a> {
    supervision: &'a Supervision,
    before: &'a World,
    event: Option<Event>,
    /// The actions, each with the world in which it is carried out.
    actions: Vec<(World, Action)>,
    after: World,
}

/// The states that processes can get into by themselves, without a signal or an order.
/// `can_begin` is true if new processes can begin.
fn changes(life: Life, can_begin: bool) -> Vec<Life> {
    match life {
        Nobody if can_begin => vec![Alive],
        Nobody => Vec::new(),
        Alive | Asked => vec![Nobody, Foreign],
        Killed if can_begin => vec![Nobody, Alive],
        Foreign | Killed => vec![Nobody],
    }
}

impl World {
    /// Lists everything that can happen in this world.
    fn moves(&self) -> Vec<Move> {
        if self.has_exited {
            return Vec::new();
        }
        if let Some(signal) = self.refused.first() {
            return vec![Move::Event(Event::Refused(*signal))];
        }

        let mut events = vec![
            Event::Signal(SignalNumber::TERM, Sender::Process),
            Event::Signal(SignalNumber::CONT, Sender::Process),
            Event::Signal(SignalNumber::INT, Sender::Process),
            Event::Signal(SignalNumber::INT, Sender::Kernel),
            Event::Signal(POLL, Sender::Process),
        ];
        if self.command == Nobody {
            events.push(Event::Left(self.left()));
        } else {
            events.extend([Event::Ended(STATUS), SUSPENDED, Event::Continued]);
        }
        if self.timer.is_some() {
            events.push(Event::Elapsed);
        }
        events.extend(self.trial_events());
        // The search would never end if polls could fail more than twice in a row.
        if self.trial == TrialState::Reads && self.past.failures == 2 {
            events.retain(|event| *event != Event::TrialEnded);
        }

        let mut moves: Vec<Move> = events.into_iter().map(Move::Event).collect();
        if self.command == Alive {
            moves.push(Move::Command(Foreign));
        }
        let can_fork = matches!(self.command, Alive | Foreign);
        moves.extend(changes(self.group, can_fork).into_iter().map(Move::Group));
        // The children of a process that ends become children of secrets-exec.
        let has_parents = [self.command, self.group] != [Nobody; 2] || self.others == Killed;
        let can_adopt = has_parents || self.trial == TrialState::Reads;
        moves.extend(
            changes(self.others, can_adopt)
                .into_iter()
                .map(Move::Others),
        );
        moves
    }

    /// Lists the events that can come from the trial now. It can end at any time.
    fn trial_events(&self) -> Vec<Event> {
        match self.trial {
            TrialState::None => vec![],
            TrialState::Reads => vec![Event::Unchanged, Event::Changed, Event::TrialEnded],
            TrialState::Waits => vec![Event::TrialEnded],
            TrialState::Opened(_) => vec![Event::Delivered, Event::TrialEnded],
            TrialState::Delivered(Purpose::Delivery(_)) => vec![Event::TrialEnded],
            TrialState::Delivered(_) => vec![Event::NotStarted, Event::TrialEnded],
        }
    }

    fn edge<'a>(&'a self, next: Move, supervision: &'a Supervision) -> Edge<'a> {
        let mut edge = Edge {
            supervision,
            before: self,
            event: None,
            actions: Vec::new(),
            after: self.clone(),
        };
        let after = &mut edge.after;
        match next {
            Move::Command(life) => after.command = life,
            Move::Group(life) => after.group = life,
            Move::Others(life) => after.others = life,
            Move::Event(event) => {
                edge.event = Some(event);
                let mut events = vec![event];
                // After the end of the command, its parent immediately looks for what is left.
                if event == Event::Ended(STATUS) {
                    events.push(Event::Left(self.left()));
                }
                for event in events {
                    after.happen(event);
                    let (supervisor, actions) = step(supervision, after.supervisor, event);
                    after.supervisor = supervisor;
                    for action in actions {
                        edge.actions.push((after.clone(), action));
                        after.carry_out(action);
                    }
                }
            }
        }
        edge
    }

    /// Changes the world as the event does, before the supervisor gets the event.
    fn happen(&mut self, event: Event) {
        let past = &mut self.past;
        match event {
            Event::Ended(_) => {
                self.command = Nobody;
                past.is_suspended = false;
                past.is_term_refused = false;
            }
            Event::Left(left) => past.left = Some(left),
            Event::Suspended(_) => past.is_suspended = true,
            Event::Continued | Event::Signal(SignalNumber::CONT, _) => past.is_suspended = false,
            Event::Signal(POLL, _) => past.is_poll_requested = true,
            Event::Signal(SignalNumber::TERM, _) => {
                past.has_term = true;
                past.is_cancelled = past.is_rotating;
            }
            Event::Signal(..) => {}
            Event::Refused(signal) => {
                self.refused.remove(0);
                past.has_term &= past.is_rotating || signal != SignalNumber::TERM;
            }
            Event::Changed => {
                self.trial = TrialState::Waits;
                past.failures = 0;
                past.has_term = false;
            }
            Event::Unchanged => {
                self.trial = TrialState::None;
                past.failures = 0;
            }
            Event::Delivered => {
                if let TrialState::Opened(purpose) = self.trial {
                    self.trial = TrialState::Delivered(purpose);
                }
            }
            Event::NotStarted => {
                if let TrialState::Delivered(purpose) = self.trial {
                    self.trial = TrialState::Opened(purpose);
                }
            }
            Event::TrialEnded => {
                past.failures += u32::from(self.trial == TrialState::Reads);
                self.trial = TrialState::None;
            }
            Event::Elapsed => self.timer = None,
        }
    }

    /// Carries out an action as `processes` and `commands/rotation/parent` would.
    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Start => {
                self.command = Alive;
                let purpose = if self.is_first {
                    Purpose::FirstStart
                } else {
                    Purpose::Restart
                };
                self.trial = TrialState::Opened(purpose);
                self.is_first = false;
                let is_poll_requested = self.past.is_poll_requested;
                self.past = Past {
                    is_poll_requested,
                    ..Past::default()
                };
            }
            Action::Deliver => self.trial = TrialState::Opened(Purpose::Delivery(HUP)),
            Action::Poll => {
                self.trial = TrialState::Reads;
                self.past.is_poll_requested = false;
            }
            Action::CancelTrial => self.trial = TrialState::None,
            Action::Signal(signal) if self.command == Foreign => self.refused.push(signal),
            Action::Signal(_) => {}
            Action::SignalGroup(signal) => self.signal_left(Left::Group, signal),
            Action::SignalOthers(signal) => self.signal_left(Left::Others, signal),
            Action::Kill(left, _) => self.signal_left(left, SignalNumber::KILL),
            Action::Arm(delay) => self.timer = Some(delay),
            Action::Report(Notice::TermRefused) => self.past.is_term_refused = true,
            Action::Report(Notice::Stopping) => {
                self.past.is_rotating = true;
                self.past.is_term_refused = false;
            }
            Action::Report(Notice::NotStopped) => {
                self.past.is_rotating = false;
                self.past.is_cancelled = false;
                self.past.is_suspended = false;
            }
            Action::Adopt | Action::AnnounceStart | Action::Suspend(_) => {}
            Action::Exit(_) => self.has_exited = true,
            Action::Report(_) => {}
        }
    }

    /// Sends a signal to the group or to the other children.
    fn signal_left(&mut self, left: Left, signal: SignalNumber) {
        let is_group = matches!(left, Left::Command | Left::Group);
        let mut lives = [self.others, Nobody];
        if is_group {
            lives = [self.command, self.group];
        }
        // The system refuses a signal to a group if no process may get it. But a command that
        // survives SIGKILL is reported as refused, too.
        let is_kill = signal == SignalNumber::KILL;
        let is_sent = lives.iter().any(|life| ![Nobody, Foreign].contains(life));
        if lives.contains(&Foreign) && !is_sent || is_kill && lives[0] == Foreign {
            self.refused.push(signal);
        }

        if is_kill {
            lives = lives.map(killed);
        }
        if is_group {
            [self.command, self.group] = lives;
        } else if lives[0] == Alive {
            self.others = Asked;
        } else {
            self.others = lives[0];
        }
    }
}

/// The state of processes after SIGKILL.
fn killed(life: Life) -> Life {
    match life {
        Alive | Asked | Killed => Killed,
        Nobody | Foreign => life,
    }
}

// ---- What must hold on each edge ----

impl Edge<'_> {
    fn check(&self) {
        for (world, action) in &self.actions {
            self.check_action(world, *action);
        }
        if let Some(event) = self.event {
            self.check_signals(event);
            self.check_end(event);
            self.check_poll(event);
            self.check_trial(event);
            // Every event changes the state or leads to an action, except those for which nothing
            // may have to be done.
            let is_signal = matches!(event, Event::Signal(..) | Event::Refused(_));
            // The time of `--grace` can be over while a trial becomes the command.
            let is_outlived = event == Event::Elapsed && self.before.is_running();
            let may_be_ignored = is_signal
                || matches!(event, Event::Left(_) | Event::Continued)
                || is_outlived && self.before.trial != TrialState::None;
            let has_changed = self.after.supervisor != self.before.supervisor;
            assert!(may_be_ignored || has_changed || !self.actions.is_empty());
            // "What was a child before the first start isn't touched."
            assert_eq!(self.after.bystanders, Alive);
        }
    }

    fn check_action(&self, world: &World, action: Action) {
        let past = world.past;
        match action {
            Action::Start => {
                // "secrets-exec never runs two instances at once."
                assert_eq!(world.command, Nobody);
                // "`restart` and `exit` leave nothing behind."
                assert_eq!(world.left(), Left::Nothing);
                // "Then `restart` lets the launch that waits become the program."
                assert_eq!(world.trial, TrialState::Waits);
                // "A TERM that arrives during the grace of a restart cancels the new start."
                assert!(!past.is_cancelled);
            }
            // "`signal=HUP` first replaces the files", which the launch that waits does.
            Action::Deliver => assert_eq!(world.trial, TrialState::Waits),
            // "A child process makes each poll." There is only one at a time.
            Action::Poll => assert_eq!(world.trial, TrialState::None),
            // "Only children are signalled, because their ids can't be reused before they are
            // reaped."
            Action::Signal(_) => assert_ne!(world.command, Nobody),
            Action::SignalGroup(_) => assert!(matches!(past.left, None | Some(Left::Group))),
            // "After the group, every other child", but "only a change (`restart`, `exit`) ends
            // it".
            Action::SignalOthers(_) => {
                assert!(past.is_rotating && past.left == Some(Left::Others));
            }
            // "At any other time, secrets-exec only passes a TERM on, and starts no grace of its
            // own."
            Action::Arm(Delay::Grace) => assert!(self.stops() || self.has_ended()),
            // "The next polls back off."
            Action::Arm(Delay::NextPoll { failures }) => {
                assert_eq!(failures, past.failures);
                assert!(!self.is_first_start());
            }
            // "The first poll is at a random moment of the interval."
            Action::Arm(Delay::FirstPoll) => assert!(self.is_first_start()),
            // A warning for each SIGTERM that can't be passed on would say nothing new.
            Action::Report(Notice::TermRefused) => assert!(!past.is_term_refused),
            // "What is left then counts as what can't be stopped."
            Action::Report(Notice::Survived) => {
                assert!(world.group != Alive && world.others != Asked);
            }
            Action::Exit(status) => {
                // "`restart` and `exit` leave nothing behind", but a program that ends by itself
                // may leave others behind.
                let past = self.before.past;
                let is_group_left = [world.command, world.group] != [Nobody; 2];
                let is_left = is_group_left || past.is_rotating && world.others != Nobody;
                let is_forced = self.is_exit_forced();
                assert!(!is_left || is_forced || self.reports(Notice::Survived));
                // "`exit` … exits with 75", but after a TERM, "the status is the program's".
                let is_rotated = past.is_rotating && !past.is_cancelled;
                assert_eq!(status == Some(STATUS), !is_rotated);
                assert_eq!(self.reports(Notice::Exiting), is_rotated && !is_forced);
                // Nothing reads the values any more.
                assert_eq!(world.trial, TrialState::None);
            }
            Action::CancelTrial | Action::Suspend(_) | Action::Kill(..) => {}
            Action::Arm(_) | Action::Report(_) | Action::Adopt | Action::AnnounceStart => {}
        }
    }

    fn check_signals(&self, event: Event) {
        let mut conts = usize::from(self.asks_group());
        let mut wakes = self.stops();
        if let Event::Signal(signal, sender) = event {
            // "Every catchable signal … reaches the program once …: the process that was started,
            // not its group. … What the kernel sends … goes to the group, and so does CONT."
            let [to_command, to_group] = self.before.passed_on_counts(signal, sender);
            assert_eq!(self.count(Action::Signal(signal)), to_command);
            assert_eq!(self.count(Action::SignalGroup(signal)), to_group);
            let is_cont = signal == SignalNumber::CONT;
            conts += to_group * usize::from(is_cont);
            wakes = to_command + to_group > 0 && !is_cont;
        }
        // A program that is stopped can't handle a signal, so it gets CONT. It gets no other CONT.
        wakes &= self.before.past.is_suspended;
        assert_eq!(self.count(CONTINUE), conts + usize::from(wakes));
        // "`signal=HUP` first replaces the files …, and then sends the signal."
        let hups = usize::from(self.succeeds(Purpose::Delivery(HUP)));
        assert_eq!(self.count(Action::Signal(HUP)), hups);
        // "When the program stops, secrets-exec stops."
        let stops = usize::from(event == SUSPENDED);
        assert_eq!(self.count(Action::Suspend(SignalNumber::STOP)), stops);
    }

    /// Checks how processes are ended.
    fn check_end(&self, event: Event) {
        let before = self.before;
        let after = &self.after;
        // "`restart` sends `--stop-signal` (default TERM) to the program and waits `--grace`."
        if self.stops() {
            let stop_signal = self.supervision.rotation.stop_signal;
            assert_eq!(self.count(Action::Signal(stop_signal)), 1);
            assert_eq!(after.timer, Some(Delay::Grace));
            // "`restart` lets the launch that waits become the program. … `exit` stops the program
            // and exits."
            let restarts = self.supervision.rotation.on_rotation == OnRotation::Restart;
            assert_eq!(after.trial == TrialState::Waits, restarts);
        }
        // "If the program ends within the grace and others of its group are left, they get TERM."
        if self.has_ended() {
            let terms = self.count(Action::SignalGroup(SignalNumber::TERM));
            assert_eq!(terms, usize::from(self.asks_group()));
        }
        // "After the group, every other child … gets TERM." After the program's own end, it
        // "stays".
        let awaits_others = after.is_stopping() && after.past.left == Some(Left::Others);
        if awaits_others && (self.has_ended() || matches!(event, Event::Left(_))) {
            assert!(before.past.is_rotating);
            assert_ne!(after.others, Alive);
            // "What becomes a child only at the end of the grace is killed at once."
            assert!(before.timer != Some(Delay::Kill) || after.others != Asked);
        }

        // "At the end of the grace, KILL." "A second TERM kills it."
        let left = before.past.left.unwrap_or(Left::Command);
        let is_term = matches!(event, Event::Signal(SignalNumber::TERM, _));
        let is_grace = before.is_stopping() && before.timer == Some(Delay::Grace);
        let mut expected = Vec::new();
        if is_grace && event == Event::Elapsed {
            expected.push(Action::Kill(left, Notice::GraceOver(left)));
        } else if is_grace && is_term && before.past.is_cancelled {
            expected.push(Action::Kill(left, Notice::SecondTerm(left)));
        }
        let mut actions = self.actions();
        actions.retain(|action| matches!(action, Action::Kill(..)));
        assert_eq!(actions, expected);
        // "No line says "killed" of what still runs": only [`Action::Kill`] reports it.
        assert!(!self.reports(Notice::GraceOver(left)));
        assert!(!self.reports(Notice::SecondTerm(left)));
        // "secrets-exec outlives the program by at most the grace and a second."
        if after.is_stopping() {
            assert!(!after.timer.is_none_or(is_for_poll));
        }

        // "If a process can't be stopped because the system refuses …, an error says so: `restart`
        // … keeps the old one … `exit` ends with 75 as PID 1 and as a unit."
        assert_eq!(self.reports(Notice::NotStopped), self.is_refused());
        if self.is_refused() {
            assert_eq!(after.is_running(), !self.is_exit_forced());
            assert!(!after.is_stopping());
        }
    }

    /// Checks what a poll leads to, and that the next poll follows.
    fn check_poll(&self, event: Event) {
        let before = self.before;
        let after = &self.after;
        let rotation = &self.supervision.rotation;
        let is_change = event == Event::Changed;
        let is_signal = matches!(rotation.on_rotation, OnRotation::Signal(_));
        assert_eq!(self.count(Action::Deliver) == 1, is_change && is_signal);
        // A program that got TERM may be about to end, so it has time until the next poll.
        assert_eq!(
            self.stops(),
            is_change && !is_signal && !before.past.has_term
        );
        // "secrets-exec reads the same references again every `--poll-interval`."
        let next_poll = after.timer.filter(|delay| is_for_poll(*delay));
        if after.is_running() {
            assert_eq!(next_poll.is_some(), after.trial == TrialState::None);
        }
        // "With `--poll-signal NAME`, that signal asks for a poll at once."
        if let Some(delay) = next_poll {
            let is_requested = after.past.is_poll_requested;
            assert_eq!(delay == Delay::RequestedPoll, is_requested);
        }
        // "A line says when they work again."
        let has_recovered = before.past.failures > after.past.failures;
        assert_eq!(self.reports(Notice::PollRecovered), has_recovered);
    }

    /// Checks what the messages and the end of a trial lead to.
    fn check_trial(&self, event: Event) {
        // Even unchanged values can have new versions, which the next change names.
        let mut adoptions = usize::from(event == Event::Unchanged);
        for purpose in [
            Purpose::FirstStart,
            Purpose::Restart,
            Purpose::Delivery(HUP),
        ] {
            let count = usize::from(self.succeeds(purpose));
            adoptions += count;
            match purpose {
                // `--notify-ready` reports the start once.
                Purpose::FirstStart => assert_eq!(self.count(Action::AnnounceStart), count),
                // "Another one follows a restart."
                Purpose::Restart => assert_eq!(self.count(RESTARTED), count),
                // "Before the program … gets its signal, a line names" what changed.
                Purpose::Delivery(_) => {
                    let mut actions = self.actions();
                    actions.retain(|action| [SIGNALLED, Action::Signal(HUP)].contains(action));
                    let expected = [SIGNALLED, Action::Signal(HUP)].repeat(count);
                    assert_eq!(actions, expected);
                }
            }
        }
        assert_eq!(self.count(Action::Adopt), adoptions);
        // What can't be started again is reported, too.
        let is_restart = self.before.trial == TrialState::Opened(Purpose::Restart);
        let has_failed = is_restart && event == Event::TrialEnded;
        assert_eq!(self.reports(Notice::NotRestarted), has_failed);
    }

    /// True if a trial whose gate was opened for this purpose has just succeeded: it put its files
    /// in place, and then it ended or became the command.
    fn succeeds(&self, purpose: Purpose) -> bool {
        self.before.trial == TrialState::Delivered(purpose) && self.event == Some(Event::TrialEnded)
    }

    /// True if the command has just been started for the first time.
    fn is_first_start(&self) -> bool {
        self.before.trial == TrialState::Delivered(Purpose::FirstStart)
    }

    fn actions(&self) -> Vec<Action> {
        self.actions.iter().map(|(_, action)| *action).collect()
    }

    fn count(&self, wanted: Action) -> usize {
        self.actions
            .iter()
            .filter(|(_, action)| *action == wanted)
            .count()
    }

    fn reports(&self, notice: Notice) -> bool {
        self.count(Action::Report(notice)) > 0
    }

    /// True if the command is being stopped because of a change.
    fn stops(&self) -> bool {
        self.reports(Notice::Stopping)
    }

    fn has_ended(&self) -> bool {
        matches!(self.event, Some(Event::Ended(_)))
    }

    /// True if the command has just ended without SIGKILL, and processes of its group are left.
    fn asks_group(&self) -> bool {
        let is_group_left = self.after.past.left == Some(Left::Group);
        self.has_ended() && is_group_left && self.before.command != Killed
    }

    /// True if the system refused to stop the command because of a change.
    fn is_refused(&self) -> bool {
        let is_stopping = self.before.past.is_rotating && self.before.command != Nobody;
        is_stopping && matches!(self.event, Some(Event::Refused(_)))
    }

    /// True if secrets-exec has to exit although the system refused to stop the command. A restart
    /// whose trial died at its gate is treated like `exit`.
    fn is_exit_forced(&self) -> bool {
        let is_exit = self.before.trial == TrialState::None && !self.before.past.is_cancelled;
        self.is_refused() && is_exit && self.supervision.ends_everything
    }
}

impl World {
    /// Checks that late and repeated messages from a trial have no effect. A message is late if its
    /// trial was cancelled or has ended.
    fn check_late_events(&self, supervision: &Supervision) {
        let mut expected = self.trial_events();
        // A trial that only replaces files never reports that it can't become the command.
        if self.trial == TrialState::Delivered(Purpose::Delivery(HUP)) {
            expected.push(Event::NotStarted);
        }
        for event in TRIAL_EVENTS {
            if !expected.contains(&event) {
                let (supervisor, actions) = step(supervision, self.supervisor, event);
                assert_eq!(actions, [], "{event:?}");
                assert_eq!(supervisor, self.supervisor, "{event:?}");
            }
        }
    }

    /// Counts how often a signal has to be passed on: to the command, and to its group.
    fn passed_on_counts(&self, signal: SignalNumber, sender: Sender) -> [usize; 2] {
        let cancels = signal == SignalNumber::TERM && self.past.is_rotating;
        if signal == POLL || cancels || self.command == Killed {
            return [0, 0];
        }
        if self.command == Nobody {
            let is_asked = self.timer == Some(Delay::Grace) && self.past.left == Some(Left::Group);
            return [0, usize::from(is_asked)];
        }
        let is_for_group = sender == Sender::Kernel || signal == SignalNumber::CONT;
        if is_for_group { [0, 1] } else { [1, 0] }
    }
}

fn is_for_poll(delay: Delay) -> bool {
    !matches!(delay, Delay::Grace | Delay::Kill)
}

// ---- What must be reachable from each world ----

/// The name of a goal, and a function that is true for worlds that have reached it.
type Goal = (&'static str, fn(&World) -> bool);

/// The goals that every world reaches if it behaves from now on ([`World::is_good`]).
const GOALS: [Goal; 2] = [
    // "What is left then counts as what can't be stopped", so that secrets-exec doesn't wait for
    // it.
    ("what is being stopped has ended or is given up", |world| {
        !world.is_stopping()
    }),
    // "An error says so: `restart` … keeps the old one."
    ("a change has taken effect, or can't be stopped", |world| {
        let delivered = TrialState::Delivered(Purpose::Delivery(HUP));
        !world.is_running() || world.trial == delivered || world.command == Foreign
    }),
];

impl World {
    /// True for a move of a world that behaves: the values change, time passes, killed processes
    /// end, and nobody sends a signal.
    fn is_good(&self, next: Move) -> bool {
        match next {
            Move::Command(_) => false,
            Move::Group(life) => self.group == Killed && life == Nobody,
            Move::Others(life) => self.others == Killed && life == Nobody,
            Move::Event(Event::Ended(_)) => self.command == Killed,
            Move::Event(Event::TrialEnded) => matches!(self.trial, TrialState::Delivered(_)),
            Move::Event(Event::Changed | Event::Delivered) => true,
            Move::Event(Event::Elapsed | Event::Left(_)) => true,
            Move::Event(event) => matches!(event, Event::Refused(_)),
        }
    }
}

// ---- The search ----

/// The worlds that can be reached, in the order in which the search finds them.
struct Exploration<'a> {
    supervision: &'a Supervision,
    worlds: Vec<World>,
    /// The world and the move from which the search first reached each world.
    origins: Vec<Option<(usize, Move)>>,
    /// For each world, the worlds to which its good moves lead ([`World::is_good`]).
    good: Vec<Vec<usize>>,
}

impl<'a> Exploration<'a> {
    /// Finds all worlds, and checks all edges.
    fn new(supervision: &'a Supervision) -> Self {
        let mut search = Self {
            supervision,
            worlds: vec![World::first()],
            origins: vec![None],
            good: Vec::new(),
        };
        let mut ids = HashMap::from([(World::first(), 0)]);
        while let Some(world) = search.worlds.get(search.good.len()).cloned() {
            let id = search.good.len();
            let mut good = Vec::new();
            let is_right = catch_unwind(|| world.check_late_events(supervision)).is_ok();
            assert!(is_right, "after\n{}", search.history(search.origins[id]));
            for next in world.moves() {
                let edge = world.edge(next, supervision);
                // The test prints the broken rule before the history.
                let is_right = catch_unwind(|| edge.check()).is_ok();
                assert!(is_right, "after\n{}", search.history(Some((id, next))));
                let after = *ids.entry(edge.after).or_insert_with_key(|after| {
                    search.worlds.push(after.clone());
                    search.origins.push(Some((id, next)));
                    search.worlds.len() - 1
                });
                if world.is_good(next) {
                    good.push(after);
                }
            }
            search.good.push(good);
        }
        search
    }

    /// Finds the first world from which no good moves lead to a goal, and returns its history.
    fn stuck_history(&self, is_reached: fn(&World) -> bool) -> Option<String> {
        let mut reaches: Vec<bool> = self.worlds.iter().map(is_reached).collect();
        let mut is_complete = false;
        while !is_complete {
            is_complete = true;
            for (id, good) in self.good.iter().enumerate() {
                if !reaches[id] && good.iter().any(|next| reaches[*next]) {
                    reaches[id] = true;
                    is_complete = false;
                }
            }
        }
        let stuck = reaches.iter().position(|reaches| !reaches)?;
        Some(self.history(self.origins[stuck]))
    }

    /// The shortest history that ends with the move `last`. The text has a line for each
    /// move and its actions.
    fn history(&self, mut last: Option<(usize, Move)>) -> String {
        let mut lines = Vec::new();
        while let Some((id, next)) = last {
            let actions = self.worlds[id].edge(next, self.supervision).actions();
            lines.push(format!("{next:?} -> {actions:?}\n"));
            last = self.origins[id];
        }
        lines.reverse();
        format!("{}with {:?}", lines.concat(), self.supervision)
    }
}

#[test]
fn no_history_breaks_a_promise_and_everything_comes_to_an_end() {
    for on_rotation in [
        OnRotation::Restart,
        OnRotation::Signal(HUP),
        OnRotation::Exit,
    ] {
        let host = rotation(on_rotation);
        let mut unit = rotation(on_rotation);
        unit.rotation.stop_signal = SignalNumber::TERM;
        unit.ends_everything = true;
        for supervision in [host, unit] {
            let search = Exploration::new(&supervision);
            for (goal, is_reached) in GOALS {
                assert_eq!(search.stuck_history(is_reached), None, "{goal}");
            }
        }
    }
}
