//! References as users write them, `SECRET[:KEY[:STAGE[:VERSION-ID]]]`, and the requests that they stand for.
//!
//! A [`Reference`] is completed by aliases and `${NAME}` to a [`SecretRef`]: a [`Locator`] (one request) and a [`Selector`] (one value in
//! the answer).

mod arn;
mod grammar;
mod locator;
mod placeholder;
mod secret_id;
mod version;

pub use arn::{Arn, Region, Role, Store};
pub use grammar::Reference;
pub use locator::{Alias, Aliases, JsonPath, Locator, SecretRef, Selector, validate_alias_name};
pub use secret_id::{ReferenceError, SecretId};
pub use version::{AWS_STAGES, AWSCURRENT, Version};
