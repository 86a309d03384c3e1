//! The search for credentials. `chain` asks the providers one after the other. `sts` assumes
//! roles, and asks the user for the MFA codes that they need.
//!
//! For SSO tokens, containers and the instance metadata, we use the SDK's providers, because AWS
//! changes these protocols. Everything at which they would panic, or which they would ignore, is
//! checked before they are asked.

mod chain;
mod process;
mod provider;
mod sources;
mod sts;

pub use chain::{caller_variables, find_credentials};
pub use provider::{CredentialsOrigin, SearchContext, explain_refused_credentials, misconfigured};
pub use sources::{instance_region, remove_empty_variables};
pub use sts::{
    CallerIdentity, ask_for_missing_codes, assume_with_retries, request_caller_arn,
    with_stored_session,
};
