//! The output of `check`: a table for people, or JSON.
//!
//! - `row` is an entry with its sources and its status, `rows` makes them; `problem` names a failure in few words.
//! - `overrides` finds the entries without effect.
//! - `findings` is all of it; `tables` and `json` print it, `grid` aligns a table.

mod age;
mod alias_warnings;
mod description_warnings;
mod findings;
mod grid;
mod json;
mod overrides;
mod problem;
mod row;
mod rows;
mod tables;

pub use alias_warnings::alias_warnings;
pub use description_warnings::description_warnings;
pub use findings::{CheckedCommand, CheckedSource, Findings};
pub use json::json;
pub use overrides::{override_notes, overrides};
pub use rows::{Values, rows};
pub use tables::text;
