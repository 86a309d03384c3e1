//! Where secrets come from; the only module that names the SDK.

mod agent;
mod aws;
mod causes;
mod classify;
mod clock;
mod credentials;
mod dial;
mod local;
mod names;
mod parameter_store;
mod profile;
mod proxy;
mod retry;
mod secrets_manager;
mod session;
mod sts;
mod transport;
mod trust;
mod variables;

pub use agent::{Agent, AgentSettings};
pub use aws::Aws;
pub use clock::{Awaited, Waiting};
pub use local::{LocalError, LocalFile, LocalProblem};
pub use profile::SetupError;
pub use variables::{Settings, VariableError};

use std::collections::BTreeSet;

use crate::fetched::{Document, FetchFailure};
use crate::reference::Locator;

/// An answer for each locator that was asked for.
pub type Answers = Vec<(Locator, Result<Document, FetchFailure>)>;

/// Something that gives documents.
pub trait Source {
    /// What is wrong with the source as a whole, whichever secret is asked for.
    type Error;

    /// Answers every one of `wanted`. Batching, concurrency, retries and partial failure are the source's business.
    ///
    /// # Errors
    /// Only when nothing can be asked at all; what goes wrong with one secret is that secret's answer.
    fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> impl Future<Output = Result<Answers, Self::Error>>;
}
