//! The options that say how to resolve, what the target gets and how much is said: one table for the command line, for
//! `SECRETS_EXEC_*` and for `defaults:`.

use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use crate::model::reference::Region;

/// Whether secrets are read through the AWS Secrets Manager Agent, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentChoice {
    /// They are not.
    Off,
    /// Where it listens by default.
    Standard,
    /// At this URL.
    At(String),
}

/// The options of one place; `None` where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--region`
    pub region: Option<Region>,
    /// `--fallback-region`
    pub fallback_regions: Option<Vec<Region>>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--role-arn`
    pub role_arn: Option<String>,
    /// `--external-id`
    pub external_id: Option<String>,
    /// `--endpoint-url`
    pub endpoint_url: Option<String>,
    /// `--ca-bundle`
    pub ca_bundle: Option<PathBuf>,
    /// `--timeout`
    pub timeout: Option<Duration>,
    /// `--wait`
    pub wait: Option<Duration>,
    /// `--agent`
    pub agent: Option<AgentChoice>,
    /// `--agent-fallback`
    pub agent_fallback: Option<bool>,
    /// `--local`
    pub local: Option<PathBuf>,
    /// `--keep-existing`
    pub keep_existing: Option<bool>,
    /// `--clean-env`
    pub clean_env: Option<bool>,
    /// `--pass`
    pub pass: Option<Vec<Pattern>>,
    /// `--unset`
    pub unset: Option<Vec<Pattern>>,
    /// `--verbose`
    pub verbose: Option<bool>,
    /// `--quiet`
    pub quiet: Option<bool>,
}

impl Options {
    /// These options, and where they say nothing those of `lower`.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            region: self.region.or(lower.region),
            fallback_regions: self.fallback_regions.or(lower.fallback_regions),
            profile: self.profile.or(lower.profile),
            role_arn: self.role_arn.or(lower.role_arn),
            external_id: self.external_id.or(lower.external_id),
            endpoint_url: self.endpoint_url.or(lower.endpoint_url),
            ca_bundle: self.ca_bundle.or(lower.ca_bundle),
            timeout: self.timeout.or(lower.timeout),
            wait: self.wait.or(lower.wait),
            agent: self.agent.or(lower.agent),
            agent_fallback: self.agent_fallback.or(lower.agent_fallback),
            local: self.local.or(lower.local),
            keep_existing: self.keep_existing.or(lower.keep_existing),
            clean_env: self.clean_env.or(lower.clean_env),
            pass: self.pass.or(lower.pass),
            unset: self.unset.or(lower.unset),
            verbose: self.verbose.or(lower.verbose),
            quiet: self.quiet.or(lower.quiet),
        }
    }
}
