//! The options that a flag, a variable `SECRETS_EXEC_*` or the `defaults:` of a declaration can
//! set.
//!
//! `option_table` lists them, with one row for each option, and has the parsers of their values.
//! The options that one place sets are a [`TypedOptions`]. The places are merged by precedence, and
//! the result becomes [`Options`], with the defaults filled in.
//!
//! If one place sets two options that exclude each other, that is an error. If different places set
//! them, the option with lower precedence is turned off, so that the same declaration can be used
//! on a laptop with `--local`.

mod option_table;

pub use option_table::*;

use std::path::PathBuf;
use std::time::Duration;

use crate::model::environment::Inherited;
use crate::model::place::{Place, Placed};
use crate::model::problem::Problem;
use crate::model::record::Record;
use crate::model::reference::{Region, Role};
use crate::model::retention::Retention;
use crate::model::url::HttpUrl;

/// The default of `--timeout`, except in Lambda.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The default of `--timeout` in Lambda, where the init phase ends after 10 seconds.
const TIMEOUT_IN_LAMBDA: Duration = Duration::from_secs(8);

/// The default of `--cache-stale`.
const CACHE_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// The default of `--poll-interval`.
const POLL_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The default of `--grace`.
const GRACE: Duration = Duration::from_secs(30);

impl OptionSpec {
    /// True if the option accepts the text.
    pub fn accepts(&self, text: &str) -> bool {
        let place = Place::Flag(self.name);
        (self.set)(&mut TypedOptions::default(), text.as_ref(), &place).is_ok()
    }
}

/// The options of all places after merging, with the defaults filled in, except for those about AWS
/// ([`AwsOptions`]), which are a part of AWS's settings.
#[derive(Debug)]
pub struct Options {
    pub source: SourceOption,
    /// `--cache`. Only [`SourceOption::Aws`] can have a cache.
    pub cache: Option<CacheOptions>,
    pub timeout: Duration,
    pub wait: Option<Duration>,
    /// `--clean-env`, `--pass` and `--unset`.
    pub retention: Retention,
    pub keep_existing: bool,
    pub verbose: bool,
    /// `-vv`, which also prints the requests.
    pub trace: bool,
    /// 1 hides notes, and 2 also hides warnings.
    pub quiet: u8,
    pub notify_ready: bool,
    /// `--on-rotation`, and the options that need it. `None` if this process becomes the command.
    pub rotation: Option<Placed<RotationOptions>>,
    pub log_format: LogFormat,
}

/// The source of all values of a launch: AWS, the Secrets Manager Agent, or a local file.
#[derive(Clone, Debug)]
pub enum SourceOption {
    Aws,
    Agent(Placed<HttpUrl>),
    Local(Placed<PathBuf>),
}

/// The options about AWS. They override AWS's variables and profiles.
#[derive(Clone, Debug, Default)]
pub struct AwsOptions {
    pub region: Option<Placed<Region>>,
    /// The fallback regions, in the order in which they are tried.
    pub fallback_regions: Vec<Placed<Region>>,
    pub profile: Option<Placed<String>>,
    pub role: Option<Role>,
    pub endpoint_url: Option<Placed<HttpUrl>>,
    /// The file with root certificates.
    pub ca_bundle: Option<Placed<PathBuf>>,
    pub key_exchange: KeyExchange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    pub directory: Placed<PathBuf>,
    /// Up to this age, an answer is used without a request.
    pub ttl: Duration,
    /// Up to this age, an answer is used if AWS is unavailable.
    pub stale: Duration,
}

/// The reaction to a changed secret, and the signals and durations that it needs.
#[derive(Debug)]
pub struct RotationOptions {
    pub on_rotation: OnRotation,
    pub stop_signal: SignalNumber,
    pub poll_signal: Option<SignalNumber>,
    pub poll_interval: Duration,
    /// `--grace`. If it is zero, the command is killed immediately.
    pub grace: Duration,
}

/// Pairs of options. It is an error to set the first option without the second one. The help of
/// this error suggests the second option, followed by the text: `--role-arn ARN`.
const NEEDS: [(OptionId, OptionId, &str); 7] = [
    (OptionId::ExternalId, OptionId::RoleArn, " ARN"),
    (OptionId::CacheTtl, OptionId::Cache, " DIR"),
    (OptionId::CacheStale, OptionId::Cache, " DIR"),
    (OptionId::PollInterval, OptionId::OnRotation, " restart"),
    (OptionId::StopSignal, OptionId::OnRotation, " restart"),
    (OptionId::Grace, OptionId::OnRotation, " restart"),
    (OptionId::PollSignal, OptionId::OnRotation, " restart"),
];

/// Pairs of options that exclude each other, each with the reason, which follows "because" in a
/// message.
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

const CACHED: &str = "the cache only keeps answers from AWS itself";

const NEEDS_LINUX: [OptionId; 2] = [OptionId::Cache, OptionId::OnRotation];

impl TypedOptions {
    /// The options, with a default for each that isn't set. They can be used even if
    /// [`Self::unmet_requirements`] returns errors, because the errors are printed in the format
    /// that the options choose.
    pub fn to_options(&self, inherited: &Inherited) -> Options {
        // Lambda sets this variable for every runtime.
        let default_timeout = match inherited.non_empty("AWS_LAMBDA_RUNTIME_API") {
            Some(_) => TIMEOUT_IN_LAMBDA,
            None => TIMEOUT,
        };
        // `--quiet` hides all notes, and the lines of `--verbose` are notes.
        let quiet = value(&self.quiet).unwrap_or_default();
        let verbose = value(&self.verbose).unwrap_or_default();
        Options {
            source: self.source(),
            cache: self.cache(),
            timeout: value(&self.timeout).unwrap_or(default_timeout),
            wait: value(&self.wait),
            rotation: self.rotation(),
            retention: Retention {
                clean: self.on(OptionId::CleanEnv).is_some(),
                pass: value(&self.pass).unwrap_or_default(),
                unset: value(&self.unset).unwrap_or_default(),
            },
            keep_existing: value(&self.keep_existing) == Some(true),
            verbose: quiet == 0 && verbose >= 1,
            trace: quiet == 0 && verbose >= 2,
            quiet,
            notify_ready: value(&self.notify_ready) == Some(true),
            log_format: value(&self.log_format).unwrap_or_default(),
        }
    }

    /// The source of all values. The result doesn't matter if one place sets both a local file and
    /// an agent, which is an error.
    fn source(&self) -> SourceOption {
        match (&self.local, &self.agent) {
            (Some(file), _) => SourceOption::Local(file.clone()),
            (None, Some(Placed { value, place })) => match value {
                AgentChoice::At(url) => SourceOption::Agent(Placed::new(url.clone(), place)),
                AgentChoice::Off => SourceOption::Aws,
            },
            (None, None) => SourceOption::Aws,
        }
    }

    /// The options about AWS.
    pub fn aws(&self) -> AwsOptions {
        AwsOptions {
            region: self.region.clone(),
            fallback_regions: value(&self.fallback_regions).unwrap_or_default(),
            profile: self.profile.clone(),
            role: value(&self.role_arn).map(|role| Role {
                external_id: value(&self.external_id),
                ..role
            }),
            endpoint_url: self.endpoint_url.clone(),
            ca_bundle: self.ca_bundle.clone(),
            key_exchange: value(&self.key_exchange).unwrap_or_default(),
        }
    }

    /// The options of the cache. `None` without `--cache`.
    fn cache(&self) -> Option<CacheOptions> {
        Some(CacheOptions {
            directory: self.cache.clone()?,
            ttl: value(&self.cache_ttl).unwrap_or_default(),
            stale: value(&self.cache_stale).unwrap_or(CACHE_STALE),
        })
    }

    /// The options of a rotation, with the place of `--on-rotation`. `None` without this option.
    fn rotation(&self) -> Option<Placed<RotationOptions>> {
        let on_rotation = self.on_rotation.as_ref()?;
        let options = RotationOptions {
            on_rotation: on_rotation.value,
            stop_signal: value(&self.stop_signal).unwrap_or(SignalNumber::TERM),
            poll_signal: value(&self.poll_signal),
            poll_interval: value(&self.poll_interval).unwrap_or(POLL_INTERVAL),
            grace: value(&self.grace).unwrap_or(GRACE),
        };
        Some(Placed::new(options, &on_rotation.place))
    }

    /// An error for each pair of options in this place that exclude each other.
    pub fn exclusions(&self) -> impl Iterator<Item = Problem> {
        EXCLUSIONS.into_iter().filter_map(|(option, other, why)| {
            let place = self.on(option)?;
            let other = self.on(other)?;
            let text = format!("{place} and {other} can't be used together, because {why}");
            Some(Problem::new(place.status(), text))
        })
    }

    /// Sets `unset`, `pass` or `fallback-region` to an empty list, which replaces the lists of
    /// earlier declarations. Any other option stays as it is.
    pub fn set_empty(&mut self, option: OptionId, place: &Place) {
        if option == OptionId::Unset {
            self.unset = Some(Placed::new(Vec::new(), place));
        } else if option == OptionId::Pass {
            self.pass = Some(Placed::new(Vec::new(), place));
        } else if option == OptionId::FallbackRegion {
            self.fallback_regions = Some(Placed::new(Vec::new(), place));
        }
    }

    /// Turns off each option that can't apply because of `higher`, a place with higher precedence.
    /// On systems other than Linux, also turns off the options that need Linux.
    ///
    /// Each option that is turned off gets a note or a warning. Two kinds get none: `quiet`, and an
    /// option that is turned off only because the option that it needs is turned off.
    fn turn_off_below(&mut self, higher: &Self) {
        for (option, other, why) in EXCLUSIONS {
            for (on, off) in [(option, other), (other, option)] {
                if let Some(on) = higher.on(on)
                    && let Some(name) = self.turn_off(off)
                {
                    let text = format!("{name} has no effect, because {on} is set, and {why}");
                    self.notices.push(Record::note(text));
                }
            }
        }

        if value(&higher.verbose) > Some(0) {
            // No note says that `--verbose` turns off `--quiet`, because that is obvious.
            self.turn_off(OptionId::Quiet);
        }

        // The external id isn't sent with a role from another place, and `pass` doesn't weaken a
        // `clean-env` from another place.
        if let Some(role) = higher.on(OptionId::RoleArn)
            && let Some(name) = self.turn_off(OptionId::ExternalId)
        {
            let text = format!("{name} is ignored, because {role} is set, which has precedence");
            self.notices
                .push(Record::warning(text).help("set both in the same place"));
        }
        if higher
            .on(OptionId::CleanEnv)
            .or(higher.place(OptionId::Pass))
            .is_some()
            && let Some(pass) = self.pass.take()
        {
            self.ignored_pass.extend(pass.value);
        }
        // `pass: []` replaces every lower `pass` on purpose, so no warning names them.
        if value(&higher.pass).is_some_and(|pass| pass.is_empty()) {
            self.ignored_pass.clear();
        }

        let is_linux = cfg!(target_os = "linux");
        for option in NEEDS_LINUX {
            if !is_linux && let Some(name) = self.turn_off(option) {
                let text = format!("{name} has no effect, because it requires Linux");
                self.notices.push(Record::note(text));
            }
        }
    }

    /// Turns off an option, and the options that need it. Returns the place that has set the
    /// option. `None` if the option wasn't on.
    fn turn_off(&mut self, option: OptionId) -> Option<Place> {
        let place = self.on(option)?.clone();
        self.unset(option);
        for (other, needed, _) in NEEDS {
            if needed == option {
                self.unset(other);
            }
        }
        Some(place)
    }

    /// The place that has set an option, unless its value turns it off. `0` and `false` turn off
    /// `agent` and `clean-env`. An empty list turns off `fallback-region`. Any other option is on if
    /// it is set, so `quiet` is on even if it is `0`.
    fn on(&self, option: OptionId) -> Option<&Place> {
        let without_fallback = value(&self.fallback_regions).is_some_and(|list| list.is_empty());
        let is_off = (option == OptionId::Agent && value(&self.agent) == Some(AgentChoice::Off))
            || (option == OptionId::CleanEnv && value(&self.clean_env) == Some(false))
            || (option == OptionId::FallbackRegion && without_fallback);
        if is_off { None } else { self.place(option) }
    }

    /// An error for each option that is set without the option that it needs.
    ///
    /// On a system other than Linux, also returns an error for each flag that needs Linux. In a
    /// variable or a declaration, [`Self::turn_off_below`] has already turned off such an option,
    /// so that the same declaration can be used on a Mac.
    pub fn unmet_requirements(&self) -> Vec<Problem> {
        let mut unmet = Vec::new();
        for (option, needed, value) in NEEDS {
            if let Some(place) = self.on(option)
                && self.on(needed).is_none()
            {
                let text = format!("{place} requires --{needed}");
                let help = format!("add --{needed}{value}, or {}", place.undo());
                unmet.push(Problem::new(place.status(), text).help(help));
            }
        }

        for option in NEEDS_LINUX {
            if cfg!(not(target_os = "linux")) && self.on(option).is_some() {
                unmet.push(Problem::usage(format!("--{option} requires Linux")));
            }
        }
        unmet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_times_are_those_that_the_help_names() {
        let rotating = TypedOptions {
            on_rotation: Some(Placed::new(
                OnRotation::Restart,
                &Place::Flag("on-rotation"),
            )),
            ..TypedOptions::default()
        };
        let options = rotating.to_options(&Inherited::default());
        let rotation = options.rotation.unwrap().value;
        let seconds =
            [options.timeout, rotation.poll_interval, rotation.grace].map(|time| time.as_secs());
        assert_eq!(seconds, [30, 5 * 60, 30]);
    }
}
