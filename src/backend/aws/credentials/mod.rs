//! Credentials: the chain of providers, and the providers that replace the SDK's own for profiles and IMDS.

mod chain;
mod environment;
mod imds;
mod local_causes;
mod mfa;
mod process;
mod process_group;
mod profile;
mod prompt;
mod provider_configs;
mod sso;

pub use chain::find_credentials;
pub use imds::instance_region;
pub use mfa::MfaCodes;
pub use provider_configs::ProviderConfigs;
