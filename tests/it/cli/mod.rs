//! The command line, the launch and its environment, the other commands, and the reports of what is wrong.

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
