//! Options as resolved: merged from every place, with their defaults, and checked for conflicts.
//!
//! Within one place two options that exclude each other are an error; the one of a higher place turns the other off, so that one declaration
//! serves a laptop, too. An option that goes with another one must not come from a lower place.

use std::path::PathBuf;
use std::time::Duration;

use super::table::{OptionId, TypedOptions};
use super::value::{AgentChoice, KeyExchange, LogFormat, OnRotation, SignalNumber};
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
        // The lines of --verbose are notes, which --quiet hides.
        let quiet = self.quiet == Some(true);
        let verbosity = self.verbose.filter(|_| !quiet).unwrap_or_default();
        let options = Options {
            source,
            aws,
            cache,
            timeout: self.timeout.unwrap_or(default_timeout),
            wait: self.wait,
            retention,
            keep_existing: self.keep_existing == Some(true),
            verbose: verbosity > 0,
            trace: verbosity > 1,
            quiet,
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

/// Options, and the ones without which they mean nothing.
const NEEDS: [(OptionId, OptionId); 9] = [
    (OptionId::ExternalId, OptionId::RoleArn),
    (OptionId::AgentFallback, OptionId::Agent),
    (OptionId::CacheTtl, OptionId::Cache),
    (OptionId::CacheStale, OptionId::Cache),
    (OptionId::PollInterval, OptionId::OnRotation),
    (OptionId::Splay, OptionId::OnRotation),
    (OptionId::StopSignal, OptionId::OnRotation),
    (OptionId::Grace, OptionId::OnRotation),
    (OptionId::PollSignal, OptionId::OnRotation),
];

/// Options that exclude each other, and why.
const EXCLUSIONS: [(OptionId, OptionId, &str); 4] = [
    (
        OptionId::EndpointUrl,
        OptionId::FallbackRegion,
        "an endpoint serves only one region",
    ),
    (
        OptionId::Local,
        OptionId::Agent,
        "both say where all values come from",
    ),
    (OptionId::Cache, OptionId::Local, CACHED),
    (OptionId::Cache, OptionId::Agent, CACHED),
];

const CACHED: &str = "the cache only keeps answers that come from AWS directly";

const NEEDS_LINUX: [OptionId; 2] = [OptionId::Cache, OptionId::OnRotation];

impl TypedOptions {
    /// Returns the options that exclude each other, each pair with the reason. Two places may have one of a pair each.
    pub fn exclusions(&self) -> impl Iterator<Item = (OptionId, OptionId, &'static str)> {
        EXCLUSIONS
            .into_iter()
            .filter(|(option, other, _)| self.is_on(*option) && self.is_on(*other))
    }

    /// Turns off what the options of a higher place exclude, what would change their effect, and what needs Linux elsewhere.
    pub(super) fn turn_off_below(&mut self, higher: &Self) {
        for (option, other, why) in EXCLUSIONS {
            for (on, off) in [(option, other), (other, option)] {
                if higher.is_on(on) {
                    self.turn_off(off, &format!("--{on} is set, and {why}"));
                }
            }
        }
        if higher.verbose.is_some_and(|level| level > 0) {
            self.unset(OptionId::Quiet);
        }
        // A lower place must not pass on more variables, and its external id may belong to another role.
        for (companion, option) in [
            (OptionId::Pass, OptionId::CleanEnv),
            (OptionId::ExternalId, OptionId::RoleArn),
        ] {
            if higher.is_on(option) && self.is_on(companion) {
                let place = self.place_of(companion);
                self.ignored.push(format!(
                    "{place}{companion} is ignored, because {option} is set in a place with higher precedence. Set both there"
                ));
                self.unset(companion);
            }
        }
        if cfg!(not(target_os = "linux")) {
            for option in NEEDS_LINUX {
                self.turn_off(option, "it requires Linux");
            }
        }
    }

    /// Returns the place of an option in a declaration, for the beginning of a line; an empty text for any other place.
    fn place_of(&self, option: OptionId) -> String {
        let place = self.places.get(&option);
        place.map(|place| format!("{place}: ")).unwrap_or_default()
    }

    /// Turns an option off, and those that need it.
    fn turn_off(&mut self, option: OptionId, why: &str) {
        if self.is_on(option) {
            let place = self.place_of(option);
            self.turned_off
                .push(format!("{place}{option} has no effect, because {why}"));
            self.unset(option);
            for (other, needed) in NEEDS {
                if needed == option {
                    self.unset(other);
                }
            }
        }
    }

    /// True if the option is set, and not to `false`.
    fn is_on(&self, option: OptionId) -> bool {
        let switches = [
            (
                OptionId::Agent,
                matches!(self.agent, Some(AgentChoice::Off)),
            ),
            (OptionId::AgentFallback, self.agent_fallback == Some(false)),
            (OptionId::CleanEnv, self.clean_env == Some(false)),
        ];
        self.sets(option) && !switches.contains(&(option, true))
    }

    /// Returns the problem of each option that lacks another, or needs Linux.
    fn conflicts(&self) -> Vec<Problem> {
        let mut conflicts = Vec::new();
        for (option, needed) in NEEDS {
            if !self.is_on(option) || self.is_on(needed) {
                continue;
            }
            conflicts.push(match self.places.get(&option) {
                Some(place) => {
                    Problem::configuration(format!("{place}: {option} requires {needed}"))
                }
                None => Problem::usage(format!("--{option} requires --{needed}")),
            });
        }
        for option in NEEDS_LINUX {
            if cfg!(not(target_os = "linux")) && self.is_on(option) {
                conflicts.push(Problem::usage(format!("--{option} requires Linux")));
            }
        }
        conflicts
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
