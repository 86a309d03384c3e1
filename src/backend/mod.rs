//! The backends, from which secrets-exec reads secrets. A backend gets a set of locators and
//! returns an answer for each of them.
//!
//! ```text
//! locators ──▶ Backend ──┬─▶ aws ────────────────────────────▶ one answer for each locator:
//!                        ├─▶ cached ─ no fresh entry ─▶ aws ─▶ a document, or the failure
//!                        ├─▶ agent ──────────────────────────▶ of the request
//!                        └─▶ local_file ─────────────────────▶
//! ```
//!
//! A failed request is an answer, not an error: the other secrets may have been read, and the
//! report lists everything that's missing. Before a backend returns a document, it checks that the
//! document is about the requested secret and version.

pub mod agent;
pub mod aws;
pub mod cached;
pub mod local_file;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::answer::{Answers, Caller};
use crate::model::message::{Circumstances, Problem, Record};
use crate::model::reference::Locator;
use agent::Agent;
use aws::Aws;
use cached::Cached;
use local_file::LocalFile;

/// The source from which a launch reads its secrets.
pub enum Backend {
    Aws(Box<Aws>),
    /// AWS, with its answers kept in a cache (`--cache`).
    Cached(Box<Cached>),
    /// The AWS Secrets Manager Agent (`--agent`).
    Agent(Box<Agent>),
    /// A file that is read instead of AWS (`--local`).
    Local(LocalFile),
}

impl Backend {
    /// Answers each locator in `wanted`.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, Problem> {
        match self {
            Self::Aws(aws) => aws.answers(wanted, None).await,
            Self::Cached(cached) => cached.answers(wanted).await,
            Self::Agent(agent) => agent.answers(wanted).await,
            Self::Local(file) => Ok(file.answers(wanted)),
        }
    }

    /// The AWS client, if requests are sent to AWS.
    pub fn aws(&mut self) -> Option<&mut Aws> {
        match self {
            Self::Aws(aws) => Some(aws),
            Self::Cached(cached) => Some(cached.aws()),
            Self::Agent(_) | Self::Local(_) => None,
        }
    }

    /// Replaces documents that don't have every value ([`Cached::replace`]). `lacking` maps their
    /// locators to true if the launch would fail with the document. If AWS has to be asked again,
    /// the document is only removed. Returns true if `answers` changed.
    pub fn replace(&mut self, lacking: BTreeMap<Locator, bool>, answers: &mut Answers) -> bool {
        let mut has_changed = false;
        for (locator, is_needed) in lacking {
            has_changed |= match self {
                Self::Aws(aws) => is_needed && aws.forget_replica(&locator, answers),
                Self::Cached(cached) => cached.replace(locator, is_needed, answers),
                Self::Agent(_) | Self::Local(_) => false,
            };
        }
        has_changed
    }

    /// Forgets every failure, so that the next fetch tries everything again.
    pub fn forget_failures(&mut self) {
        match self {
            Self::Aws(aws) => aws.forget_failures(),
            Self::Cached(cached) => cached.aws().forget_failures(),
            Self::Agent(agent) => agent.turns.forget_failures(),
            Self::Local(_) => {}
        }
    }

    /// The warnings about cache entries that couldn't be used, stored or removed.
    pub fn cache_warnings(&self) -> Vec<Record> {
        match self {
            Self::Cached(cached) => cached.warnings(),
            Self::Aws(_) | Self::Agent(_) | Self::Local(_) => Vec::new(),
        }
    }

    /// The facts that messages about failed requests mention, such as the default region or the
    /// `--local` file.
    pub fn circumstances(&mut self) -> Circumstances {
        match self {
            Self::Aws(aws) => aws.circumstances(),
            Self::Cached(cached) => cached.aws().circumstances(),
            Self::Agent(_) => Circumstances::default(),
            Self::Local(file) => Circumstances::of_local_file(file.path.clone()),
        }
    }

    /// The identity that sent the requests to AWS ([`Aws::caller`]).
    pub fn caller(&mut self) -> Option<Caller> {
        self.aws()?.caller()
    }
}
