//! Kernel interfaces that several stages use in the same way.

pub mod ending;
pub mod os_error;
pub mod paths;
pub mod signals;
pub mod systemd;
pub mod terminal;
pub mod waiting;
