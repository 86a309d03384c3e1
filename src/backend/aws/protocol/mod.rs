//! The protocol of AWS's services: endpoints, signed requests, JSON 1.1, and the meaning of errors.

mod classify;
mod client;
mod endpoints;
mod error_codes;
mod error_text;
mod json;
mod partitions;

pub use classify::{classify_connector_error, classify_sdk_error};
pub use client::{ATTEMPT_TIMEOUT, Client, READ_TIMEOUT};
pub use endpoints::{Api, Endpoints, find_endpoint, own_host};
pub use error_codes::{ServiceError, malformed_response};
pub use error_text::error_text;
#[cfg(any(fuzzing, test))]
pub use json::read_body;
pub use json::{call, code_and_message, error_response, read_object, timestamp};
pub use partitions::partition_of;
