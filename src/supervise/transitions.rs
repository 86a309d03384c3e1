//! Transitions that a test of the whole program can't bring about at will.

use std::time::Duration;

use nix::libc;

use super::state::{
    Action, Delay, Event, ExitReason, ExitStatus, Left, Next, Notice, Phase, Poll, PollResult,
    RunningState, Sender, Stopping, Supervision, SupervisorState, step,
};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

const HUP: SignalNumber = SignalNumber(libc::SIGHUP);
const USR2: SignalNumber = SignalNumber(libc::SIGUSR2);
const SEVEN: ExitStatus = ExitStatus::Exited(7);
const CHANGED: Event = Event::Polled(PollResult::Changed);
const FAILED: Event = Event::Polled(PollResult::Failed);
const POLLING: Poll = Poll::Polling { is_delayed: false };
const POLLING_DELAYED: Poll = Poll::Polling { is_delayed: true };

fn rotation(on_rotation: OnRotation) -> Supervision {
    Supervision {
        rotation: RotationOptions {
            on_rotation,
            stop_signal: SignalNumber(libc::SIGQUIT),
            poll_signal: Some(USR2),
            // [`step`] doesn't read this interval or `grace`: its caller sets the timer.
            poll_interval: Duration::ZERO,
            splay: Duration::ZERO,
            grace: Duration::ZERO,
        },
        ends_everything: false,
    }
}

fn sent(signal: SignalNumber) -> Event {
    Event::Signal(signal, Sender::Process)
}

fn running(poll: Poll) -> RunningState {
    RunningState {
        poll,
        ..RunningState::default()
    }
}

fn killed(next: Next) -> Stopping {
    Stopping {
        ended: None,
        left: Left::Group,
        phase: Phase::Killed,
        next,
        is_poll_requested: false,
    }
}

#[test]
fn a_requested_poll_does_not_wait_for_the_splay() {
    let mut restart = rotation(OnRotation::Restart);
    let requested = |poll| {
        SupervisorState::Running(RunningState {
            is_poll_requested: true,
            ..running(poll)
        })
    };
    let arm = Action::Arm(Delay::RequestedPoll);
    let splayed = SupervisorState::Running(running(Poll::Splayed));
    let result = step(&restart, splayed, sent(USR2));
    assert_eq!(result, (requested(Poll::Splayed), vec![arm]));

    // The delayed poll is also the requested one.
    let polling = SupervisorState::Running(running(POLLING_DELAYED));
    let result = step(&restart, requested(Poll::Splayed), Event::Elapsed);
    assert_eq!(result, (polling, vec![Action::StartPoll]));

    // The splay would delay the change, but the poll that was requested begins at once.
    restart.rotation.splay = Duration::from_secs(1);
    let result = step(&restart, requested(POLLING), CHANGED);
    let actions = vec![Action::CancelPoll, arm];
    assert_eq!(result, (requested(Poll::Splayed), actions));
}

#[test]
fn the_pauses_between_failed_polls_grow_until_a_poll_succeeds() {
    let after_failures = |failures, poll| {
        SupervisorState::Running(RunningState {
            failures,
            ..running(poll)
        })
    };
    let polling = after_failures(2, POLLING_DELAYED);
    let result = step(&rotation(OnRotation::Restart), polling.clone(), FAILED);
    let actions = vec![Action::Arm(Delay::NextPoll { failures: 3 })];
    assert_eq!(result, (after_failures(3, Poll::Idle), actions));

    let result = step(&rotation(OnRotation::Signal(HUP)), polling, CHANGED);
    let actions = vec![Action::Report(Notice::PollRecovered), Action::Deliver];
    assert_eq!(result, (after_failures(0, Poll::Delivering), actions));
}

#[test]
fn after_a_sigterm_a_change_stops_the_command_only_at_the_next_poll() {
    // It doesn't matter whether `--splay` has delayed the change until this poll.
    for poll in [POLLING, POLLING_DELAYED] {
        let term = SupervisorState::Running(RunningState {
            has_term: true,
            ..running(poll)
        });
        let result = step(&rotation(OnRotation::Exit), term, CHANGED);
        let next_poll = Action::Arm(Delay::NextPoll { failures: 0 });
        let idle = SupervisorState::Running(running(Poll::Idle));
        assert_eq!(result, (idle, vec![Action::CancelPoll, next_poll]));
    }
}

#[test]
fn a_suspended_command_is_continued_so_that_it_can_handle_a_signal() {
    let suspended = SupervisorState::Running(RunningState {
        is_suspended: true,
        ..running(Poll::Idle)
    });
    let restart = rotation(OnRotation::Restart);
    let result = step(&restart, suspended.clone(), sent(HUP));
    let continue_group = Action::SignalGroup(SignalNumber::CONT);
    let actions = vec![Action::Signal(HUP), continue_group];
    assert_eq!(result, (suspended, actions));
}

#[test]
fn after_sigkill_secrets_exec_waits_for_the_command_but_not_forever_for_the_rest_of_its_group() {
    let restart = rotation(OnRotation::Restart);
    let term = sent(SignalNumber::TERM);
    let [start, cancelled] = [Next::Start, Next::ExitCancelled].map(killed);
    let grace = Stopping {
        phase: Phase::Grace,
        ..start
    };
    let exit_rotated = Stopping {
        next: Next::ExitRotated,
        ..grace
    };
    let cancel = [Action::CancelPoll, Action::Report(Notice::Cancelled)];
    let table: &[(Stopping, Event, Stopping, &[Action])] = &[
        (start, Event::Elapsed, start, &[Action::Arm(Delay::Kill)]),
        (start, sent(HUP), start, &[]),
        (start, term, cancelled, &cancel),
        (cancelled, term, cancelled, &[]),
        // Before SIGKILL, the trial that waited at its gate dies.
        (grace, FAILED, exit_rotated, &[]),
    ];
    for (before, event, after, actions) in table {
        let result = step(&restart, SupervisorState::Stopping(*before), *event);
        let after = SupervisorState::Stopping(*after);
        assert_eq!(result, (after, actions.to_vec()), "{before:?} {event:?}");
    }

    let rest = SupervisorState::Stopping(Stopping {
        ended: Some(SEVEN),
        ..killed(Next::ExitEnded)
    });
    let result = step(&restart, rest, Event::Elapsed);
    let exit = Action::Exit(ExitReason::Command(SEVEN));
    let actions = vec![Action::Report(Notice::Survived), exit];
    assert_eq!(result, (SupervisorState::Exited, actions));
}

#[test]
fn a_restart_does_not_start_a_second_command_next_to_a_process_that_survives_sigkill() {
    let restart = rotation(OnRotation::Restart);
    let survived = SupervisorState::Stopping(Stopping {
        ended: Some(SEVEN),
        left: Left::Others,
        phase: Phase::LastKill,
        ..killed(Next::Start)
    });
    let result = step(&restart, survived, Event::Elapsed);
    let actions = vec![
        Action::Report(Notice::Survived),
        Action::CancelPoll,
        Action::Exit(ExitReason::Rotated),
    ];
    assert_eq!(result, (SupervisorState::Exited, actions));
}

#[test]
fn a_process_that_becomes_a_child_after_the_grace_is_asked_to_end_before_it_is_killed() {
    let restart = rotation(OnRotation::Restart);
    let ended = Stopping {
        ended: Some(SEVEN),
        ..killed(Next::Start)
    };
    let asked = Stopping {
        left: Left::Others,
        phase: Phase::LastTerm,
        ..ended
    };
    let others = Event::Left(Left::Others);
    let result = step(&restart, SupervisorState::Stopping(ended), others);
    let actions = vec![
        Action::SignalOthers(SignalNumber::TERM),
        Action::Arm(Delay::Kill),
    ];
    assert_eq!(result, (SupervisorState::Stopping(asked), actions));

    let last = Stopping {
        phase: Phase::LastKill,
        ..asked
    };
    let result = step(&restart, SupervisorState::Stopping(asked), Event::Elapsed);
    let actions = vec![
        Action::SignalOthers(SignalNumber::KILL),
        Action::Arm(Delay::Kill),
    ];
    assert_eq!(result, (SupervisorState::Stopping(last), actions));
}

#[test]
fn a_sigterm_still_holds_a_change_back_if_the_command_could_not_be_killed_after_it() {
    let cancelled = SupervisorState::Stopping(killed(Next::ExitCancelled));
    let refused = Event::Refused(SignalNumber::KILL);
    let result = step(&rotation(OnRotation::Restart), cancelled, refused);
    let kept = SupervisorState::Running(RunningState {
        has_term: true,
        ..running(Poll::Idle)
    });
    let next_poll = Action::Arm(Delay::NextPoll { failures: 0 });
    let actions = vec![Action::Report(Notice::NotStopped), next_poll];
    assert_eq!(result, (kept, actions));
}
