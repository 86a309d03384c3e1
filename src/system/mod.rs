//! Kernel interfaces that several stages use in the same way: errno, signals, termination by a signal, symbolic links and paths, the
//! terminal, the state of a child, the service manager's socket, and the connection of a credential.

pub mod boot_time;
pub mod connection;
pub mod links;
pub mod notify;
pub mod os_error;
pub mod paths;
pub mod signals;
mod stack_line;
pub mod terminal;
pub mod termination;
pub mod wait;
