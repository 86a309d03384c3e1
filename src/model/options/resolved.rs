//! Options as resolved: merged from every place, with their defaults, and checked for conflicts.

use std::path::PathBuf;
use std::time::Duration;

use super::signal_number::SignalNumber;
use super::table::TypedOptions;
use super::value::{AgentChoice, LogFormat, OnRotation};
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

/// Options, and the ones without which they mean nothing.
const NEEDS: [(&str, &str); 9] = [
    ("external-id", "role-arn"),
    ("agent-fallback", "agent"),
    ("cache-ttl", "cache"),
    ("cache-stale", "cache"),
    ("poll-interval", "on-rotation"),
    ("splay", "on-rotation"),
    ("stop-signal", "on-rotation"),
    ("grace", "on-rotation"),
    ("poll-signal", "on-rotation"),
];

/// Options that exclude each other, and why.
const EXCLUSIONS: [(&str, &str, &str); 4] = [
    ("endpoint-url", "fallback-region", "one endpoint serves one region"),
    ("local", "agent", "each is the only source of values"),
    ("cache", "local", CACHED),
    ("cache", "agent", CACHED),
];

const CACHED: &str = "only what AWS itself answers is cached";

const NEEDS_LINUX: [&str; 2] = ["cache", "on-rotation"];

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
    pub region: Option<(Region, RegionSource)>,
    /// In the order in which they are tried.
    pub fallback_regions: Vec<Region>,
    pub profile: Option<String>,
    pub role: Option<Role>,
    pub endpoint_url: Option<HttpUrl>,
    pub ca_bundle: Option<PathBuf>,
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
        let default_timeout = if is_in_lambda { TIMEOUT_IN_LAMBDA } else { TIMEOUT };
        let rotation = self.rotation();
        let fallback = self.agent_fallback == Some(true);
        let region_source = match self.places.contains_key("region") {
            true => ("the declaration", Status::Configuration),
            false => ("--region", Status::Usage),
        };
        let source = match (self.local, self.agent) {
            (Some(path), _) => SourceOption::Local(path),
            (None, Some(AgentChoice::Default)) => SourceOption::Agent { url: None, fallback },
            (None, Some(AgentChoice::At(url))) => SourceOption::Agent { url: Some(url), fallback },
            (None, Some(AgentChoice::Off) | None) => SourceOption::Aws,
        };
        let aws = AwsOptions {
            region: self.region.map(|region| (region, region_source)),
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

    /// Returns the options that exclude each other, each pair with the reason. Two places may have one of a pair each.
    pub fn exclusions(&self) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
        EXCLUSIONS.iter().filter(|(option, other, _)| self.is_on(option) && self.is_on(other))
    }

    /// Turns off what the options of a higher place exclude, and what needs Linux elsewhere.
    pub(super) fn turn_off_excluded_by(&mut self, higher: &Self) {
        for (option, other, why) in EXCLUSIONS {
            for (on, off) in [(option, other), (other, option)] {
                if higher.is_on(on) {
                    self.turn_off(off, &format!("--{on} is given, and {why}"));
                }
            }
        }
        for option in NEEDS_LINUX.into_iter().filter(|_| cfg!(not(target_os = "linux"))) {
            self.turn_off(option, "it needs Linux");
        }
    }

    /// Turns an option off, and those that need it.
    fn turn_off(&mut self, option: &'static str, why: &str) {
        if self.is_on(option) {
            let place = self.places.get(option).map(|place| format!("{place}: ")).unwrap_or_default();
            self.turned_off.push(format!("{place}{option} is off, since {why}"));
            self.unset(option);
            NEEDS.iter().filter(|(_, needed)| *needed == option).for_each(|(other, _)| self.unset(other));
        }
    }

    /// True if the option is set, and not to `false`.
    fn is_on(&self, option: &str) -> bool {
        match option {
            "agent" => matches!(self.agent, Some(AgentChoice::Default | AgentChoice::At(_))),
            "agent-fallback" => self.agent_fallback == Some(true),
            option => self.sets(option),
        }
    }

    /// Returns the problem of each option that lacks another, or needs Linux, and of signals that are the same.
    fn conflicts(&self) -> Vec<Problem> {
        let mut conflicts = Vec::new();
        for (option, needed) in NEEDS.iter().filter(|(option, needed)| self.is_on(option) && !self.is_on(needed)) {
            conflicts.push(match self.places.get(option) {
                Some(place) => Problem::configuration(format!("{place}: {option} requires {needed}")),
                None => Problem::usage(format!("--{option} requires --{needed}")),
            });
        }
        let by_rotation = self.poll_signal.map(OnRotation::Signal);
        for (other, is_same) in [
            ("--stop-signal", self.poll_signal == self.stop_signal),
            ("--on-rotation", by_rotation == self.on_rotation),
        ] {
            if is_same && self.poll_signal.is_some() {
                let text = format!("--poll-signal and {other} exclude each other: they name the same signal");
                conflicts.push(Problem::usage(text));
            }
        }
        for option in NEEDS_LINUX.into_iter().filter(|option| cfg!(not(target_os = "linux")) && self.is_on(option)) {
            conflicts.push(Problem::usage(format!("--{option} needs Linux")));
        }
        conflicts
    }
}
