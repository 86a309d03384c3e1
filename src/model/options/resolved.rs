//! Options as resolved: merged from every place, with their defaults, and checked for conflicts.

use std::path::PathBuf;
use std::time::Duration;

use super::signal_number::SignalNumber;
use super::table::{OptionId, TypedOptions};
use super::value::{AgentChoice, KeyExchange, LogFormat, OnRotation};
use crate::model::inherited::{Inherited, Retention};
use crate::model::problem::{Problem, Status};
use crate::model::reference::{Region, Role};
use crate::model::url::HttpUrl;

/// The default of `--timeout`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The default of `--timeout` in Lambda, which ends the init phase after 10 s.
const TIMEOUT_IN_LAMBDA: Duration = Duration::from_secs(8);

/// The default of `--cache-stale`.
const CACHE_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The default of `--poll-interval`.
const POLL_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The default of `--grace`.
const GRACE: Duration = Duration::from_secs(30);

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
    pub rotation: Option<RotationOptions>,
    pub log_format: LogFormat,
}

/// The backend that the options name.
#[derive(Clone, Debug)]
pub enum SourceOption {
    Aws,
    Agent { url: HttpUrl, fallback: bool },
    Local(PathBuf),
}

/// The options about AWS, which precede its variables and profiles.
#[derive(Clone, Debug, Default)]
pub struct AwsOptions {
    pub region: Option<(Region, RegionSource)>,
    /// In the order in which they are tried.
    pub fallback_regions: Vec<Region>,
    pub profile: Option<String>,
    pub role: Option<Role>,
    pub endpoint_url: Option<HttpUrl>,
    pub ca_bundle: Option<PathBuf>,
    pub key_exchange: KeyExchange,
}

/// The setting that names a region, and the exit status if the region is wrong.
pub type RegionSource = (&'static str, Status);

/// The options of `--cache`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    pub directory: PathBuf,
    /// The age from which an answer is requested again.
    pub ttl: Duration,
    /// The age from which an answer no longer replaces one that AWS does not give.
    pub stale: Duration,
}

/// The action on a changed secret, and its times and signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationOptions {
    pub on_rotation: OnRotation,
    /// `--stop-signal`
    pub stop_signal: SignalNumber,
    /// `--poll-signal`
    pub poll_signal: Option<SignalNumber>,
    /// `--poll-interval`, at least ten seconds.
    pub poll_interval: Duration,
    /// `--splay`; may be zero.
    pub splay: Duration,
    /// `--grace`; zero kills at once.
    pub grace: Duration,
}

impl TypedOptions {
    /// Sets the defaults of the merged options, and returns every conflict beside the result.
    pub fn resolve(self, inherited: &Inherited) -> (Options, Vec<Problem>) {
        let conflicts = self.conflicts();
        // Lambda sets this variable for every runtime.
        let is_in_lambda = inherited.filled("AWS_LAMBDA_RUNTIME_API").is_some();
        let default_timeout = if is_in_lambda {
            TIMEOUT_IN_LAMBDA
        } else {
            TIMEOUT
        };
        let rotation = self.rotation();
        let fallback = self.agent_fallback == Some(true);
        let region_source = match self.places.contains_key(&OptionId::Region) {
            true => ("the declaration", Status::Configuration),
            false => ("--region", Status::Usage),
        };
        let source = match (self.local, self.agent) {
            (Some(path), _) => SourceOption::Local(path),
            (None, Some(AgentChoice::At(url))) => SourceOption::Agent { url, fallback },
            (None, Some(AgentChoice::Off) | None) => SourceOption::Aws,
        };
        let aws = AwsOptions {
            region: self.region.map(|region| (region, region_source)),
            fallback_regions: self.fallback_regions.unwrap_or_default(),
            profile: self.profile,
            role: self.role_arn.map(|role| Role {
                external_id: self.external_id,
                ..role
            }),
            endpoint_url: self.endpoint_url,
            ca_bundle: self.ca_bundle,
            key_exchange: self.key_exchange.unwrap_or_default(),
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
            timeout: self.timeout.unwrap_or(default_timeout),
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
    fn rotation(&self) -> Option<RotationOptions> {
        Some(RotationOptions {
            on_rotation: self.on_rotation?,
            stop_signal: self.stop_signal.unwrap_or(SignalNumber::TERM),
            poll_signal: self.poll_signal,
            poll_interval: self.poll_interval.unwrap_or(POLL_INTERVAL),
            splay: self.splay.unwrap_or_default(),
            grace: self.grace.unwrap_or(GRACE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_have_the_defaults_of_the_help() {
        let rotating = TypedOptions {
            on_rotation: Some(OnRotation::Restart),
            ..TypedOptions::default()
        };
        let (options, _) = rotating.resolve(&Inherited::default());
        let rotation = options.rotation.unwrap();
        let seconds =
            [options.timeout, rotation.poll_interval, rotation.grace].map(|time| time.as_secs());
        assert_eq!(
            (seconds, rotation.splay),
            ([30, 5 * 60, 30], Duration::ZERO)
        );
    }
}
