//! The data that the steps of a launch pass to each other, and its invariants. Nothing here does
//! I/O or depends on clap or the AWS SDK, so plain values are enough for tests.

pub mod answer;
pub mod entry;
pub mod environment;
pub mod fault;
pub mod message;
pub mod options;
pub mod outcome;
pub mod plan;
pub mod reference;
pub mod retention;
pub mod shown;
pub mod url;
