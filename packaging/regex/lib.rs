//! Replaces regex with regex-lite for jsonpath-rust, which only uses the part of the API that both
//! have. The Unicode tables of regex would be an eighth of the binary, and relocating them would
//! cause a tenth of the page faults of a launch.

pub use regex_lite::*;
