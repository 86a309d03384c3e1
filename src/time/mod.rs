//! Limits of time: the deadline of a launch, retries within it, and a watchdog for a runtime that is blocked.

pub mod deadline;
pub mod progress;
pub mod retry;
pub mod watchdog;
