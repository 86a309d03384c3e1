//! Limits of time: the deadline of a launch, retries within it, and the progress until then.

pub mod deadline;
pub mod progress;
pub mod retry;
