//! What secrets-exec tells the user, before `report` prints it: why a request failed, what is wrong
//! with a value or an input, and what to do.
//!
//! A reference or a template with a mistake is refused with a `Fault`, which is one step below: in
//! `model/fault`, beside `model/shown`, because references can't be read without them.

mod circumstances;
mod fetch_error;
mod place;
mod problem;
mod record;
mod remark;
mod surroundings;
mod wording;

pub use circumstances::{CallerAccount, Circumstances, LookedUp};
pub use fetch_error::*;
pub use place::*;
pub use problem::*;
pub use record::*;
pub use remark::*;
pub use surroundings::*;
