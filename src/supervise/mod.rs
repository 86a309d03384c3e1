//! Supervision of the command with `--on-rotation`: a state machine that restarts, signals or stops
//! the command when a secret changes (`state`), and the functions that carry out what it orders
//! (`processes`).
//!
//! `commands/rotation` describes the trials, which wait at a gate before they become the command.

#[cfg(target_os = "linux")]
mod processes;
mod state;

#[cfg(target_os = "linux")]
pub use nix::unistd::Pid;
#[cfg(target_os = "linux")]
pub use processes::{
    Gate, Job, Signals, Spared, TrialProcess, adopt_orphans, fork, next_state_change, signal_child,
};
pub use state::{Action, Delay, Event, ExitStatus, Left, Notice, Supervision, begin, step};

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod transitions;
