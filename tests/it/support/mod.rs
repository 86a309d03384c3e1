//! The sandbox, the fakes and the assertions of the tests. `use crate::support::*` brings what most
//! tests need. In reading order:
//!
//! - [`sandbox`]: the builder of one run (arguments, environment, files, standard input), isolated
//!   from this machine.
//! - [`running`]: a run that has started. A test can signal it, look at it in `/proc`, and wait for
//!   its end under a hard limit.
//! - [`outcome`]: the status and output of a run, and the assertions on them.
//! - [`scene`]: what a failed assertion shows of a run.
//! - [`lines`]: the program's lines on standard error.
//! - [`deadline`]: runs that must end when their `--timeout` or `--wait` is over.
//! - [`aws`]: a fake of AWS over HTTP that records every request.
//! - [`identity`]: the source of a launch's credentials, and other AWS settings.
//! - [`console`]: the commands of a page, and what they print.
//! - [`wire`]: a server that follows a script of bytes, pauses and cuts, for faults below HTTP.
//! - [`tls`]: a certificate authority, and the server's side of a handshake.
//! - [`network`]: a network namespace with a silent link, and runs with other files in `/etc`; a
//!   relay, and a proxy.
//! - [`terminal`]: runs on a terminal, which shows what they print and on which a test can type.
//! - [`record`]: commands that report to a file what happens to them while they run; and a service
//!   manager, to which a run reports its state.
//! - [`directory`]: temporary directories, which are removed when they are dropped, and those for
//!   `--cache`.
//! - [`rows`]: the launches of a file of rows; also runs the rows of a table at the same time.
//! - [`skip`]: reports of tests that this machine cannot run.
//! - [`watch`]: the values that a test serves, which no output may show.

pub mod aws;
pub mod console;
pub mod deadline;
pub mod directory;
pub mod identity;
pub mod lines;
pub mod network;
pub mod outcome;
pub mod record;
pub mod rows;
pub mod running;
pub mod sandbox;
pub mod scene;
#[macro_use]
pub mod skip;
pub mod terminal;
pub mod tls;
pub mod watch;
pub mod wire;

pub use aws::fault::{self, Fault, plain};
pub use aws::secret::{AGENT_READ, AGENT_TOKEN, PREVIOUS_ID, Secret};
pub use aws::{
    Aws, CONTAINER_KEY, Call, ROLE_KEY, SSO_KEY, SSO_TOKEN, Version, served, served_over_tls,
};
pub use console::script;
pub use deadline::{ends_within, keeps_to, waits_for};
pub use directory::{CacheDirectory, Directory, named_pipe};
pub use identity::{ROLE, keyless, pair};
pub use network::{NOWHERE, Proxy, Relay};
pub use outcome::{Outcome, Status, assert_same};
pub use record::Manager;
pub use rows::side_by_side;
pub use running::Running;
pub use sandbox::{
    ACCESS_SECRET, CANARY, Sandbox, hanging, held, local, manifest, program, repository_file,
    sandbox,
};
pub use terminal::{at_a_terminal, terminal};
pub use tls::Authority;
pub use wire::{Step, Wire, scripted, steps};
