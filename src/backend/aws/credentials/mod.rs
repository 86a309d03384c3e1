//! Credentials: the chain of providers. The SDK's own serve SSO's token, containers and, behind checks, IMDS.

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
