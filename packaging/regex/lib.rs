//! regex-lite in place of regex, of whose API jsonpath-rust uses what both have: the tables of Unicode would be an eighth of the binary,
//! and their relocation a tenth of the page faults of a launch.

pub use regex_lite::*;
