//! The output of `check`: one document, which `--json` prints as it is and which `table` turns into
//! tables for people.
//!
//! docs/check.md describes the fields, and the statuses and codes that both forms show. The
//! document never contains a value.

mod findings;
mod row;
mod secret_row;
mod table;

pub use findings::{Findings, command_row};
pub use row::{CheckDepth, CheckedValues, by_outcome, override_note, override_object};
pub use secret_row::secret_row;
pub use table::tables;
