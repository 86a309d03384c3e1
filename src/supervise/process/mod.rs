//! The process side of supervision: the command's process group, signals, children and the terminal.

mod gate;
mod job;
mod signals;
mod standard_error;

pub use gate::{Gate, LaunchProcess, fork};
pub use job::{Job, StateChange, adopt_orphans, next_state_change};
pub use nix::unistd::Pid;
pub use signals::Signals;
pub use standard_error::StandardError;
