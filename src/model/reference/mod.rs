//! TODO

mod alias;
mod grammar;
mod locator;
mod reference_error;
mod region;
mod role;
mod secret_id;
mod secret_ref;
mod selector;
mod value_from;
mod variables;
mod version;

pub use alias::{Alias, AliasNameError, Aliases};
pub use grammar::Reference;
pub use locator::{Locator, Store};
pub use reference_error::ReferenceError;
pub use region::{REGION_EXPECTED, Region};
pub use role::{ROLE_EXPECTED, Role};
pub use secret_id::{LocatorError, SecretId};
pub use secret_ref::SecretRef;
pub use selector::{JsonPath, Selector};
pub use version::{AWSCURRENT, Version};
