//! Where secrets come from; the only module that names the SDK.

mod agent;
mod arn_scope;
mod aws;
mod aws_json;
#[cfg(any(fuzzing, test))]
mod canned;
mod causes;
mod classify;
mod client;
mod clients;
mod clock;
mod credentials;
mod dial;
mod endpoints;
mod local;
mod names;
mod parameter_store;
mod profile;
mod proxy;
mod retry;
mod secrets_manager;
mod session;
mod settings;
mod sts;
mod transport;
mod trust;
mod variables;
mod wording;

pub use agent::{Agent, AgentSettings};
pub use aws::Aws;
#[cfg(any(fuzzing, test))]
pub use canned::{Canned, answer};
pub use clock::{Awaited, Clock, Waiting};
pub use local::{LocalError, LocalFile, LocalProblem};
pub use profile::SetupError;
pub use settings::Settings;
pub use variables::VariableError;

use std::collections::BTreeSet;

use crate::fetched::{Document, FetchFailure};
use crate::reference::Locator;

/// How many requests are under way together, and how many connections to one host there are. Each request has a connection
/// of its own, so a cap costs round trips; 20 secrets must not meet it, and a service must not meet a flood.
const IN_FLIGHT: usize = 32;

/// An answer for each locator that was asked for.
pub type Answers = Vec<(Locator, Result<Document, FetchFailure>)>;

/// A source of documents.
pub enum Source {
    /// AWS itself.
    Aws(Box<Aws>),
    /// The AWS Secrets Manager Agent, or Lambda's extension.
    Agent(Box<Agent>),
    /// A file of `--local`.
    Local(LocalFile),
}

impl Source {
    /// The time that the source has, if it can take any.
    pub fn clock(&self) -> Option<&Clock> {
        match self {
            Self::Aws(aws) => Some(aws.clock()),
            Self::Agent(agent) => Some(agent.clock()),
            Self::Local(_) => None,
        }
    }

    /// Answers every one of `wanted`. Batching, concurrency, retries and partial failure are the source's business.
    ///
    /// # Errors
    /// Only when nothing can be asked at all; the failure of one secret is that secret's answer.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        match self {
            Self::Aws(aws) => aws.fetch(wanted).await,
            Self::Agent(agent) => agent.fetch(wanted).await,
            Self::Local(file) => Ok(file.fetch(wanted)),
        }
    }
}
