//! Data and its invariants, shared by all stages: no I/O, no clap, no AWS client.

pub mod answer;
pub mod claims;
pub mod credential;
pub mod entry;
pub mod env_name;
pub mod environment;
pub mod inherited;
pub mod options;
pub mod outcome;
pub mod plan;
pub mod problem;
pub mod quoting;
pub mod reference;
pub mod secret_value;
pub mod suggest;
pub mod url;
