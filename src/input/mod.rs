//! Parses what the user writes: no module here touches the network.
//!
//! - `cli/`: the command line and `SECRETS_EXEC_*`.
//! - `declaration/`: declarations and ECS task definitions; `syntax/` is the parser of YAML, TOML and JSON below it.
//! - `env_references`: references in inherited variables, for `--resolve-env`.
//! - `local_file`: the secrets of `--local`.

pub mod cli;
pub mod declaration;
pub mod env_file;
pub mod env_references;
pub mod local_file;
pub mod syntax;
