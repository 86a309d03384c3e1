//! The black-box tests: every fact of the contract that a user can observe, tested on the real
//! binary.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

#[macro_use]
mod support;

mod architecture;
mod aws;
mod cache;
mod check;
mod cli;
mod declaration;
mod docs;
mod export;
mod files;
#[path = "../hosts/mod.rs"]
mod hosts;
mod mistakes;
#[path = "../peers/mod.rs"]
mod peers;
mod process;
mod promises;
mod rotation;
mod rows;
mod values;
