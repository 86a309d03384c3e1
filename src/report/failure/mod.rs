//! The failures that keep the command from running: `reason` has one, `lines` the text of several.

mod lines;
mod reason;

pub use lines::lines;
pub use reason::Failure;
