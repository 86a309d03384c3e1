//! `--on-rotation`: the command is restarted, signalled or stopped when a secret has changed.

mod changes;
mod clock;
mod files;
mod grace;
mod log;
mod memory;
mod options;
mod polls;
mod process;
mod restart;
mod signals;
mod terminal;
