//! The black-box tests: every fact of the contract that a user can observe, tested on the real binary.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used)]

mod support;

mod absence;
mod architecture;
mod aws;
mod cache;
mod check;
mod check_describe;
mod check_json;
mod check_offline;
mod cli;
mod declaration;
mod declaration_faults;
mod declaration_files;
mod docs;
mod env_from;
mod env_from_layers;
mod env_from_refusals;
mod expansion;
mod files;
#[path = "../hosts/mod.rs"]
mod hosts;
mod layers;
mod local;
mod local_deadline;
#[path = "../peers/mod.rs"]
mod peers;
mod policy;
mod process;
mod references;
mod resolve_env;
mod rotation;
mod schema;
mod systemd;
mod template_faults;
mod templates;
mod values;
