//! Supervision of the command with `--on-rotation`: the state machine that restarts, signals or stops it when a secret changes.
//!
//! [`step`] is a function from state and event to state and actions. It has no clock, no source of secrets and no process: the
//! caller turns what happens into events and carries out the actions in their order.

mod event;
mod policy;
mod running;
mod schedule;
mod starting;
mod state;
mod step;
mod stopping;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod table;
