//! What secrets-exec tells the user: why a request failed, what is wrong with a value or an input,
//! and what to do.
//!
//! A mistake in a reference or a template is a `Fault` instead, in `model/fault`: the code that
//! parses references uses it, and doesn't depend on messages.

mod circumstances;
mod fetch_error;
mod place;
mod problem;
mod record;
mod remark;
mod surroundings;
mod wording;

pub use circumstances::{AwsDefaults, Circumstances};
pub use fetch_error::*;
pub use place::*;
pub use problem::*;
pub use record::*;
pub use remark::*;
pub use surroundings::*;
