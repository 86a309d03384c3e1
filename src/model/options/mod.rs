//! The options that say how to resolve, what the command gets and how much is printed: as typed on the command line, in
//! `SECRETS_EXEC_*` or under `defaults:`, and as resolved from all three; and those of single commands.

mod operators;
mod resolved;
mod spec;
mod table;
mod typed;

pub use operators::{CheckOptions, ExportFormat, ExportOptions, MigrateOptions, PolicyOptions};
pub use resolved::{AwsOptions, OptionConflict, Options, SourceOption};
pub use spec::{Given, OptionSpec, Takes};
pub use table::{OPTIONS, OUTPUT, find_option};
pub use typed::TypedOptions;
