//! TODO

mod spec;
mod table;
mod typed;

pub use spec::{Given, OptionSpec, Takes};
pub use table::OPTIONS;
pub use typed::{AgentChoice, Options};
