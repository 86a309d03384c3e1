//! Limits of time: the deadline of a launch, and the progress until then.

pub mod deadline;
pub mod progress;
