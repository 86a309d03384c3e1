//! The settings of a session with AWS: options, AWS's variables and the profile, merged and checked before any request.

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
