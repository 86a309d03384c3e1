//! Supervision of the command with `--on-rotation`: the state machine that restarts, signals or stops it when a secret changes, and its
//! process.
//!
//! [`step`] is a function from state and event to state and actions. It has no clock, no source of secrets and no process: the
//! caller turns what happens into events and carries out the actions in their order, with the functions of `process`.

mod event;
mod policy;
#[cfg(target_os = "linux")]
pub mod process;
mod running;
pub mod schedule;
mod starting;
mod state;
mod step;
mod stopping;

pub use event::{Action, Delay, Event, ExitStatus, KillReason, Notice, Outcome, PollResult, Timer};
pub use policy::Policy;
pub use state::{Command, Next, State, Stopping};
pub use step::{begin, step};

#[cfg(test)]
mod histories;
#[cfg(test)]
mod table;
