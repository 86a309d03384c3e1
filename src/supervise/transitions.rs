//! Examples of single transitions. [`exhaustive`](super::exhaustive) checks all of them.

use std::time::Duration;

use nix::libc;

use super::state::{
    Action, Delay, Event, Left, Next, Notice, Phase, RunningState, Sender, Stage, Stopping,
    Supervision, SupervisorState, step,
};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};

const HUP: SignalNumber = SignalNumber(libc::SIGHUP);

/// The settings that most of these tests use: other processes can outlive the supervisor
/// (`ends_everything` is false).
pub(super) fn rotation(on_rotation: OnRotation) -> Supervision {
    Supervision {
        rotation: RotationOptions {
            on_rotation,
            stop_signal: SignalNumber(libc::SIGQUIT),
            poll_signal: Some(SignalNumber(libc::SIGUSR2)),
            // [`step`] reads neither `poll_interval` nor `grace`, because its caller sets the
            // timer.
            poll_interval: Duration::ZERO,
            grace: Duration::ZERO,
        },
        ends_everything: false,
    }
}

fn running(trial: Stage) -> RunningState {
    RunningState {
        trial,
        ..RunningState::default()
    }
}

#[test]
fn after_a_sigterm_a_change_stops_the_command_only_at_the_next_poll() {
    let term = SupervisorState::Running(RunningState {
        has_term: true,
        ..running(Stage::Reading)
    });
    let result = step(&rotation(OnRotation::Exit), term, Event::Changed);
    let next_poll = Action::Arm(Delay::NextPoll { failures: 0 });
    let idle = SupervisorState::Running(running(Stage::NoTrial));
    assert_eq!(result, (idle, vec![Action::CancelPoll, next_poll]));
}

#[test]
fn a_sigterm_still_holds_a_change_back_if_the_command_could_not_be_killed_after_it() {
    let cancelled = SupervisorState::Stopping(Stopping {
        ended: None,
        left: Left::Group,
        phase: Phase::Killed,
        next: Next::ExitCancelled,
        is_poll_requested: false,
    });
    let refused = Event::Refused(SignalNumber::KILL);
    let result = step(&rotation(OnRotation::Restart), cancelled, refused);
    let kept = SupervisorState::Running(RunningState {
        has_term: true,
        ..running(Stage::NoTrial)
    });
    let next_poll = Action::Arm(Delay::NextPoll { failures: 0 });
    let actions = vec![Action::Report(Notice::NotStopped), next_poll];
    assert_eq!(result, (kept, actions));
}

#[test]
fn a_suspended_command_is_continued_so_that_it_can_handle_a_signal() {
    let suspended = SupervisorState::Running(RunningState {
        is_suspended: true,
        ..running(Stage::NoTrial)
    });
    let hup = Event::Signal(HUP, Sender::Process);
    let result = step(&rotation(OnRotation::Restart), suspended.clone(), hup);
    let continue_group = Action::SignalGroup(SignalNumber::CONT);
    let actions = vec![Action::Signal(HUP), continue_group];
    assert_eq!(result, (suspended, actions));
}
