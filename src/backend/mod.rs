//! Backends return an answer for each locator, which describes one request: a secret's id, version,
//! region and role.
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

use crate::model::answer::{
    Again, Answer, AnsweredLocators, Answers, Caller, Cause, OutageKind, Refusal,
};
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::reference::Locator;
use agent::Agent;
use aws::{Aws, IsLost};
use cached::Cached;
use local_file::LocalFile;

/// The backend of a launch, with its fallback if it has one.
pub enum Backend {
    Aws(Box<Aws>),
    /// AWS with the cache of `--cache`.
    Cached(Box<Cached>),
    /// The AWS Secrets Manager Agent. With `--agent-fallback`, also AWS, which is asked if the
    /// agent's answer isn't final (`is_final`).
    Agent(Box<Agent>, Option<Box<Aws>>),
    /// The file of `--local`.
    Local(LocalFile),
}

impl Backend {
    /// Prepares the agent for [`Agent::unsupported`] and returns it. What the agent can read
    /// depends on the profile, so if `plan` has any locators, this reads AWS's configuration files.
    /// Doesn't send a request.
    ///
    /// # Errors
    /// If AWS's configuration files or the profile are invalid.
    pub fn prepared_agent(&mut self, plan: &Plan) -> Result<Option<&Agent>, Problem> {
        let Self::Agent(agent, _) = self else {
            return Ok(None);
        };
        if !plan.locators().is_empty() {
            agent.read_profile()?;
        }
        Ok(Some(agent))
    }

    /// Answers each locator in `wanted`. The backend must support all of them
    /// ([`Agent::unsupported`]).
    ///
    /// `is_lost` can end the requests early ([`Aws::answers`]). The last two parameters are for the
    /// cache ([`Cached::answers`]).
    ///
    /// # Errors
    /// If AWS is asked and its configuration files, the profile or a region are invalid, or if an
    /// unattended launch would need an MFA code.
    pub async fn fetch(
        &mut self,
        wanted: &BTreeSet<&Locator>,
        is_lost: IsLost<'_>,
        suffices: &impl Fn(&Answers) -> bool,
        not_from_cache: &BTreeSet<Locator>,
    ) -> Result<AnsweredLocators, Problem> {
        match self {
            Self::Aws(aws) => aws.answers(wanted, None, is_lost).await,
            Self::Cached(cached) => {
                cached
                    .answers(wanted, is_lost, suffices, not_from_cache)
                    .await
            }
            Self::Agent(agent, None) => Ok(agent.answers(wanted, is_lost).await),
            Self::Agent(agent, Some(aws)) => {
                let (mut answered, unanswered): (AnsweredLocators, AnsweredLocators) = agent
                    .answers(wanted, is_lost)
                    .await
                    .into_iter()
                    .partition(|(_, answer)| is_final(answer));
                if !unanswered.is_empty() {
                    let missing = unanswered.iter().map(|(locator, _)| locator).collect();
                    answered.extend(aws.answers(&missing, None, is_lost).await?);
                }
                Ok(answered)
            }
            Self::Local(file) => Ok(file.answers(wanted)),
        }
    }

    /// The AWS client, or `None` if AWS is never asked.
    pub fn aws(&mut self) -> Option<&mut Aws> {
        match self {
            Self::Aws(aws) => Some(aws),
            Self::Cached(cached) => Some(&mut cached.aws),
            Self::Agent(_, aws) => aws.as_deref_mut(),
            Self::Local(_) => None,
        }
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

    /// The identity that sent the requests to AWS ([`Aws::caller`]). Returns `None` with `--local`.
    /// With the agent, which has its own credentials, it also returns `None`, because a message
    /// can't say which of the two identities a request had after `--agent-fallback`.
    pub fn caller(&mut self) -> Option<Caller> {
        if matches!(self, Self::Agent(..)) {
            return None;
        }
        self.aws()?.caller()
    }
}

/// True for an answer from the agent after which AWS isn't asked, even with `--agent-fallback`.
fn is_final(answer: &Answer) -> bool {
    let Err(failure) = answer else { return true };
    match failure.error.cause {
        // AWS has refused the time in the agent's signature, and would refuse ours, too. Nothing
        // helps a launch that has failed.
        Cause::Outage(kind) => matches!(kind, OutageKind::ClockSkew | OutageKind::GivenUp),
        // `Never`: the agent has refused the token or the role. `Later`: no token was found, so the
        // agent wasn't asked.
        Cause::NoCredentials(_) => failure.error.again == Again::Never,
        // The agent's host doesn't speak TLS, so the agent hasn't received the request.
        Cause::Refused(Refusal::Endpoint) => false,
        Cause::Absent(_) | Cause::Denied(_) | Cause::Refused(_) | Cause::NoRegion => true,
    }
}
