//! The backends, from which secrets-exec reads secrets. A backend gets a set of locators and
//! returns an answer for each of them. A locator describes one request: the id and version of a
//! secret, and the region and the role to read it with. An answer is a document, which has the
//! secret's value, or the failure of the request.
//!
//! ```text
//! locators ──▶ Backend ──┬─▶ aws ─────────────────────────────▶ answers: a document, or the failure of the request,
//!                        ├─▶ cached ── no fresh entry ─▶ aws ─▶          one for each locator
//!                        ├─▶ agent ── --agent-fallback ─▶ aws ▶
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

use crate::model::answer::{Again, Answer, Answers, Caller, Cause, OutageKind, Refusal};
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::reference::Locator;
use agent::Agent;
use aws::Aws;
use cached::Cached;
use local_file::LocalFile;

/// The backend of a launch, with its fallback if it has one.
pub enum Backend {
    Aws(Box<Aws>),
    /// AWS with the cache of `--cache`.
    Cached(Box<Cached>),
    /// The AWS Secrets Manager Agent. With `--agent-fallback`, also AWS, which is asked for a
    /// secret if the agent's answer isn't final (`is_final`).
    Agent(Box<Agent>, Option<Box<Aws>>),
    /// The file of `--local`.
    Local(LocalFile),
}

impl Backend {
    /// The failures of the locators that the agent can never read ([`Agent::unsupported`]). Empty
    /// for any other backend. If `plan` has any locators, reads AWS's configuration files, because
    /// the profile may set the region that the agent reads from. Doesn't send a request.
    ///
    /// # Errors
    /// If AWS's configuration files or the profile are invalid.
    pub fn never_readable(&mut self, plan: &Plan) -> Result<Answers, Problem> {
        let locators = plan.locators();
        let Self::Agent(agent, _) = self else {
            return Ok(Answers::new());
        };
        if !locators.is_empty() {
            agent.read_profile()?;
        }
        Ok(agent.unsupported(&locators))
    }

    /// Answers each locator in `wanted`. The backend must support all of them
    /// ([`Agent::unsupported`]).
    ///
    /// # Errors
    /// If AWS's configuration is invalid, or if a launch with `--on-rotation` would need an MFA
    /// code.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, Problem> {
        match self {
            Self::Aws(aws) => aws.answers(wanted, None).await,
            Self::Cached(cached) => cached.answers(wanted).await,
            Self::Agent(agent, None) => Ok(agent.answers(wanted).await),
            Self::Agent(agent, Some(aws)) => {
                let (mut answered, unanswered): (Answers, Answers) = agent
                    .answers(wanted)
                    .await
                    .into_iter()
                    .partition(|(_, answer)| is_final(answer));
                if !unanswered.is_empty() {
                    agent.is_enough = false;
                    let missing = unanswered.keys().collect();
                    answered.extend(aws.answers(&missing, None).await?);
                }
                Ok(answered)
            }
            Self::Local(file) => Ok(file.answers(wanted)),
        }
    }

    /// The AWS client of this backend. `None` for a backend that never sends a request to AWS:
    /// `--local`, and `--agent` without `--agent-fallback`.
    pub fn aws(&mut self) -> Option<&mut Aws> {
        match self {
            Self::Aws(aws) => Some(aws),
            Self::Cached(cached) => Some(&mut cached.aws),
            Self::Agent(_, aws) => aws.as_deref_mut(),
            Self::Local(_) => None,
        }
    }

    /// Replaces or removes the documents of `unsuitable` locators in `answers`, if there may be
    /// better ones ([`Cached::replace`]). Returns true if `answers` has changed.
    pub fn replace(&mut self, unsuitable: BTreeSet<Locator>, answers: &mut Answers) -> bool {
        let Self::Cached(cached) = self else {
            return false;
        };
        cached.replace(unsuitable, answers)
    }

    /// Forgets every failure, so that the next fetch tries everything again.
    pub fn forget_failures(&mut self) {
        if let Self::Agent(agent, _) = self {
            agent.turns.forget_failures();
        }
        if let Some(aws) = self.aws() {
            aws.forget_failures();
        }
    }

    /// The identity that sent the requests to AWS ([`Aws::caller`]). `None` with `--local`, and
    /// also with `--agent`, because the agent has its own credentials. With `--agent-fallback`, a
    /// message couldn't say whether the agent or this caller sent a request.
    pub fn caller(&mut self) -> Option<Caller> {
        if matches!(self, Self::Agent(..)) {
            return None;
        }
        self.aws()?.caller()
    }
}

/// True if an answer from the agent is final, so that AWS isn't asked for the secret, even with
/// `--agent-fallback`.
fn is_final(answer: &Answer) -> bool {
    let Err(failure) = answer else { return true };
    match failure.error.cause {
        // The agent usually runs on this machine. If its clock is wrong, AWS would refuse our
        // signature, too.
        Cause::Outage(kind) => kind == OutageKind::ClockSkew,
        // `Never` means that the agent has refused the token or the role. `Later` means that no
        // token was found, so the agent wasn't asked.
        Cause::NoCredentials(_) => failure.error.again == Again::Never,
        // AWS is asked, because the agent hasn't received the request: its host doesn't speak TLS.
        Cause::Refused(Refusal::Endpoint) => false,
        Cause::Absent(_) | Cause::Denied(_) | Cause::Refused(_) | Cause::NoRegion => true,
    }
}
