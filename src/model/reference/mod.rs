//! References as users write them, `SECRET[:KEY[:STAGE[:VERSION-ID]]]`, and the requests that they stand for.
//!
//! - `grammar` parses a [`Reference`].
//! - `alias` and `placeholder` (`${NAME}`) complete it to a [`SecretRef`]: a [`Locator`] (one request) and a
//!   [`Selector`] (one value in the answer).
//! - `store`, `secret_id`, `arn` (and regions), `role` and `version` are the fields of a locator.

mod alias;
mod arn;
mod grammar;
mod locator;
mod placeholder;
mod reference_error;
mod role;
mod secret_id;
mod selector;
mod store;
mod version;

pub use alias::{Alias, AliasNameError, Aliases};
pub use arn::{Arn, Region};
pub use grammar::Reference;
pub use locator::{Locator, PathError, SecretRef};
pub use reference_error::ReferenceError;
pub use role::Role;
pub use secret_id::{SecretId, SecretIdError};
pub use selector::{JsonPath, Selector};
pub use store::Store;
pub use version::{AWSCURRENT, Version, VersionError};
