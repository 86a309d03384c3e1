//! Credentials: the chain of providers. The SDK's own serve SSO's token, containers and, behind checks, IMDS.

mod chain;
mod imds;
mod mfa;
mod process;
mod provider;
mod sources;
mod sso;
mod sts;

pub use chain::{caller_variables, find_credentials};
pub use imds::instance_region;
pub use mfa::MfaCodes;
pub use provider::{ProviderName, SearchContext, misconfigured, with_provider};
pub use sources::remove_empty_variables;
pub use sts::{CallerIdentity, assume, identity};
