//! TODO

mod chain;
mod imds;
mod process;
mod process_group;
mod profile;
mod validation;

pub use chain::{Configs, find};
pub use imds::metadata_client;
pub use validation::unusable;
