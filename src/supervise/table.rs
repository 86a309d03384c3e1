//! The table of transitions: every event in every kind of state. An event without a row changes nothing.

use nix::libc;

use super::event::{Action, Delay, Event, ExitStatus, Group, KillReason, Notice, Outcome, PollResult, Timer};
use super::policy::Policy;
use super::state::{Change, Command, Next, NextPoll, Phase, Poll, Running, Starting, State, Stopping};
use super::step::{begin, step};
use crate::model::options::{OnRotation, SignalNumber};

const TERM: SignalNumber = SignalNumber::TERM;
const CONT: SignalNumber = SignalNumber::CONT;
const KILL: SignalNumber = SignalNumber::KILL;
const HUP: SignalNumber = SignalNumber(libc::SIGHUP);
const QUIT: SignalNumber = SignalNumber(libc::SIGQUIT);
const TSTP: SignalNumber = SignalNumber(libc::SIGTSTP);
const USR1: SignalNumber = SignalNumber(libc::SIGUSR1);
const POLL: SignalNumber = SignalNumber(libc::SIGUSR2);
const SEVEN: ExitStatus = ExitStatus::Exited(7);
const EIGHT: ExitStatus = ExitStatus::Exited(8);
const EMPTY: Event = Event::Ended { status: SEVEN, group: Group::Empty };
const ALIVE: Event = Event::Ended { status: SEVEN, group: Group::Alive };

const EVENTS: [Event; 21] = [
    Event::Started,
    Event::StartFailed,
    EMPTY,
    ALIVE,
    Event::GroupEmpty,
    Event::Suspended(TSTP),
    Event::Continued,
    Event::Signal(TERM),
    Event::Signal(USR1),
    Event::Signal(CONT),
    Event::Signal(POLL),
    Event::Polled(PollResult::Changed),
    Event::Polled(PollResult::Kept),
    Event::Polled(PollResult::Unchanged),
    Event::Polled(PollResult::Failed),
    Event::Prepared,
    Event::NotPrepared,
    Event::Elapsed(Timer::Poll),
    Event::Elapsed(Timer::Splay),
    Event::Elapsed(Timer::Grace),
    Event::Elapsed(Timer::Kill),
];

type Row = (Event, State, Vec<Action>);

fn policy(on_rotation: OnRotation) -> Policy {
    Policy { on_rotation, stop_signal: QUIT, poll_signal: Some(POLL) }
}

fn check(on_rotation: OnRotation, state: &State, rows: &[Row]) {
    for event in EVENTS {
        let mut found = rows.iter().filter(|row| row.0 == event);
        let expected = found.next().map_or((state.clone(), Vec::new()), |row| (row.1.clone(), row.2.clone()));
        assert!(found.next().is_none(), "two rows for {event:?}");
        assert_eq!(step(&policy(on_rotation), state.clone(), event), expected, "{state:?} {event:?}");
    }
    assert!(rows.iter().all(|row| EVENTS.contains(&row.0)));
}

/// With a poll scheduled.
const RUNNING: Running =
    Running { poll: Poll::Scheduled, failures: 0, change: Change::None, is_suspended: false, has_term: false };

const IN_FLIGHT: Poll = Poll::InFlight { again: false };

const AGAIN: Poll = Poll::InFlight { again: true };

const DUE: NextPoll = NextPoll { is_due: true, failures: 0 };

const NOT_DUE: NextPoll = NextPoll { is_due: false, failures: 0 };

const STOPPING: Stopping =
    Stopping { command: Command::Alive, phase: Phase::Grace, next: Next::Start, held: Vec::new(), next_poll: NOT_DUE };

/// The command ended with status 8, and its group is not empty.
fn left(stopping: Stopping) -> Stopping {
    Stopping { command: Command::Ended(EIGHT), ..stopping }
}

fn starting(is_first: bool, held: &[SignalNumber], next_poll: NextPoll) -> State {
    State::Starting(Starting { is_first, held: held.to_vec(), next_poll })
}

fn next_poll(failures: u32) -> Action {
    Action::Arm(Delay::NextPoll { failures })
}

/// The rows of every running state but for polls, changes and job control.
fn rows_of(running: &Running, while_ending: &[Action]) -> Vec<Row> {
    let state = State::Running(running.clone());
    let continued = State::Running(Running { is_suspended: false, ..running.clone() });
    let suspended = State::Running(Running { is_suspended: true, ..running.clone() });
    let terminated = State::Running(Running { has_term: true, ..running.clone() });
    // A stopped command handles a signal once it is continued.
    let signalled = |signal| {
        let signals: &[SignalNumber] = if running.is_suspended { &[signal, CONT] } else { &[signal] };
        signals.iter().copied().map(Action::Signal).collect()
    };
    let is_due = running.poll != Poll::Scheduled;
    let next_poll = NextPoll { is_due, failures: running.failures };
    let leftovers = Stopping { command: Command::Ended(SEVEN), next: Next::ExitEnded, next_poll, ..STOPPING };
    let ended = [&[Action::Report(Notice::Ended(SEVEN)), Action::CancelPoll], while_ending].concat();
    vec![
        (EMPTY, State::Exited, [&ended[..], &[Action::Exit(Outcome::Command(SEVEN))]].concat()),
        (
            ALIVE,
            State::Stopping(leftovers),
            [&ended[..], &[Action::Signal(TERM), Action::Signal(CONT), Action::Arm(Delay::Grace)]].concat(),
        ),
        (Event::Suspended(TSTP), suspended, vec![Action::Suspend(TSTP)]),
        (Event::Continued, continued.clone(), vec![]),
        (Event::Signal(TERM), terminated, signalled(TERM)),
        (Event::Signal(USR1), state, signalled(USR1)),
        (Event::Signal(CONT), continued, vec![Action::GiveTerminal, Action::Signal(CONT)]),
    ]
}

#[test]
fn the_first_action_is_a_start() {
    assert_eq!(begin(), (starting(true, &[], NOT_DUE), vec![Action::Start]));
}

#[test]
fn the_first_start_holds_signals_and_tells_that_it_is_ready() {
    let started = State::Running(RUNNING);
    let held = [Action::Signal(HUP), Action::Signal(USR1)];
    let actions = [&[Action::NotifyReady], &held[..], &[Action::Arm(Delay::FirstPoll)]].concat();
    check(
        OnRotation::Restart,
        &starting(true, &[HUP, USR1], NOT_DUE),
        &[
            (Event::Started, started, actions),
            (Event::StartFailed, State::Exited, vec![Action::Exit(Outcome::NotStarted)]),
            (Event::Signal(TERM), starting(true, &[HUP, USR1, TERM], NOT_DUE), vec![]),
            (Event::Signal(CONT), starting(true, &[HUP, USR1, CONT], NOT_DUE), vec![]),
            (Event::Signal(POLL), starting(true, &[HUP, USR1], DUE), vec![]),
        ],
    );
}

#[test]
fn a_restart_polls_at_once_if_a_poll_is_due() {
    let next_poll = NextPoll { is_due: true, failures: 2 };
    let started = Running { poll: IN_FLIGHT, failures: 2, ..RUNNING };
    check(
        OnRotation::Restart,
        &starting(false, &[], next_poll),
        &[
            (Event::Started, State::Running(started), vec![Action::Report(Notice::Restarted), Action::StartPoll]),
            (Event::StartFailed, State::Exited, vec![Action::Exit(Outcome::NotStarted)]),
            (Event::Signal(TERM), starting(false, &[TERM], next_poll), vec![]),
            (Event::Signal(USR1), starting(false, &[USR1], next_poll), vec![]),
            (Event::Signal(CONT), starting(false, &[CONT], next_poll), vec![]),
        ],
    );
}

#[test]
fn a_restart_keeps_the_count_of_failed_polls() {
    let state = starting(false, &[], NextPoll { is_due: false, failures: 2 });
    let (_, actions) = step(&policy(OnRotation::Restart), state, Event::Started);
    assert_eq!(actions, [Action::Report(Notice::Restarted), next_poll(2)]);
}

#[test]
fn a_running_command_gets_signals_and_a_poll_in_its_time() {
    for running in [RUNNING, Running { is_suspended: true, ..RUNNING }] {
        let polling = State::Running(Running { poll: IN_FLIGHT, ..running.clone() });
        let mut rows = rows_of(&running, &[]);
        rows.extend([
            (Event::Elapsed(Timer::Poll), polling.clone(), vec![Action::StartPoll]),
            (Event::Signal(POLL), polling, vec![Action::Disarm(Timer::Poll), Action::StartPoll]),
        ]);
        check(OnRotation::Restart, &State::Running(running), &rows);
    }
}

#[test]
fn a_changed_value_starts_the_splay_and_a_failure_backs_off() {
    let polling = Running { poll: IN_FLIGHT, ..RUNNING };
    let delayed = State::Running(Running { change: Change::Delayed, ..RUNNING });
    let changed = vec![Action::Report(Notice::Changed), Action::Arm(Delay::Splay), next_poll(0)];
    let failed = State::Running(Running { failures: 1, ..RUNNING });
    let mut rows = rows_of(&polling, &[]);
    rows.extend([
        (Event::Signal(POLL), State::Running(Running { poll: AGAIN, ..RUNNING }), vec![]),
        (Event::Polled(PollResult::Changed), delayed, changed),
        (Event::Polled(PollResult::Kept), State::Running(RUNNING), vec![next_poll(0)]),
        (Event::Polled(PollResult::Unchanged), State::Running(RUNNING), vec![next_poll(0)]),
        (Event::Polled(PollResult::Failed), failed, vec![Action::Report(Notice::PollFailed), next_poll(1)]),
    ]);
    check(OnRotation::Restart, &State::Running(polling), &rows);
}

#[test]
fn a_poll_that_was_requested_during_a_poll_follows_it() {
    let polling = Running { poll: AGAIN, failures: 3, ..RUNNING };
    let after = |failures, change| State::Running(Running { poll: IN_FLIGHT, failures, change, ..RUNNING });
    let recovered = Action::Report(Notice::PollRecovered);
    let changed = vec![recovered, Action::Report(Notice::Changed), Action::Arm(Delay::Splay), Action::StartPoll];
    let mut rows = rows_of(&polling, &[]);
    rows.extend([
        (Event::Polled(PollResult::Changed), after(0, Change::Delayed), changed),
        (Event::Polled(PollResult::Kept), after(0, Change::None), vec![recovered, Action::StartPoll]),
        (Event::Polled(PollResult::Unchanged), after(0, Change::None), vec![recovered, Action::StartPoll]),
        // The failure was reported before.
        (Event::Polled(PollResult::Failed), after(4, Change::None), vec![Action::StartPoll]),
    ]);
    check(OnRotation::Restart, &State::Running(polling), &rows);
}

#[test]
fn several_changes_during_the_splay_are_one_and_a_reverted_one_is_none() {
    let delayed = Running { poll: IN_FLIGHT, change: Change::Delayed, ..RUNNING };
    let scheduled = State::Running(Running { change: Change::Delayed, ..RUNNING });
    let failed = State::Running(Running { change: Change::Delayed, failures: 1, ..RUNNING });
    let preparing = State::Running(Running { change: Change::Preparing, ..delayed.clone() });
    let reverted = vec![Action::Disarm(Timer::Splay), Action::Discard, Action::Report(Notice::Reverted), next_poll(0)];
    let mut rows = rows_of(&delayed, &[Action::Disarm(Timer::Splay)]);
    rows.extend([
        (Event::Signal(POLL), State::Running(Running { poll: AGAIN, ..delayed.clone() }), vec![]),
        (Event::Polled(PollResult::Changed), scheduled.clone(), vec![Action::Report(Notice::Changed), next_poll(0)]),
        (Event::Polled(PollResult::Kept), scheduled, vec![next_poll(0)]),
        (Event::Polled(PollResult::Unchanged), State::Running(RUNNING), reverted),
        (Event::Polled(PollResult::Failed), failed, vec![Action::Report(Notice::PollFailed), next_poll(1)]),
        (Event::Elapsed(Timer::Splay), preparing, vec![Action::Prepare]),
    ]);
    check(OnRotation::Restart, &State::Running(delayed), &rows);
}

#[test]
fn a_change_after_a_term_waits_for_the_end_that_it_may_bring() {
    for on_rotation in [OnRotation::Restart, OnRotation::Exit, OnRotation::Signal(HUP)] {
        let state = State::Running(Running { change: Change::Delayed, ..RUNNING });
        let (state, _) = step(&policy(on_rotation), state, Event::Signal(TERM));
        let (state, actions) = step(&policy(on_rotation), state, Event::Elapsed(Timer::Splay));
        if let OnRotation::Signal(_) = on_rotation {
            assert_eq!(actions, [Action::Prepare]);
            continue;
        }
        assert_eq!(actions, [Action::Arm(Delay::AfterTerm)]);
        // A command that ignores SIGTERM is stopped for the change nevertheless.
        let (_, actions) = step(&policy(on_rotation), state.clone(), Event::Elapsed(Timer::Splay));
        assert_eq!(actions, [Action::Prepare]);
        let (_, actions) = step(&policy(on_rotation), state, EMPTY);
        assert_eq!(actions.last(), Some(&Action::Exit(Outcome::Command(SEVEN))));
    }
}

/// The rows of a state with prepared values and a poll in flight, but for [`Event::Prepared`].
fn preparing() -> (Running, Vec<Row>) {
    let preparing = Running { poll: IN_FLIGHT, change: Change::Preparing, ..RUNNING };
    let scheduled = State::Running(Running { poll: Poll::Scheduled, ..preparing.clone() });
    let failed = State::Running(Running { poll: Poll::Scheduled, failures: 1, ..preparing.clone() });
    let unprepared = State::Running(Running { change: Change::None, ..preparing.clone() });
    let mut rows = rows_of(&preparing, &[]);
    rows.extend([
        (Event::Signal(POLL), State::Running(Running { poll: AGAIN, ..preparing.clone() }), vec![]),
        (Event::Polled(PollResult::Changed), scheduled.clone(), vec![Action::Discard, next_poll(0)]),
        (Event::Polled(PollResult::Kept), scheduled.clone(), vec![next_poll(0)]),
        (Event::Polled(PollResult::Unchanged), scheduled, vec![next_poll(0)]),
        (Event::Polled(PollResult::Failed), failed, vec![Action::Report(Notice::PollFailed), next_poll(1)]),
        (Event::NotPrepared, unprepared, vec![Action::Report(Notice::NotPrepared)]),
    ]);
    (preparing, rows)
}

#[test]
fn with_restart_or_exit_the_prepared_change_stops_the_command() {
    for (on_rotation, next) in [(OnRotation::Restart, Next::Start), (OnRotation::Exit, Next::ExitRotated)] {
        let (state, mut rows) = preparing();
        let stopping = State::Stopping(Stopping { next, next_poll: DUE, ..STOPPING });
        let actions = vec![Action::CancelPoll, Action::Signal(QUIT), Action::Arm(Delay::Grace)];
        rows.push((Event::Prepared, stopping, actions));
        check(on_rotation, &State::Running(state), &rows);
    }
}

#[test]
fn with_signal_the_prepared_change_is_signalled_and_the_command_goes_on() {
    let (state, mut rows) = preparing();
    let running = State::Running(Running { change: Change::None, ..state.clone() });
    rows.push((Event::Prepared, running, vec![Action::Signal(HUP)]));
    check(OnRotation::Signal(HUP), &State::Running(state), &rows);
}

#[test]
fn a_suspended_command_is_continued_so_that_it_can_end() {
    let suspended = Running { change: Change::Preparing, is_suspended: true, ..RUNNING };
    let (_, actions) = step(&policy(OnRotation::Restart), State::Running(suspended), Event::Prepared);
    let signals = [Action::Signal(QUIT), Action::Signal(CONT)];
    assert_eq!(actions, [&[Action::CancelPoll], &signals[..], &[Action::Arm(Delay::Grace)]].concat());
}

/// The actions of SIGKILL.
fn killed(reason: KillReason) -> [Action; 3] {
    [Action::Report(Notice::Killed(reason)), Action::Signal(KILL), Action::Arm(Delay::Kill)]
}

/// The rows of a grace period but for SIGTERM and the end of the command.
fn rows_of_grace(stopping: &Stopping) -> Vec<Row> {
    let state = State::Stopping(stopping.clone());
    let is_alive = stopping.command == Command::Alive;
    let due = Stopping { next_poll: NextPoll { is_due: true, ..stopping.next_poll }, ..stopping.clone() };
    let dead = Stopping { phase: Phase::Killed, ..stopping.clone() };
    let terminal: &[Action] = if is_alive { &[Action::GiveTerminal] } else { &[] };
    let mut rows = vec![
        (Event::Signal(USR1), state.clone(), vec![Action::Signal(USR1)]),
        (Event::Signal(CONT), state.clone(), [terminal, &[Action::Signal(CONT)]].concat()),
        (Event::Signal(POLL), State::Stopping(due), vec![]),
        (Event::Elapsed(Timer::Grace), State::Stopping(dead), killed(KillReason::GraceOver).to_vec()),
    ];
    rows.extend(is_alive.then_some((Event::Suspended(TSTP), state, vec![Action::Suspend(TSTP)])));
    rows
}

/// The rows of the end of a command that was alive, with the actions and the state after the end of its group.
fn rows_of_end(stopping: &Stopping, finished: &State, actions: &[Action]) -> Vec<Row> {
    let left = Stopping { command: Command::Ended(SEVEN), ..stopping.clone() };
    let ended = Action::Report(Notice::Ended(SEVEN));
    vec![(EMPTY, finished.clone(), [&[ended], actions].concat()), (ALIVE, State::Stopping(left), vec![ended])]
}

/// The state and the actions after the end of the group.
fn finished(next: Next, timer: Timer, status: ExitStatus) -> (State, Vec<Action>) {
    let exit = |outcome| (State::Exited, vec![Action::Disarm(timer), Action::Exit(outcome)]);
    match next {
        Next::Start => (starting(false, &[], NOT_DUE), vec![Action::Disarm(timer), Action::Start]),
        Next::ExitRotated => exit(Outcome::Rotated),
        Next::ExitCancelled | Next::ExitEnded => exit(Outcome::Command(status)),
    }
}

/// The row of SIGTERM in a grace period.
fn term(stopping: &Stopping) -> Row {
    let (state, actions) = match stopping.next {
        Next::Start | Next::ExitRotated => {
            (Stopping { next: Next::ExitCancelled, ..stopping.clone() }, vec![Action::Report(Notice::Cancelled)])
        }
        Next::ExitCancelled => {
            let actions = [&[Action::Disarm(Timer::Grace)], &killed(KillReason::SecondTerm)[..]].concat();
            (Stopping { phase: Phase::Killed, ..stopping.clone() }, actions)
        }
        Next::ExitEnded => (stopping.clone(), vec![Action::Signal(TERM)]),
    };
    (Event::Signal(TERM), State::Stopping(state), actions)
}

#[test]
fn a_grace_period_ends_with_the_group_or_with_sigkill() {
    for next in [Next::Start, Next::ExitRotated, Next::ExitCancelled] {
        let stopping = Stopping { next, ..STOPPING };
        let (state, actions) = finished(next, Timer::Grace, SEVEN);
        let mut rows = rows_of_grace(&stopping);
        rows.extend(rows_of_end(&stopping, &state, &actions));
        rows.push(term(&stopping));
        check(OnRotation::Restart, &State::Stopping(stopping), &rows);
    }
}

#[test]
fn what_is_left_of_a_group_has_the_rest_of_the_grace_period() {
    for next in [Next::Start, Next::ExitRotated, Next::ExitCancelled, Next::ExitEnded] {
        let stopping = left(Stopping { next, ..STOPPING });
        let (state, actions) = finished(next, Timer::Grace, EIGHT);
        let mut rows = rows_of_grace(&stopping);
        rows.extend([(Event::GroupEmpty, state, actions), term(&stopping)]);
        check(OnRotation::Restart, &State::Stopping(stopping), &rows);
    }
}

/// The rows of signals after SIGKILL.
fn rows_of_killed(killed: &Stopping) -> Vec<Row> {
    let due = Stopping { next_poll: NextPoll { is_due: true, ..killed.next_poll }, ..killed.clone() };
    let mut rows = vec![(Event::Signal(POLL), State::Stopping(due), vec![])];
    if matches!(killed.next, Next::Start | Next::ExitRotated) {
        rows.push(term(killed));
    }
    if killed.next == Next::Start {
        let held = |signal| State::Stopping(Stopping { held: vec![signal], ..killed.clone() });
        rows.extend([USR1, CONT].map(|signal| (Event::Signal(signal), held(signal), vec![])));
    }
    rows
}

#[test]
fn a_killed_command_is_awaited_until_it_is_reaped() {
    for next in [Next::Start, Next::ExitRotated, Next::ExitCancelled] {
        let killed = Stopping { phase: Phase::Killed, next, ..STOPPING };
        let (state, actions) = finished(next, Timer::Kill, SEVEN);
        let mut rows = rows_of_killed(&killed);
        rows.extend(rows_of_end(&killed, &state, &actions));
        rows.push((Event::Suspended(TSTP), State::Stopping(killed.clone()), vec![Action::Suspend(TSTP)]));
        rows.push((Event::Elapsed(Timer::Kill), State::Stopping(killed.clone()), vec![Action::Arm(Delay::Kill)]));
        check(OnRotation::Restart, &State::Stopping(killed), &rows);
    }
}

#[test]
fn what_is_left_of_a_killed_group_is_awaited_for_a_moment() {
    for next in [Next::Start, Next::ExitRotated, Next::ExitCancelled, Next::ExitEnded] {
        let killed = left(Stopping { phase: Phase::Killed, next, ..STOPPING });
        let (state, actions) = finished(next, Timer::Kill, EIGHT);
        let mut rows = rows_of_killed(&killed);
        rows.push((Event::GroupEmpty, state.clone(), actions.clone()));
        rows.push((Event::Elapsed(Timer::Kill), state, actions));
        check(OnRotation::Restart, &State::Stopping(killed), &rows);
    }
}

#[test]
fn after_the_exit_nothing_happens() {
    check(OnRotation::Restart, &State::Exited, &[]);
}

#[test]
fn without_a_poll_signal_every_signal_is_forwarded() {
    let policy = Policy { poll_signal: None, ..policy(OnRotation::Restart) };
    let (state, actions) = step(&policy, State::Running(RUNNING), Event::Signal(POLL));
    assert_eq!((state, actions), (State::Running(RUNNING), vec![Action::Signal(POLL)]));
}
