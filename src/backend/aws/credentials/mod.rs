//! Credentials: the chain of providers, and those of the providers that are not the SDK's own.

mod chain;
mod imds;
mod process;
mod process_group;
mod profile;
mod validation;

pub use chain::{ProviderConfigs, find_credentials};
pub use imds::instance_region;
pub use validation::defect;
