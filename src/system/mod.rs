//! Kernel interfaces that several stages use in the same way.

pub mod connection;
pub mod ending;
pub mod notify;
pub mod os_error;
pub mod paths;
pub mod signals;
pub mod terminal;
pub mod waiting;
