//! The black-box tests: every fact of the contract that a user could see, tried on the real binary.

// `pub` means "for the other modules" here: nothing can reach into a test binary.
#![allow(unreachable_pub)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod aws;
mod directory;
mod outcome;
mod proxy;
mod raw;
mod running;
mod sandbox;
mod skip;
mod tls;

#[path = "../peers/mod.rs"]
mod peers;

mod absence;
mod architecture;
mod command;
mod credentials;
mod declaration;
mod declaration_faults;
mod declaration_files;
mod defaults;
mod documents;
mod environment;
mod expansion;
mod faults;
mod inheritance;
mod keep_existing;
mod launch;
mod layers;
mod leaks;
mod local;
mod process;
mod readme;
mod references;
mod regions;
mod report;
mod retries;
mod roles;
mod schema;
mod signals;
mod sizes;
mod streams;
mod task_definition;
mod transport;
mod usage;
mod values;
