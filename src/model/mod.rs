//! Data and its invariants, shared by all stages: no I/O, no clap, no AWS client.
//!
//! - The input as written: `reference/`, `entry/`, `options/`, `command_line`, and `tree`, the syntax of a
//!   file.
//! - The result of each stage: `plan/` (what to set, what to request), `answer/` (documents), `resolved` (values).
//! - The environment: `inherited`, the part of it that the command keeps (`retention`), and the command's
//!   (`environment`).
//! - systemd's credentials: `credential`.
//! - Types of single values: `env_name` (with glob patterns of names), `secret_value`, `url`.
//! - Texts of messages: `quoting`, `suggest`, and `library_text`, which matches on those of other crates.

pub mod answer;
pub mod command_line;
pub mod credential;
pub mod entry;
pub mod env_name;
pub mod environment;
pub mod inherited;
pub mod library_text;
pub mod options;
pub mod plan;
pub mod quoting;
pub mod reference;
pub mod resolved;
pub mod retention;
pub mod secret_value;
pub mod suggest;
pub mod tree;
pub mod url;
