//! Kernel interfaces that several stages use: error texts, paths, the terminal or pipe that is
//! written to, systemd's socket, waiting in poll(2), signals, and the end of the process. Also
//! removes the credentials of this process from text that servers send.

pub mod lifecycle;
pub mod os_error;
pub mod paths;
pub mod redaction;
pub mod streams;
pub mod systemd;
