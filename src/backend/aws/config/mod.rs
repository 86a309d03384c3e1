//! The settings of a session with AWS. They come from the options, from AWS's variables and from
//! the profile, in this order of precedence, and they are checked before any request. `settings`
//! reads them twice, first without the files:
//!
//! ```text
//! options, variables ──────────┬─▶ Settings::new ─▶ Settings, from which the names of cache entries are made
//!                              ├─▶ apply_profile ─▶ Settings with those of the profile,
//! configuration files ─ places ┘                    and the RoleChain: how the profile gets its credentials
//! ```
//!
//! The SDK reads the same variables and files, but it panics on some invalid values and ignores
//! others. Here, an invalid value is never ignored. It is always an error that names the variable
//! or the setting.

mod places;
mod role_chain;
mod settings;

pub use places::METADATA_URL;
#[cfg(any(fuzzing, test))]
pub use places::parse_ini;
pub use role_chain::{ProfileRole, RoleChain, RoleSource, Sso, WebIdentity};
pub use settings::{
    MetadataSettings, Purpose, Settings, VariableKeys, apply_profile, apply_settings,
};
