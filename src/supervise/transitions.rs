//! Examples of single transitions. [`exhaustive`](super::exhaustive) checks all of them.

use std::time::Duration;

use nix::libc;

use super::state::{Action, Cause, Delay, Event, Notice, Sender, Stage, State, Supervision, step};
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

#[test]
fn after_a_sigterm_a_change_stops_the_command_only_at_the_next_poll() {
    let term = State {
        has_term: true,
        trial: Stage::Reading,
        ..State::default()
    };
    let result = step(&rotation(OnRotation::Exit), term, Event::Changed);
    let next_poll = Action::Arm(Delay::NextPoll { failures: 0 });
    let actions = vec![Action::CancelTrial, next_poll];
    assert_eq!(result, (State::default(), actions));
}

#[test]
fn a_sigterm_still_holds_a_change_back_if_the_command_could_not_be_killed_after_it() {
    let cancelled = State {
        cause: Some(Cause::Cancelled),
        is_killed: true,
        ..State::default()
    };
    let refused = Event::Refused(SignalNumber::KILL);
    let result = step(&rotation(OnRotation::Restart), cancelled, refused);
    let kept = State {
        has_term: true,
        ..State::default()
    };
    let next_poll = Action::Arm(Delay::NextPoll { failures: 0 });
    let report = Action::Report(Notice::NotStopped);
    assert_eq!(result, (kept, vec![report, Action::CancelTrial, next_poll]));
}

#[test]
fn a_suspended_command_is_continued_so_that_it_can_handle_a_signal() {
    let suspended = State {
        is_suspended: true,
        ..State::default()
    };
    let hup = Event::Signal(HUP, Sender::Process);
    let result = step(&rotation(OnRotation::Restart), suspended, hup);
    let continue_group = Action::SignalGroup(SignalNumber::CONT);
    let actions = vec![Action::Signal(HUP), continue_group];
    assert_eq!(result, (suspended, actions));
}
