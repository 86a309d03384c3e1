//! The process side of supervision: the command's process group, signals, children and the terminal.

mod job;
mod reaper;
mod signals;
mod spawn;
mod terminal;
mod wait;

pub use job::Job;
pub use reaper::adopt_orphans;
pub use signals::Signals;
pub use wait::wait_for;
