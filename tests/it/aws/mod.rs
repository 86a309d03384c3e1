//! AWS and the agent: credentials, roles, regions, parameters, settings, connections, and what each
//! failure means.

mod agent;
mod connection;
mod echoes;
mod faults;
mod identity;
mod labels;
mod mfa;
mod outages;
mod parameters;
mod process;
mod profiles;
mod regions;
mod retries;
mod settings;
mod sso;
mod waiting;

::rows::files!("tests/it/aws", credentials);
