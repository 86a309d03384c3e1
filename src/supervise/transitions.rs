//! Transitions that a test of the whole program can't bring about at will.

use std::time::Duration;

use nix::libc;

use super::state::{
    Action, Delay, Event, ExitReason, ExitStatus, Next, Notice, Phase, Poll, PollResult,
    RunningState, Stopping, SupervisorState, step,
};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

const HUP: SignalNumber = SignalNumber(libc::SIGHUP);
const SEVEN: ExitStatus = ExitStatus::Exited(7);
const CHANGED: Event = Event::Polled(PollResult::Changed);
const REQUESTED: Event = Event::Signal(SignalNumber(libc::SIGUSR2));
const FAILED: Event = Event::Polled(PollResult::Failed);
const POLLING: Poll = Poll::Polling { is_delayed: false };
const POLLING_DELAYED: Poll = Poll::Polling { is_delayed: true };

/// Returns the state of a command that runs, with nothing special about it except the poll.
fn running(poll: Poll) -> RunningState {
    RunningState {
        poll,
        ..RunningState::default()
    }
}

/// Returns the state after SIGKILL.
fn killed(next: Next) -> Stopping {
    Stopping {
        ended: None,
        phase: Phase::Killed,
        next,
        is_poll_requested: false,
    }
}

/// Checks the state and the actions that follow from an event, without a splay.
fn check(
    on_rotation: OnRotation,
    before: &SupervisorState,
    event: Event,
    after: SupervisorState,
    actions: &[Action],
) {
    check_with_splay(Duration::ZERO, on_rotation, before, event, after, actions);
}

/// Checks the state and the actions that follow from an event, with a splay.
fn check_with_splay(
    splay: Duration,
    on_rotation: OnRotation,
    before: &SupervisorState,
    event: Event,
    after: SupervisorState,
    actions: &[Action],
) {
    let stop_signal = SignalNumber(libc::SIGQUIT);
    let poll_signal = Some(SignalNumber(libc::SIGUSR2));
    let rotation = RotationOptions {
        on_rotation,
        stop_signal,
        poll_signal,
        // [`step`] only decides what to do. The caller knows how long to wait.
        poll_interval: Duration::ZERO,
        splay,
        grace: Duration::ZERO,
    };
    let result = step(&rotation, before.clone(), event);
    assert_eq!(result, (after, actions.to_vec()), "{before:?} {event:?}");
}

#[test]
fn a_requested_poll_does_not_wait_for_the_splay() {
    let requested = |poll| {
        SupervisorState::Running(RunningState {
            is_poll_requested: true,
            ..running(poll)
        })
    };
    check(
        OnRotation::Restart,
        &SupervisorState::Running(running(Poll::Splayed)),
        REQUESTED,
        requested(Poll::Splayed),
        &[Action::Arm(Delay::RequestedPoll)],
    );
    // One poll serves both the splay and the request.
    check(
        OnRotation::Restart,
        &requested(Poll::Splayed),
        Event::Elapsed,
        SupervisorState::Running(running(POLLING_DELAYED)),
        &[Action::StartPoll],
    );
    let actions = [Action::CancelPoll, Action::Arm(Delay::RequestedPoll)];
    let splay = Duration::from_secs(1);
    check_with_splay(
        splay,
        OnRotation::Restart,
        &requested(POLLING),
        CHANGED,
        requested(Poll::Splayed),
        &actions,
    );
}

#[test]
fn the_pauses_between_failed_polls_grow_until_a_poll_succeeds() {
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
fn after_a_sigterm_a_change_stops_the_command_only_at_the_next_poll() {
    // With and without a delay by `--splay` before this poll.
    for poll in [POLLING, POLLING_DELAYED] {
        let term = SupervisorState::Running(RunningState {
            has_term: true,
            ..running(poll)
        });
        // If the command ignores SIGTERM, the next poll stops it for the change.
        let actions = [
            Action::CancelPoll,
            Action::Arm(Delay::NextPoll { failures: 0 }),
        ];
        check(
            OnRotation::Exit,
            &term,
            CHANGED,
            SupervisorState::Running(running(Poll::Idle)),
            &actions,
        );
    }
}

#[test]
fn a_suspended_command_is_continued_so_that_it_can_handle_a_signal() {
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
fn after_sigkill_secrets_exec_waits_for_the_command_but_not_forever_for_the_rest_of_its_group() {
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
    let exit = [Action::Exit(ExitReason::Command(SEVEN))];
    check(
        OnRotation::Restart,
        &rest,
        over,
        SupervisorState::Exited,
        &exit,
    );
}
