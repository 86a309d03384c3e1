//! `--on-rotation`: polls for changed secrets, and their consequences for the command.

pub mod comparison;
mod fingerprint;
mod mailbox;
pub mod poller;
pub mod polling;
