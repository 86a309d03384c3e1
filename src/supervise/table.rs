//! The transitions that a test of the whole program cannot bring about at will.

use std::time::Duration;

use nix::libc;

use super::state::{
    Action, Delay, Event, ExitStatus, Next, Notice, Outcome, Phase, Poll, PollResult, RunningState,
    Stopping, SupervisorState,
};
use super::step;
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

const HUP: SignalNumber = SignalNumber(libc::SIGHUP);
const SEVEN: ExitStatus = ExitStatus::Exited(7);
const CHANGED: Event = Event::Polled(PollResult::Changed);
const ASKED: Event = Event::Signal(SignalNumber(libc::SIGUSR2));
const FAILED: Event = Event::Polled(PollResult::Failed);
const POLLING: Poll = Poll::Polling { is_delayed: false };
const POLLING_DELAYED: Poll = Poll::Polling { is_delayed: true };

fn running(poll: Poll) -> RunningState {
    RunningState {
        poll,
        ..RunningState::default()
    }
}

/// The time after SIGKILL.
fn killed(next: Next) -> Stopping {
    Stopping {
        ended: None,
        phase: Phase::Killed,
        next,
        is_poll_asked: false,
    }
}

fn check(
    on_rotation: OnRotation,
    before: &SupervisorState,
    event: Event,
    after: SupervisorState,
    actions: &[Action],
) {
    check_with(Duration::ZERO, on_rotation, before, event, after, actions);
}

fn check_with(
    splay: Duration,
    on_rotation: OnRotation,
    before: &SupervisorState,
    event: Event,
    after: SupervisorState,
    actions: &[Action],
) {
    let (poll_interval, grace) = Default::default();
    let stop_signal = SignalNumber(libc::SIGQUIT);
    let poll_signal = Some(SignalNumber(libc::SIGUSR2));
    let rotation = RotationOptions {
        on_rotation,
        stop_signal,
        poll_signal,
        poll_interval,
        splay,
        grace,
    };
    let result = step(&rotation, before.clone(), event);
    assert_eq!(result, (after, actions.to_vec()), "{before:?} {event:?}");
}

#[test]
fn a_request_ends_the_splay_and_not_the_time_of_a_command_that_may_be_ending() {
    let asked = |poll| {
        SupervisorState::Running(RunningState {
            is_poll_asked: true,
            ..running(poll)
        })
    };
    for (poll, actions) in [
        (Poll::Splayed, &[Action::Arm(Delay::AskedPoll)][..]),
        (Poll::AfterTerm, &[]),
    ] {
        check(
            OnRotation::Restart,
            &SupervisorState::Running(running(poll)),
            ASKED,
            asked(poll),
            actions,
        );
        // The same poll serves both.
        let polling = SupervisorState::Running(running(POLLING_DELAYED));
        check(
            OnRotation::Restart,
            &asked(poll),
            Event::Elapsed,
            polling,
            &[Action::StartPoll],
        );
    }
    let actions = [Action::CancelPoll, Action::Arm(Delay::AskedPoll)];
    let splay = Duration::from_secs(1);
    check_with(
        splay,
        OnRotation::Restart,
        &asked(POLLING),
        CHANGED,
        asked(Poll::Splayed),
        &actions,
    );
}

#[test]
fn a_failed_poll_drops_the_change_and_the_polls_back_off_until_a_poll_succeeds() {
    let state = SupervisorState::Running(RunningState {
        failures: 2,
        ..running(POLLING_DELAYED)
    });
    let failed = SupervisorState::Running(RunningState {
        failures: 3,
        ..running(Poll::Idle)
    });
    check(
        OnRotation::Restart,
        &state,
        FAILED,
        failed,
        &[Action::Arm(Delay::NextPoll { failures: 3 })],
    );
    let actions = [Action::Report(Notice::PollRecovered), Action::Deliver];
    let delivering = SupervisorState::Running(running(Poll::Delivering));
    check(
        OnRotation::Signal(HUP),
        &state,
        CHANGED,
        delivering,
        &actions,
    );
}

#[test]
fn a_change_after_a_term_waits_for_the_end_that_the_signal_may_bring() {
    for poll in [POLLING, POLLING_DELAYED] {
        let term = SupervisorState::Running(RunningState {
            has_term: true,
            ..running(poll)
        });
        // A command that ignores SIGTERM is stopped for the change nevertheless.
        let delayed = SupervisorState::Running(running(Poll::AfterTerm));
        check(
            OnRotation::Exit,
            &term,
            CHANGED,
            delayed,
            &[Action::CancelPoll, Action::Arm(Delay::AfterTerm)],
        );
    }
}

#[test]
fn a_suspended_command_is_continued_so_that_it_handles_a_signal() {
    let suspended = SupervisorState::Running(RunningState {
        is_suspended: true,
        ..running(Poll::Idle)
    });
    let actions = [HUP, SignalNumber::CONT].map(Action::Signal);
    check(
        OnRotation::Restart,
        &suspended,
        Event::Signal(HUP),
        suspended.clone(),
        &actions,
    );
}

#[test]
fn after_sigkill_the_command_is_awaited_and_the_rest_of_its_group_for_a_moment() {
    let term = Event::Signal(SignalNumber::TERM);
    let over = Event::Elapsed;
    let cancel = [Action::CancelPoll, Action::Report(Notice::Cancelled)];
    let grace = Stopping {
        phase: Phase::Grace,
        ..killed(Next::Start)
    };
    let table: &[(Stopping, Event, Stopping, &[Action])] = &[
        (
            killed(Next::Start),
            over,
            killed(Next::Start),
            &[Action::Arm(Delay::Kill)],
        ),
        (
            killed(Next::Start),
            Event::Signal(HUP),
            killed(Next::Start),
            &[],
        ),
        (
            killed(Next::Start),
            term,
            killed(Next::ExitCancelled),
            &cancel,
        ),
        (
            killed(Next::ExitCancelled),
            term,
            killed(Next::ExitCancelled),
            &[],
        ),
        // The launch that waited died.
        (
            grace,
            FAILED,
            Stopping {
                next: Next::ExitRotated,
                ..grace
            },
            &[],
        ),
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
    let rest = SupervisorState::Stopping(Stopping {
        ended: Some(SEVEN),
        ..killed(Next::ExitEnded)
    });
    let exit = [Action::Exit(Outcome::Command(SEVEN))];
    check(
        OnRotation::Restart,
        &rest,
        over,
        SupervisorState::Exited,
        &exit,
    );
}
