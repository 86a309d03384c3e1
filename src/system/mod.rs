//! Kernel interfaces that several stages use: signals, paths, terminals, systemd's sockets, waiting
//! in poll(2), and the end of the process.

pub mod os_error;
pub mod paths;
pub mod signals;
pub mod systemd;
pub mod waiting;
