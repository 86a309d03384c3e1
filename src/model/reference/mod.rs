//! References as users write them, `SECRET[:KEY[:STAGE[:VERSION-ID]]]`, and what they resolve to.
//!
//! A [`Reference`] is the parsed text. Aliases and `${NAME}` turn it into a [`SecretRef`]: a [`Locator`] (one request) and a
//! [`Selector`] (one value in the answer).

mod alias;
mod arn;
mod grammar;
mod locator;
mod reference_error;
mod region;
mod role;
mod secret_id;
mod selector;
mod store;
mod value_from;
mod variables;
mod version;

pub use alias::{Alias, AliasNameError, Aliases};
pub use arn::Arn;
pub use grammar::Reference;
pub use locator::{Locator, SecretRef};
pub use reference_error::ReferenceError;
pub use region::Region;
pub use role::Role;
pub use secret_id::{SecretId, SecretIdError};
pub use selector::{JsonPath, Selector};
pub use store::Store;
pub use version::{AWSCURRENT, Version};
