//! TODO

mod environment;
mod expected;
mod profile;
mod settings;
mod variable_reader;

pub use profile::{SetupError, apply};
pub use settings::{MetadataSettings, Settings};
pub use variable_reader::{Reader, VariableError};
