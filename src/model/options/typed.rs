//! Options as typed: those that one place sets, the command line, `SECRETS_EXEC_*` or one declaration.

use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use super::rotation::OnRotation;
use super::signal_number::SignalNumber;
use crate::model::reference::{Region, Role};
use crate::model::url::HttpUrl;

/// The argument of `--agent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentChoice {
    /// `0` or `false`.
    Off,
    /// The agent at its default address.
    Default,
    At(HttpUrl),
}

/// The argument of `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    /// Each line is one JSON object.
    Json,
}

impl LogFormat {
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    /// Returns the format with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// The options that one place sets; `None` for the others.
#[derive(Clone, Debug, Default)]
pub struct TypedOptions {
    pub region: Option<Region>,
    pub fallback_regions: Option<Vec<Region>>,
    pub profile: Option<String>,
    pub role_arn: Option<Role>,
    pub external_id: Option<String>,
    pub endpoint_url: Option<HttpUrl>,
    pub ca_bundle: Option<PathBuf>,
    pub timeout: Option<Duration>,
    pub wait: Option<Duration>,
    pub agent: Option<AgentChoice>,
    pub agent_fallback: Option<bool>,
    pub local: Option<PathBuf>,
    pub cache: Option<PathBuf>,
    pub cache_ttl: Option<Duration>,
    pub cache_stale: Option<Duration>,
    pub notify_ready: Option<bool>,
    pub keep_existing: Option<bool>,
    pub clean_env: Option<bool>,
    pub pass: Option<Vec<Pattern>>,
    pub unset: Option<Vec<Pattern>>,
    pub on_rotation: Option<OnRotation>,
    pub poll_interval: Option<Duration>,
    pub splay: Option<Duration>,
    pub stop_signal: Option<SignalNumber>,
    pub grace: Option<Duration>,
    pub poll_signal: Option<SignalNumber>,
    /// The number of `-v`.
    pub verbose: Option<u8>,
    pub quiet: Option<bool>,
    pub log_format: Option<LogFormat>,
}

impl TypedOptions {
    /// Adds the options of `lower` that these do not set.
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
            cache: self.cache.or(lower.cache),
            cache_ttl: self.cache_ttl.or(lower.cache_ttl),
            cache_stale: self.cache_stale.or(lower.cache_stale),
            notify_ready: self.notify_ready.or(lower.notify_ready),
            keep_existing: self.keep_existing.or(lower.keep_existing),
            clean_env: self.clean_env.or(lower.clean_env),
            pass: self.pass.or(lower.pass),
            unset: self.unset.or(lower.unset),
            on_rotation: self.on_rotation.or(lower.on_rotation),
            poll_interval: self.poll_interval.or(lower.poll_interval),
            splay: self.splay.or(lower.splay),
            stop_signal: self.stop_signal.or(lower.stop_signal),
            grace: self.grace.or(lower.grace),
            poll_signal: self.poll_signal.or(lower.poll_signal),
            verbose: self.verbose.or(lower.verbose),
            quiet: self.quiet.or(lower.quiet),
            log_format: self.log_format.or(lower.log_format),
        }
    }
}
