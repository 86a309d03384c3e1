//! Credentials: the chain of providers. The SDK's own serve SSO's token, containers and, behind checks, IMDS.

mod chain;
mod imds;
mod mfa;
mod process;
mod provider;
mod sources;
mod sso;
mod sts;
mod web_identity;

pub use chain::{caller_variables, find_credentials};
pub use imds::instance_region;
pub use mfa::MfaCodes;
pub use provider::{CredentialsOrigin, SearchContext, misconfigured, naming_credentials};
pub use sources::remove_empty_variables;
pub use sts::{CallerIdentity, assume, identity};
