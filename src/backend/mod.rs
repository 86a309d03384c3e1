//! The backends, from which secrets-exec reads secrets. A backend gets a set of locators and
//! returns an answer for each of them. A locator describes one request: the id and version of a
//! secret, and the region and the role to read it with. An answer is a document, which has the
//! secret's value, or the failure of the request.
//!
//! ```text
//! locators ──▶ Backend ──┬─▶ aws ─────────────────────────────▶ answers: a document, or the failure of the request,
//!                        ├─▶ cached ── no fresh entry ─▶ aws ─▶          one for each locator
//!                        ├─▶ agent ───────────────────────────▶
//!                        └─▶ local_file ──────────────────────▶
//! ```
//!
//! A failed request is an answer, not an error, because other secrets may have been read, and the
//! report lists everything that's missing. An answer is always about the requested secret and
//! version: each backend checks this before it returns a document.

pub mod agent;
pub mod aws;
pub mod cached;
pub mod local_file;

use std::collections::BTreeSet;

use crate::model::answer::{Answers, Caller, Circumstances};
use crate::model::problem::Problem;
use crate::model::record::Record;
use crate::model::reference::Locator;
use agent::Agent;
use aws::Aws;
use cached::Cached;
use local_file::LocalFile;

/// The backend of a launch.
pub enum Backend {
    Aws(Box<Aws>),
    /// AWS with the cache of `--cache`.
    Cached(Box<Cached>),
    /// The AWS Secrets Manager Agent.
    Agent(Box<Agent>),
    /// The file of `--local`.
    Local(LocalFile),
}

impl Backend {
    /// Answers each locator in `wanted`.
    ///
    /// # Errors
    /// If AWS's configuration is invalid, or if a launch with `--on-rotation` would need an MFA
    /// code.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, Problem> {
        match self {
            Self::Aws(aws) => aws.answers(wanted, None).await,
            Self::Cached(cached) => cached.answers(wanted).await,
            Self::Agent(agent) => agent.answers(wanted).await,
            Self::Local(file) => Ok(file.answers(wanted)),
        }
    }

    /// The AWS client of this backend. `None` for `--local` and `--agent`, which never send a request
    /// to AWS.
    pub fn aws(&mut self) -> Option<&mut Aws> {
        match self {
            Self::Aws(aws) => Some(aws),
            Self::Cached(cached) => Some(cached.aws()),
            Self::Agent(_) | Self::Local(_) => None,
        }
    }

    /// Replaces or removes the documents of `unsuitable` locators in `answers`, if there may be
    /// better ones ([`Cached::replace`]). Returns true if `answers` has changed.
    pub fn replace(&mut self, unsuitable: BTreeSet<Locator>, answers: &mut Answers) -> bool {
        match self {
            Self::Cached(cached) => cached.replace(unsuitable, answers),
            Self::Aws(_) | Self::Agent(_) | Self::Local(_) => false,
        }
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

    /// The warnings about entries of the cache ([`Cached::warnings`]).
    pub fn cache_warnings(&self) -> Vec<Record> {
        match self {
            Self::Cached(cached) => cached.warnings(),
            Self::Aws(_) | Self::Agent(_) | Self::Local(_) => Vec::new(),
        }
    }

    /// The facts of the launch that messages about the failures of the last fetch mention.
    pub fn circumstances(&mut self) -> Circumstances {
        match self {
            Self::Aws(aws) => aws.circumstances(),
            Self::Cached(cached) => cached.aws().circumstances(),
            Self::Agent(_) => Circumstances::default(),
            Self::Local(file) => Circumstances::of_local_file(file.path.clone()),
        }
    }

    /// The identity that sent the requests to AWS ([`Aws::caller`]). `None` with `--local`, and
    /// also with `--agent`, because the agent has its own credentials.
    pub fn caller(&mut self) -> Option<Caller> {
        self.aws()?.caller()
    }
}
