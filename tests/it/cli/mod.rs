//! The command line, the launch and its environment, the other commands, and the reports of what is wrong.

mod command;
mod environment;
mod export;
mod generated;
mod get;
mod hints;
mod install;
mod launch;
mod migrate;
mod options;
mod report;
mod usage;
mod working_directory;
