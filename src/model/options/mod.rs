//! The options that a flag, a variable `SECRETS_EXEC_*` or the `defaults:` of a declaration can set.
//!
//! `table` lists them, with one row for each option. The options that one place sets are a [`TypedOptions`]. The places are merged from the lowest to
//! the highest precedence, and the result becomes [`Options`], in which the defaults are filled in.

mod resolved;
mod table;
mod value;

pub use resolved::{
    AwsOptions, CacheOptions, Options, RegionSource, RotationOptions, SourceOption,
};
pub use table::{OPTIONS, OptionSpec, Takes, TypedOptions, find_option};
pub use value::{Forwarding, KeyExchange, LogFormat, OnRotation, SignalNumber};
