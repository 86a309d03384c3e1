//! The settings of a session with AWS: options, AWS's variables and the profile, merged and checked before any request.

mod environment;
mod profile;
mod settings;
mod values;
mod variable_reader;

pub use profile::{SetupError, apply_profile};
pub use settings::{MetadataSettings, Settings, VariableKeys};
pub use variable_reader::{VariableError, VariableReader};
