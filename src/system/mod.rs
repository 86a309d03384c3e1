//! Talks to the operating system for the other modules: error texts, paths, output to terminals and
//! pipes, notifications for systemd, waiting with poll(2), signals, and the end of the process.
//! Also keeps this process's credentials out of messages that quote a server.

pub mod lifecycle;
pub mod os_error;
pub mod paths;
pub mod redaction;
pub mod streams;
pub mod systemd;
