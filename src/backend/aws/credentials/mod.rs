//! Credentials: the chain of providers. Of the SDK's, those of SSO's token and of containers are used, and IMDS behind checks.

mod chain;
mod imds;
mod mfa;
mod process;
mod profile;
mod program;
mod provider;
mod sources;
mod sso;

pub use chain::find_credentials;
pub use imds::instance_region;
pub use mfa::MfaCodes;
pub use provider::SearchContext;
pub use sources::remove_empty_variables;
