//! The options that a flag, a variable `SECRETS_EXEC_*` or the `defaults:` of a declaration can
//! set.
//!
//! `option_table` lists them, with one row for each option, and has the parsers of their values.
//! The options that one place sets are a [`TypedOptions`]. The places are merged from the lowest to
//! the highest precedence, and the result becomes [`Options`], in which the defaults are filled in.

mod option_table;
mod resolved;

pub use option_table::{
    Forwarding, KeyExchange, LogFormat, OPTIONS, OnRotation, OptionSpec, SignalNumber, Takes,
    Topic, TypedOptions, find_option,
};
pub use resolved::{
    AwsOptions, CacheOptions, Options, RegionSource, RotationOptions, SourceOption,
};
