//! Parses what the user writes: no module here touches the network.
//!
//! - `cli/`: the command line and `SECRETS_EXEC_*`.
//! - `declaration/`: declarations.
//! - `env_references`: references in inherited variables, for `--resolve-env`.
//! - `local_file`: the secrets of `--local`. `yaml` is the parser below it and below `declaration/`.

pub mod cli;
pub mod declaration;
pub mod env_file;
pub mod env_references;
pub mod local_file;
pub mod yaml;
