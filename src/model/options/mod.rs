//! The options that say how to resolve, what the command gets, what follows a rotation and what is printed: as typed on the command line,
//! in `SECRETS_EXEC_*` or under `defaults:`, and as resolved from all three.

mod resolved;
mod table;
mod value;

pub use resolved::{
    AwsOptions, CacheOptions, Options, RegionSource, RotationOptions, SourceOption,
};
pub use table::{OPTIONS, OptionSpec, Takes, TypedOptions, find_option};
pub use value::{Forwarding, KeyExchange, LogFormat, OnRotation, SignalNumber};
