//! Parses what the user writes: no module here touches the network.

pub mod cli;
pub mod declaration;
pub mod env_file;
pub mod env_references;
pub mod local_file;
mod yaml;
