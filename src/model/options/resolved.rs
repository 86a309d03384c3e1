//! Options as resolved: merged from every place, with their defaults, and checked for conflicts.

use std::path::PathBuf;
use std::time::Duration;

use super::rotation::{DEFAULT_GRACE, DEFAULT_POLL_INTERVAL, OnRotation, Rotation};
use super::signal_number::SignalNumber;
use super::typed::{AgentChoice, LogFormat, TypedOptions};
use crate::model::inherited::Inherited;
use crate::model::reference::{Region, Role};
use crate::model::retention::Retention;
use crate::model::url::HttpUrl;

/// The default of `--timeout`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The default of `--timeout` in Lambda, which ends the init phase after 10 s.
const TIMEOUT_IN_LAMBDA: Duration = Duration::from_secs(8);

/// The default of `--cache-stale`.
const CACHE_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The options in force.
#[derive(Clone, Debug)]
pub struct Options {
    pub source: SourceOption,
    pub aws: AwsOptions,
    /// `--cache`, only with [`SourceOption::Aws`].
    pub cache: Option<CacheOptions>,
    pub timeout: Duration,
    pub wait: Option<Duration>,
    /// `--clean-env`, `--pass` and `--unset`
    pub retention: Retention,
    pub keep_existing: bool,
    pub verbose: bool,
    /// `-vv`
    pub trace: bool,
    pub quiet: bool,
    pub notify_ready: bool,
    /// `None` in launch mode: this process becomes the command.
    pub rotation: Option<Rotation>,
    pub log_format: LogFormat,
}

/// The backend that the options name.
#[derive(Clone, Debug)]
pub enum SourceOption {
    Aws,
    Agent {
        /// `None` for the default address.
        url: Option<HttpUrl>,
        fallback: bool,
    },
    Local(PathBuf),
}

/// The options about AWS, which precede its variables and profiles.
#[derive(Clone, Debug, Default)]
pub struct AwsOptions {
    pub region: Option<Region>,
    /// In the order in which they are tried.
    pub fallback_regions: Vec<Region>,
    pub profile: Option<String>,
    pub role: Option<Role>,
    pub endpoint_url: Option<HttpUrl>,
    pub ca_bundle: Option<PathBuf>,
}

/// The options of `--cache`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    pub directory: PathBuf,
    /// The age from which an answer is requested again.
    pub ttl: Duration,
    /// The age from which an answer no longer replaces one that AWS does not give.
    pub stale: Duration,
}

impl CacheOptions {
    /// Returns the options of a poll for rotation: answers are kept, and AWS is always asked.
    pub fn of_polls(self) -> Self {
        Self { ttl: Duration::ZERO, stale: Duration::ZERO, ..self }
    }
}

/// An illegal combination of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionConflict {
    /// `option` qualifies `without`, which is not given.
    Alone { option: &'static str, without: &'static str },
    /// An option that needs Linux.
    LinuxOnly { option: &'static str },
    /// The options exclude each other.
    Together { options: [&'static str; 2], why: &'static str },
    /// The option needs Linux.
    OnlyOnLinux { option: &'static str },
}

/// Lambda sets AWS_LAMBDA_RUNTIME_API for every runtime.
fn default_timeout(inherited: &Inherited) -> Duration {
    if inherited.filled("AWS_LAMBDA_RUNTIME_API").is_some() { TIMEOUT_IN_LAMBDA } else { TIMEOUT }
}

impl TypedOptions {
    /// Sets the defaults of the merged options, and returns every conflict beside the result.
    pub fn resolve(self, inherited: &Inherited) -> (Options, Vec<OptionConflict>) {
        let conflicts = self.conflicts();
        let rotation = self.rotation();
        let fallback = self.agent_fallback == Some(true);
        let source = match (self.local, self.agent) {
            (Some(path), _) => SourceOption::Local(path),
            (None, Some(AgentChoice::Default)) => SourceOption::Agent { url: None, fallback },
            (None, Some(AgentChoice::At(url))) => SourceOption::Agent { url: Some(url), fallback },
            (None, Some(AgentChoice::Off) | None) => SourceOption::Aws,
        };
        let aws = AwsOptions {
            region: self.region,
            fallback_regions: self.fallback_regions.unwrap_or_default(),
            profile: self.profile,
            role: self.role_arn.map(|role| Role { external_id: self.external_id, ..role }),
            endpoint_url: self.endpoint_url,
            ca_bundle: self.ca_bundle,
        };
        let cache = self.cache.map(|directory| CacheOptions {
            directory,
            ttl: self.cache_ttl.unwrap_or_default(),
            stale: self.cache_stale.unwrap_or(CACHE_STALE),
        });
        let retention = Retention {
            clean: self.clean_env == Some(true),
            pass: self.pass.unwrap_or_default(),
            unset: self.unset.unwrap_or_default(),
        };
        let options = Options {
            source,
            aws,
            cache,
            timeout: self.timeout.unwrap_or_else(|| default_timeout(inherited)),
            wait: self.wait,
            retention,
            keep_existing: self.keep_existing == Some(true),
            verbose: self.verbose.is_some_and(|level| level > 0),
            trace: self.verbose.is_some_and(|level| level > 1),
            quiet: self.quiet == Some(true),
            notify_ready: self.notify_ready == Some(true),
            rotation,
            log_format: self.log_format.unwrap_or_default(),
        };
        (options, conflicts)
    }

    /// Returns the options of `--on-rotation` with their defaults.
    fn rotation(&self) -> Option<Rotation> {
        Some(Rotation {
            on_rotation: self.on_rotation?,
            stop_signal: self.stop_signal.unwrap_or(SignalNumber::TERM),
            poll_signal: self.poll_signal,
            poll_interval: self.poll_interval.unwrap_or(DEFAULT_POLL_INTERVAL),
            splay: self.splay.unwrap_or_default(),
            grace: self.grace.unwrap_or(DEFAULT_GRACE),
        })
    }

    fn conflicts(&self) -> Vec<OptionConflict> {
        let has_agent = matches!(self.agent, Some(AgentChoice::Default | AgentChoice::At(_)));
        let has_fallback = self.fallback_regions.as_ref().is_some_and(|regions| !regions.is_empty());
        let has_cache = self.cache.is_some();
        let cache_alone = |option, is_given: bool| {
            (is_given && !has_cache).then_some(OptionConflict::Alone { option, without: "--cache" })
        };
        let not_cached = |option, is_given: bool| {
            let why = "only what AWS itself answers is cached";
            (is_given && has_cache).then_some(OptionConflict::Together { options: ["--cache", option], why })
        };
        let found = [
            (self.external_id.is_some() && self.role_arn.is_none())
                .then_some(OptionConflict::Alone { option: "--external-id", without: "--role-arn" }),
            (self.agent_fallback == Some(true) && !has_agent)
                .then_some(OptionConflict::Alone { option: "--agent-fallback", without: "--agent" }),
            (self.endpoint_url.is_some() && has_fallback).then_some(OptionConflict::Together {
                options: ["--endpoint-url", "--fallback-region"],
                why: "one endpoint serves one region",
            }),
            cache_alone("--cache-ttl", self.cache_ttl.is_some()),
            cache_alone("--cache-stale", self.cache_stale.is_some()),
            not_cached("--local", self.local.is_some()),
            not_cached("--agent", has_agent),
            (has_cache && !cfg!(target_os = "linux")).then_some(OptionConflict::OnlyOnLinux { option: "--cache" }),
        ];
        found.into_iter().flatten().chain(self.rotation_conflicts()).collect()
    }

    fn rotation_conflicts(&self) -> Vec<OptionConflict> {
        const WHY: &str = "they name the same signal";
        let Some(on_rotation) = self.on_rotation else {
            let given = [
                ("--poll-interval", self.poll_interval.is_some()),
                ("--splay", self.splay.is_some()),
                ("--stop-signal", self.stop_signal.is_some()),
                ("--grace", self.grace.is_some()),
                ("--poll-signal", self.poll_signal.is_some()),
            ];
            let alone = |(option, is_given): (_, bool)| {
                is_given.then_some(OptionConflict::Alone { option, without: "--on-rotation" })
            };
            return given.into_iter().filter_map(alone).collect();
        };
        if cfg!(not(target_os = "linux")) {
            return vec![OptionConflict::LinuxOnly { option: "--on-rotation" }];
        }
        let sent = match on_rotation {
            OnRotation::Signal(signal) => Some(signal),
            OnRotation::Restart | OnRotation::Exit => None,
        };
        let others = [("--stop-signal", self.stop_signal), ("--on-rotation", sent)];
        let same = others.into_iter().filter(|(_, signal)| signal.is_some() && *signal == self.poll_signal);
        same.map(|(other, _)| OptionConflict::Together { options: ["--poll-signal", other], why: WHY }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_timeout_is_shorter_in_lambda() {
        let timeout = |variable: &str, typed: TypedOptions| {
            let inherited = Inherited::new(std::iter::once((variable.into(), "127.0.0.1:9001".into())));
            typed.resolve(&inherited).0.timeout
        };
        assert_eq!(timeout("AWS_LAMBDA_RUNTIME_API", TypedOptions::default()), Duration::from_secs(8));
        assert_eq!(timeout("OTHER", TypedOptions::default()), Duration::from_secs(30));
        let typed = TypedOptions { timeout: Some(Duration::from_secs(20)), ..TypedOptions::default() };
        assert_eq!(timeout("AWS_LAMBDA_RUNTIME_API", typed), Duration::from_secs(20));
    }
}
