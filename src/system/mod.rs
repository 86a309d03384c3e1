//! Talks to the operating system for the other modules, and keeps this process's credentials out of
//! messages that quote a server.

pub mod lifecycle;
pub mod os_error;
pub mod paths;
pub mod redaction;
pub mod streams;
pub mod systemd;
