//! The protocol of AWS's services: endpoints, signed requests, JSON 1.1, and the meaning of errors.

mod classify;
mod client;
mod endpoints;
mod error_codes;
mod error_text;
mod json;
mod partitions;

pub use classify::{Classified, classify, classify_connector_error, classify_provider_error, malformed_response};
pub use client::{Client, SdkFailure, Timeouts, defect, expires_soon};
pub use endpoints::{Api, Endpoint, Endpoints, find_endpoint};
pub use error_codes::ServiceError;
pub use error_text::error_text;
pub use json::{call, code_and_message, read_object, timestamp};
pub use partitions::{COMMERCIAL, partition_of};
