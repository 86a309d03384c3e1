//! Credentials: the chain of providers. Of the SDK's, those for web identity, SSO and containers are used, and IMDS behind checks.

mod chain;
mod imds;
mod local_failures;
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
pub use process_group::kill_process;
pub use provider_configs::ProviderConfigs;
