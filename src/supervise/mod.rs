//! Supervision of the command with `--on-rotation`: the state machine that restarts, signals or stops it when a secret changes, and its
//! process.
//!
//! Each poll is a forked child: a launch that waits at a gate, before delivery and execve, once its values are resolved. The child whose
//! gate is opened for a start is the command from then on.
//!
//! [`step`] is a function from state and event to state and actions. It has no clock, no source of secrets and no process: the
//! caller turns what happens into events and carries out the actions in their order, with the functions of `process`.

#[cfg(target_os = "linux")]
pub mod process;
mod running;
mod state;
mod stopping;

pub use state::{
    Action, Delay, Event, ExitStatus, Notice, Outcome, PollResult, Stopping, SupervisorState,
};

use crate::model::options::RotationOptions;
use state::RunningState;

/// Returns the state of the first command, whose launch waits at the gate, and what is to be done now.
pub fn begin() -> (SupervisorState, Vec<Action>) {
    (
        SupervisorState::Running(RunningState::default()),
        vec![Action::Start, Action::Arm(Delay::FirstPoll)],
    )
}

/// Returns the state after an event, and what is to be done now, in this order.
///
/// An event without a meaning in a state changes nothing: a poll may end while it is being cancelled.
pub fn step(
    rotation: &RotationOptions,
    state: SupervisorState,
    event: Event,
) -> (SupervisorState, Vec<Action>) {
    let mut actions = Vec::new();
    let state = match state {
        SupervisorState::Running(running) => running::step(rotation, running, event, &mut actions),
        SupervisorState::Stopping(stopping) => {
            stopping::step(rotation, stopping, event, &mut actions)
        }
        SupervisorState::Exited => SupervisorState::Exited,
    };
    (state, actions)
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod table;
