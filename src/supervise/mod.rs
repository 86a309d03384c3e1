//! Supervision of the command with `--on-rotation`: a state machine that restarts, signals or stops
//! the command when a secret changes, and (in `process`) the functions that carry out what it
//! orders.
//!
//! Each poll is a forked child: a launch that resolves the values and then waits at a gate, before
//! delivery and execve. If the gate is opened for a start, the child becomes the command.
//!
//! [`step`] is a function from a state and an event to the next state and a list of actions. It
//! doesn't know the time, the secrets or the processes. The caller (`commands/rotation/parent`)
//! turns what happens into events, and carries out the actions in their order.
//!
//! These are the states:
//!
//! ```text
//!           ┌── the group has ended, and the next step is a start ──┐
//!           ▼                                                        │
//! begin ─▶ Running ─┬─ a change: the stop signal to the group ────▶ Stopping ── the group has ended ─▶ Exited
//!                   ├─ the command ends before its group: TERM ───▶ Stopping
//!                   └─ the command and its group end ──────────────────────────────────────────────▶ Exited
//!
//! Stopping:  Grace ── the time is over, or a second TERM comes: SIGKILL to the group ─▶ Killed
//! ```
//!
//! While the command runs, there is at most one poll:
//!
//! ```text
//! Idle ── the timer elapses ─▶ Polling ─┬─ no change, or the poll failed ─▶ Idle
//!                                       ├─ a change, with `--splay` ──────▶ Splayed ── the timer elapses ─▶ Polling
//!                                       ├─ a change, `signal=NAME` ───────▶ Delivering ── the signal ─▶ Idle
//!                                       ├─ a change, after a TERM ────────▶ Idle, because the command may be about to end
//!                                       └─ a change, restart or exit ─────▶ Stopping
//! ```
//!
//! If a TERM comes in the grace period of a rotation, it cancels the start, or the exit with status
//! 75. This process then exits with the status of the command.

#[cfg(target_os = "linux")]
pub mod process;
mod running;
mod state;
mod stopping;

pub use state::{
    Action, Delay, Event, ExitReason, ExitStatus, Notice, PollResult, Stopping, SupervisorState,
};

use crate::model::options::RotationOptions;
use state::RunningState;

/// Returns the first state and the first actions. The launch of the command is already waiting at
/// its gate, so it is started right away.
pub fn begin() -> (SupervisorState, Vec<Action>) {
    (
        SupervisorState::Running(RunningState::default()),
        vec![Action::Start, Action::Arm(Delay::FirstPoll)],
    )
}

/// Returns the state after an event, and the actions to carry out now, in this order.
///
/// An event that doesn't mean anything in a state changes nothing. For example, the result of a
/// poll can come while the poll is being cancelled.
pub fn step(
    rotation: &RotationOptions,
    state: SupervisorState,
    event: Event,
) -> (SupervisorState, Vec<Action>) {
    let mut actions = Vec::new();
    let next = match state {
        SupervisorState::Running(running) => running::step(rotation, running, event, &mut actions),
        SupervisorState::Stopping(stopping) => {
            stopping::step(rotation, stopping, event, &mut actions)
        }
        SupervisorState::Exited => SupervisorState::Exited,
    };
    (next, actions)
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod transitions;
