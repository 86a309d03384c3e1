//! Kernel interfaces that several stages use in the same way: errno, signals, symbolic links.

pub mod links;
pub mod os_error;
pub mod signals;
