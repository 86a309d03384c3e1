//! TODO

mod classify;
mod client;
mod endpoints;
mod error_codes;
mod error_text;
mod json;
mod partitions;

pub use classify::{classify, classify_connector_error, classify_provider_error};
pub use client::{Client, Failure, Timeouts};
pub use endpoints::{Api, Endpoint, Endpoints, find};
pub use error_codes::by_code;
pub use error_text::text_of;
pub use json::{call, code_and_message};
