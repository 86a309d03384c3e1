//! The protocol of AWS's services: where to send a request, how to sign it, AWS's JSON format, and
//! the meaning of its errors.

mod client;
mod endpoints;
mod json;
mod service_error;

pub use client::{ATTEMPT_TIMEOUT, Client, READ_TIMEOUT};
pub use endpoints::{Api, Endpoints, find_endpoint, own_host, partition_of};
#[cfg(any(fuzzing, test))]
pub use json::read_body;
pub use json::{call, code_and_message, error_response, read_object, timestamp};
pub use service_error::{classify_sdk_error, malformed_response, not_sent};
