//! The options that say how to resolve, what the command gets, what follows a rotation and what is printed: as typed on the command line, in
//! `SECRETS_EXEC_*` or under `defaults:`, and as resolved from all three; and those of single commands.

mod operators;
mod resolved;
mod rotation;
mod signal_number;
mod spec;
mod table;
mod typed;

pub use operators::{CheckOptions, ExportFormat, ExportOptions, MigrateOptions, PolicyOptions};
pub use resolved::{AwsOptions, CacheOptions, OptionConflict, Options, SourceOption};
pub use rotation::{OnRotation, Rotation};
pub use signal_number::{Forwarding, SignalNumber};
pub use spec::{Given, OptionSpec, Takes};
pub use table::{OPTIONS, OUTPUT, find_option};
pub use typed::{LogFormat, TypedOptions};
