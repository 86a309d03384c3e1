//! The settings of a session with AWS: options, AWS's variables and the profile, merged and checked before any request.

mod caller;
mod environment;
mod ini;
mod profile;
mod profiles;
mod role_chain;
mod settings;
mod setup_error;
mod variable_reader;

pub use caller::distinction;
pub use ini::encode_name;
pub use profile::apply_profile;
pub use profiles::{Profiles, UnreachableFile};
pub use role_chain::{ChainError, NamedSource, ProfileRole, Source, role_chain};
pub use settings::{MetadataSettings, Reading, Settings, VariableKeys};
pub use setup_error::{ProfileSource, SetupError};
pub use variable_reader::{VariableError, VariableReader};
