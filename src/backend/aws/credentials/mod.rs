//! The search for credentials. `chain` asks the providers one after the other, and each provider
//! has a file of its own. `sts` assumes roles.
//!
//! For SSO tokens, containers and the instance metadata, we use the SDK's providers, because AWS
//! changes these protocols. Everything that they would panic at or ignore is checked before they
//! are asked.

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
pub use provider::{CredentialsOrigin, SearchContext, explain_refused_credentials, misconfigured};
pub use sources::remove_empty_variables;
pub use sts::{CallerIdentity, assume_with_retries, identity};
