//! `secrets-exec --on-rotation … -- COMMAND`: runs the command as a child process, and restarts, signals or stops it when a secret
//! changes.
//!
//! Each start and each poll is a launch in a forked process (`child`), which waits at the gate once its values are resolved. This process
//! (`parent`) has one thread, and keeps no value, no credentials and no connection.

mod child;
mod fingerprint;
mod launches;
mod manager;
mod notices;
mod parent;
mod timers;

pub use parent::supervise;
