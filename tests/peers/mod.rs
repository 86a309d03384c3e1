//! Tests against third-party software: boto3 creates and reads secrets, and moto serves them over
//! HTTP.
//!
//! `make test` installs both into `.venv`, in the versions of `requirements.txt`. Without it these
//! tests are skipped. Those with another server are also skipped if that server isn't installed.
//! npm packages judge the policies; `package.json` lists them, and they are in `.node`.
//!
//! Some answers of moto differ from those of AWS (denials, throttling). The tests that need them
//! use the fake AWS of `tests/it/support` instead.

mod daemon;
mod moto;
mod nginx;
mod node;
mod postgres;
mod python;
mod shared;
mod tinyproxy;

mod account;
mod adopting;
mod agent;
mod check;
mod checked;
mod delivered;
mod differential;
mod endpoints;
mod env_from;
mod escapes;
mod exports;
mod metadata;
mod migrated;
mod policies;
mod profiles;
mod remedies;
mod rotation;
mod sessions;
mod signalled;
mod tables;
mod tls;
mod tunnels;
mod tutorial;

pub use node::{node, node_folder};
pub use python::interpreter;
pub use shared::Shared;
