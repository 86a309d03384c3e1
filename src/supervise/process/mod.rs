//! The process side of supervision: the gate of a forked launch, the command's process group and
//! the terminal, and signals.

mod gate;
mod job;
mod signal_queue;

pub use gate::{Gate, LaunchProcess, fork};
pub use job::{Job, StateChange, adopt_orphans, next_state_change};
pub use nix::unistd::Pid;
pub use signal_queue::Signals;
