//! The protocol of AWS's services: endpoints, signed requests, JSON 1.1, and the meaning of errors.

mod client;
mod endpoints;
mod errors;
mod json;

pub use client::{ATTEMPT_TIMEOUT, Client, READ_TIMEOUT};
pub use endpoints::{Api, Endpoints, find_endpoint, own_host, partition_of};
pub use errors::{classify_sdk_error, malformed_response};
#[cfg(any(fuzzing, test))]
pub use json::read_body;
pub use json::{call, code_and_message, error_response, read_object, timestamp};
