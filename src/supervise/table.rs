//! The transitions that a test of the whole program cannot bring about at will.

use nix::libc;

use super::event::{Action, Delay, Event, ExitStatus, Notice, Outcome, PollResult, Timer};
use super::state::{CommandState, EarlierChange, Next, Phase, Poll, RunningState, Stopping, SupervisorState};
use super::step;
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

const HUP: SignalNumber = SignalNumber(libc::SIGHUP);
const SEVEN: ExitStatus = ExitStatus::Exited(7);
const SPLAY_OVER: Event = Event::Elapsed(Timer::Splay);
const CHANGED: Event = Event::Polled(PollResult::Changed);
const UNCHANGED: Event = Event::Polled(PollResult::Unchanged);
const FAILED: Event = Event::Polled(PollResult::Failed);
const POLLING_AGAIN: Poll = Poll::Polling(EarlierChange::Delayed);
const POLLING_DUE: Poll = Poll::Polling(EarlierChange::Due);
const NEXT_POLL: Action = Action::Arm(Delay::NextPoll { failures: 0 });

fn running(poll: Poll) -> RunningState {
    RunningState { poll, ..RunningState::default() }
}

/// The time after SIGKILL.
fn killed(next: Next) -> Stopping {
    Stopping { command: CommandState::Alive, phase: Phase::Killed, next, is_poll_asked: false }
}

fn check(on_rotation: OnRotation, before: &SupervisorState, event: Event, after: SupervisorState, actions: &[Action]) {
    let (poll_interval, splay, grace) = Default::default();
    let stop_signal = SignalNumber(libc::SIGQUIT);
    let rotation = RotationOptions { on_rotation, stop_signal, poll_signal: None, poll_interval, splay, grace };
    let result = step(&rotation, before.clone(), event);
    assert_eq!(result, (after, actions.to_vec()), "{before:?} {event:?}");
}

#[test]
fn a_change_that_a_poll_meets_or_that_a_launch_does_not_survive() {
    let table: &[(Poll, Event, Poll, &[Action])] = &[
        // The new launch takes the place of the one that waits.
        (Poll::Waiting, Event::Elapsed(Timer::Poll), POLLING_AGAIN, &[Action::StartPoll]),
        (POLLING_AGAIN, CHANGED, Poll::Waiting, &[NEXT_POLL]),
        (POLLING_AGAIN, SPLAY_OVER, POLLING_DUE, &[]),
        (POLLING_DUE, CHANGED, Poll::Delivering, &[Action::Disarm(Timer::Poll), Action::Deliver]),
        (POLLING_DUE, UNCHANGED, Poll::Idle, &[Action::Report(Notice::Reverted), NEXT_POLL]),
        (Poll::Waiting, FAILED, Poll::Idle, &[Action::Disarm(Timer::Splay)]),
    ];
    for (before, event, after, actions) in table {
        let state = SupervisorState::Running(running(*before));
        check(OnRotation::Signal(HUP), &state, *event, SupervisorState::Running(running(*after)), actions);
    }
}

#[test]
fn a_failed_poll_drops_the_change_and_backs_off_until_one_does_not_fail() {
    let splay = [Action::Disarm(Timer::Splay)];
    for (before, dropped) in [(POLLING_AGAIN, &splay[..]), (POLLING_DUE, &[])] {
        let state = SupervisorState::Running(RunningState { failures: 2, ..running(before) });
        let actions = [dropped, &[Action::Arm(Delay::NextPoll { failures: 3 })]].concat();
        let failed = SupervisorState::Running(RunningState { failures: 3, ..running(Poll::Idle) });
        check(OnRotation::Restart, &state, FAILED, failed, &actions);
    }
    let state = SupervisorState::Running(RunningState { failures: 2, ..running(POLLING_AGAIN) });
    let actions = [Action::Report(Notice::PollRecovered), NEXT_POLL];
    check(OnRotation::Restart, &state, CHANGED, SupervisorState::Running(running(Poll::Waiting)), &actions);
}

#[test]
fn a_change_after_a_term_waits_for_the_end_that_it_may_bring() {
    let after_term = Action::Arm(Delay::AfterTerm);
    for (launch, event, actions) in
        [(Poll::Waiting, SPLAY_OVER, &[after_term][..]), (POLLING_DUE, CHANGED, &[after_term, NEXT_POLL])]
    {
        let term = SupervisorState::Running(RunningState { has_term: true, ..running(launch) });
        // A command that ignores SIGTERM is stopped for the change nevertheless.
        check(OnRotation::Exit, &term, event, SupervisorState::Running(running(Poll::Waiting)), actions);
    }
}

#[test]
fn a_suspended_command_is_continued_so_that_it_handles_a_signal() {
    let suspended = SupervisorState::Running(RunningState { is_suspended: true, ..running(Poll::Idle) });
    let actions = [HUP, SignalNumber::CONT].map(Action::Signal);
    check(OnRotation::Restart, &suspended, Event::Signal(HUP), suspended.clone(), &actions);
}

#[test]
fn after_sigkill_the_command_is_awaited_and_the_rest_of_its_group_for_a_moment() {
    let term = Event::Signal(SignalNumber::TERM);
    let over = Event::Elapsed(Timer::Kill);
    let cancel = [Action::CancelPoll, Action::Report(Notice::Cancelled)];
    let grace = Stopping { phase: Phase::Grace, ..killed(Next::Start) };
    let table: &[(Stopping, Event, Stopping, &[Action])] = &[
        (killed(Next::Start), over, killed(Next::Start), &[Action::Arm(Delay::Kill)]),
        (killed(Next::Start), Event::Signal(HUP), killed(Next::Start), &[]),
        (killed(Next::Start), term, killed(Next::ExitCancelled), &cancel),
        (killed(Next::ExitCancelled), term, killed(Next::ExitCancelled), &[]),
        // The launch that waited died.
        (grace, FAILED, Stopping { next: Next::ExitRotated, ..grace }, &[]),
    ];
    for (before, event, after, actions) in table {
        check(
            OnRotation::Restart,
            &SupervisorState::Stopping(*before),
            *event,
            SupervisorState::Stopping(*after),
            actions,
        );
    }
    let rest = SupervisorState::Stopping(Stopping { command: CommandState::Ended(SEVEN), ..killed(Next::ExitEnded) });
    let exit = [Action::Disarm(Timer::Kill), Action::Exit(Outcome::Command(SEVEN))];
    check(OnRotation::Restart, &rest, over, SupervisorState::Exited, &exit);
}
