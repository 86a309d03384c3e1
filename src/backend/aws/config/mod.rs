//! How AWS is read: options, AWS's variables and the profile, merged and checked before anything is requested.

mod environment;
mod profile;
mod settings;
mod values;
mod variable_reader;

pub use profile::{SetupError, apply_profile};
pub use settings::{MetadataSettings, Settings};
pub use variable_reader::{VariableError, VariableReader};
