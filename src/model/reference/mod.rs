//! References as users write them, `SECRET[:KEY[:STAGE[:VERSION-ID]]]`, and the requests that they
//! stand for.
//!
//! What goes in is text. [`Reference`] is the text split into fields. With the aliases and the
//! inherited variables, it becomes a [`SecretRef`], which has a [`Locator`] (one request) and a
//! [`Selector`] (one value in the answer):
//!
//! ```text
//! "db:password:AWSPREVIOUS"                               the text
//!    │ Reference::parse
//!    ▼
//! SECRET db, KEY password, STAGE AWSPREVIOUS              a Reference
//!    │ Reference::locate, with secrets: { db: "${STAGE}/db" } and STAGE=prod
//!    ▼
//! request prod/db, AWSPREVIOUS │ take the key password    a SecretRef: Locator │ Selector
//! ```
//!
//! The text may be a password that was written instead of a reference, and a variable may have a
//! secret value. So an error never quotes more of the text than a single character, unless the rest
//! of it shows that it is a reference, and nothing of a variable.

mod arn;
mod grammar;
mod locator;
mod secret_id;

pub use arn::{Arn, Region, Role, Store};
pub use grammar::{Reference, URL_REMEDY, expand_path, split_colon, split_secret};
pub use locator::{
    AWS_STAGES, AWSCURRENT, Alias, Aliases, JsonPath, Locator, SecretRef, Selector, Version,
    below_path, validate_alias_name,
};
pub use secret_id::{ParameterPath, SecretId, is_bare_word, is_name_character};
