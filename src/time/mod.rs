//! The time that a launch has: until when something may be missing, when a request is repeated, and when everything ends.

pub mod deadline;
pub mod retry;
pub mod watchdog;
