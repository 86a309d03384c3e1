//! The command line, the launch and its environment, the subcommands, and the reports about
//! everything that is wrong.

mod command;
mod environment;
mod generated;
mod get;
mod install;
mod launch;
mod report;
mod usage;
mod working_directory;

::rows::files!("tests/it/cli", arguments options);
