//! The settings of a session with AWS. They come from the options, from AWS's variables and from the profile, in this order of precedence, and
//! they are checked before any request:
//!
//! ```text
//! options ───────────────┐
//! variables ─ environment┴─▶ Settings ──┐
//!                                       ├─▶ apply_profile ─▶ Settings, and the RoleChain: how the profile gets its credentials
//! configuration files ─ files ─▶ profile┘
//! ```
//!
//! The SDK reads the same variables and files, but it panics at some invalid values, and ignores others. Here, an invalid value is always an
//! error that names the variable or the setting, and never an ignored one.

mod environment;
mod files;
mod role_chain;
mod settings;
mod variable_reader;

#[cfg(any(fuzzing, test))]
pub use files::parse_ini;
pub use role_chain::{ProfileRole, RoleChain, RoleSource, Sso, WebIdentity};
pub use settings::{
    MetadataSettings, Purpose, Settings, VariableKeys, apply_profile, apply_settings,
};
pub use variable_reader::{METADATA_URL, VariableReader};
