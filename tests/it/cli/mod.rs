//! The command line, the launch and its environment, the subcommands, and the reports about
//! everything that is wrong.

mod arguments {
    rows::rows!("tests/it/cli/arguments.rows");
}
mod command;
mod environment;
mod generated;
mod get;
mod install;
mod launch;
mod options {
    rows::rows!("tests/it/cli/options.rows");
}
mod report;
mod usage;
mod working_directory;
