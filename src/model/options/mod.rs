//! The options that can be set as a flag, in a variable `SECRETS_EXEC_*`, and under `defaults:` in
//! a declaration. `option_table` has one row for each.
//!
//! Each of these places is read into a [`TypedOptions`]. The places are merged by precedence, and
//! the result becomes [`Options`], which has the default of every option that isn't set.
//!
//! Options that exclude each other can't be set in the same place. In different places, the option
//! with lower precedence is turned off. For example, `--local` on a laptop turns off the cache of a
//! declaration.

mod option_table;

pub use option_table::*;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::environment::{Inherited, parse_pattern};
use crate::model::fault::{Fault, overlooked_in_value, wrong_value};
use crate::model::message::{Place, Placed, Problem, Record};
use crate::model::reference::{Region, Role};
use crate::model::retention::Retention;
use crate::model::shown::is_in_quotes;
use crate::model::url::{HttpUrl, is_loopback};

/// The default of `--timeout`. The constants below are also defaults.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Lambda allows only 10 seconds for the init phase.
const TIMEOUT_IN_LAMBDA: Duration = Duration::from_secs(8);

const CACHE_STALE: Duration = Duration::from_secs(24 * 60 * 60);

const POLL_INTERVAL: Duration = Duration::from_secs(5 * 60);

const GRACE: Duration = Duration::from_secs(30);

impl OptionSpec {
    /// Parses and stores the option's values. An empty list, such as `pass: []`, is a value, too.
    /// The text of each fault is a predicate, and the caller adds the option as its subject.
    pub fn set_all(
        &self,
        options: &mut TypedOptions,
        values: &[OsString],
        place: &Place,
    ) -> Vec<Fault> {
        if values.is_empty() {
            let _ = (self.set)(options, None, place);
        }
        let mut faults = Vec::new();
        for value in values {
            let text = value.to_string_lossy();
            if let Some(fault) = overlooked_in_value(&text) {
                faults.push(fault);
            } else if let Err(expected) = (self.set)(options, Some(value), place) {
                faults.push(self.refused_value(&text, expected, place));
            }
        }
        faults
    }

    /// The fault of a value that [`Self::set`] refuses.
    fn refused_value(&self, text: &str, expected: &str, place: &Place) -> Fault {
        if self.takes == Takes::Texts("GLOB") {
            return refused_pattern(text, place);
        }
        let fault = wrong_value(text, expected);
        // If only the unit is missing, as in `30`, suggest seconds.
        let corrected = format!("{text}s");
        let unused = &mut TypedOptions::default();
        if self.takes == Takes::Text("DURATION")
            && (self.set)(unused, Some(corrected.as_ref()), place).is_ok()
        {
            return fault.help(format!("use {corrected}"));
        }
        fault
    }
}

fn refused_host(option: OptionId, place: &Place, hosts: &str) -> Problem {
    let text = format!("{place} must be {hosts}, because this declaration was found, not named");
    let place = place.to_string();
    let file = place.split(':').next().unwrap_or_default();
    let variable = option.variable();
    Problem::configuration(text).help(format!("name the file with -f {file}, or set {variable}"))
}

/// The fault of a text that [`parse_pattern`] refuses. It quotes only a text without lowercase
/// letters, because a shell may have replaced the pattern with a password.
pub fn refused_pattern(text: &str, place: &Place) -> Fault {
    if is_in_quotes(text) {
        return wrong_value(text, "");
    }
    let is_quoted = text.chars().all(|c| {
        c.is_ascii_uppercase() || c.is_ascii_digit() || "_.-%@*?[]!^$+|(){}\\, ".contains(c)
    });
    let fault = if is_quoted {
        Fault::new(format!("has {text:?}, which isn't a name pattern"))
    } else {
        Fault::new("has a text that isn't a name pattern")
    };

    // Translate a regular expression, which matches anywhere in a name, into a name pattern.
    let mut glob = text.replace(".*", "*").replace(".+", "*");
    if let Some(start) = glob.strip_prefix('^') {
        glob = format!("{}*", start.trim_end_matches('*'));
    }
    if is_quoted && parse_pattern(&glob).is_ok() {
        return fault.help(format!("write {glob}"));
    }
    let [first, second] = match text.split([',', ' ']).collect::<Vec<_>>()[..] {
        [first, second] if is_quoted => [first, second],
        _ => ["A_*", "B_*"],
    };
    let several = match place {
        Place::Flag(name) => format!("write --{name} '{first}' --{name} '{second}'"),
        Place::Declaration { .. } => format!("write [{first}, {second}]"),
        _ => "separate them with commas".to_owned(),
    };
    fault.help(format!(
        "only *, ?, [A-Z] and [!A-Z] are special. For several patterns, {several}"
    ))
}

/// The merged options, with defaults. The options for AWS are separate ([`AwsOptions`]).
#[derive(Debug)]
pub struct Options {
    pub source: SourceOption,
    /// Only [`SourceOption::Aws`] can have a cache.
    pub cache: Option<CacheOptions>,
    pub timeout: Duration,
    pub wait: Option<Duration>,
    /// `--clean-env`, `--pass` and `--unset`.
    pub retention: Retention,
    pub keep_existing: bool,
    pub verbose: bool,
    /// `-vv`: also print each request.
    pub trace: bool,
    pub quiet: Quiet,
    pub notify_ready: bool,
    /// `None` means that secrets-exec becomes the command, instead of staying to watch the secrets.
    pub rotation: Option<Placed<RotationOptions>>,
    pub log_format: LogFormat,
}

/// The source of all values of a launch.
#[derive(Clone, Debug)]
pub enum SourceOption {
    Aws,
    Agent(Placed<HttpUrl>),
    Local(Placed<PathBuf>),
}

/// The options for AWS, which take precedence over AWS's own variables and profiles.
#[derive(Clone, Debug, Default)]
pub struct AwsOptions {
    pub region: Option<Placed<Region>>,
    /// The regions in the order in which they are tried.
    pub fallback_regions: Vec<Placed<Region>>,
    pub profile: Option<Placed<String>>,
    pub role: Option<Role>,
    pub endpoint_url: Option<Placed<HttpUrl>>,
    /// A PEM file of root certificates that replace the default ones.
    pub ca_bundle: Option<Placed<PathBuf>>,
    pub key_exchange: KeyExchange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    pub directory: Placed<PathBuf>,
    /// The maximum age of a cached answer that is used without asking AWS.
    pub ttl: Duration,
    /// The maximum age if AWS is unavailable.
    pub stale: Duration,
}

/// The action when a secret changes, with its signals and times.
#[derive(Debug)]
pub struct RotationOptions {
    pub on_rotation: OnRotation,
    pub stop_signal: SignalNumber,
    pub poll_signal: Option<SignalNumber>,
    pub poll_interval: Duration,
    /// How long the command may take to stop before it is killed. Zero kills it immediately.
    pub grace: Duration,
}

/// The first option requires the second. The string is the second's value in the help:
/// `--role-arn ARN`.
const NEEDS: [(OptionId, OptionId, &str); 7] = [
    (OptionId::ExternalId, OptionId::RoleArn, " ARN"),
    (OptionId::CacheTtl, OptionId::Cache, " DIR"),
    (OptionId::CacheStale, OptionId::Cache, " DIR"),
    (OptionId::PollInterval, OptionId::OnRotation, " restart"),
    (OptionId::StopSignal, OptionId::OnRotation, " restart"),
    (OptionId::Grace, OptionId::OnRotation, " restart"),
    (OptionId::PollSignal, OptionId::OnRotation, " restart"),
];

/// Options that can't be used together, and the text after "because" in the message.
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
    /// Fills in the defaults. Call this even if [`Self::unmet_requirements`] returns errors,
    /// because the result has the format in which they are printed.
    pub fn to_options(&self, inherited: &Inherited) -> Options {
        // Lambda sets this variable for every runtime.
        let default_timeout = match inherited.non_empty("AWS_LAMBDA_RUNTIME_API") {
            Some(_) => TIMEOUT_IN_LAMBDA,
            None => TIMEOUT,
        };
        // `--quiet` hides all notes, including those of `--verbose`.
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
            verbose: quiet == Quiet::Nothing && verbose >= 1,
            trace: quiet == Quiet::Nothing && verbose >= 2,
            quiet,
            notify_ready: value(&self.notify_ready) == Some(true),
            log_format: value(&self.log_format).unwrap_or_default(),
        }
    }

    /// Checks the local file first. The order doesn't matter, because the launch fails if one place
    /// sets both a file and an agent.
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

    /// The options for AWS. The external id becomes part of the role.
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

    fn cache(&self) -> Option<CacheOptions> {
        Some(CacheOptions {
            directory: self.cache.clone()?,
            ttl: value(&self.cache_ttl).unwrap_or_default(),
            stale: value(&self.cache_stale).unwrap_or(CACHE_STALE),
        })
    }

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

    /// The errors about hosts in a declaration that secrets-exec found in the working directory,
    /// although the user didn't name it. Such a declaration may come from a cloned repository, and
    /// its hosts would get the user's credentials.
    pub fn refused_hosts(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(url) = &self.endpoint_url
            && !url.value.is_here_or_aws()
        {
            let hosts = "this machine or, with https, an API of AWS";
            problems.push(refused_host(OptionId::EndpointUrl, &url.place, hosts));
        }
        if let Some(Placed { value, place }) = &self.agent
            && let AgentChoice::At(url) = value
            && !is_loopback(url.uri())
        {
            problems.push(refused_host(OptionId::Agent, place, "this machine"));
        }
        problems
    }

    /// The errors about options in one place that exclude each other. Call this before options from
    /// several places are merged.
    pub fn exclusions(&self) -> impl Iterator<Item = Problem> {
        EXCLUSIONS.into_iter().filter_map(|(option, other, why)| {
            let place = self.on(option)?;
            let other = self.on(other)?;
            let text = format!("{place} and {other} can't be used together, because {why}");
            Some(Problem::new(place.status(), text))
        })
    }

    /// Turns off the options that can't be used on this system, or together with `higher`, the
    /// options of a place with higher precedence. Each gets a note or a warning, with three
    /// exceptions: `quiet`, `pass` (its patterns move to `ignored_pass`), and options that are
    /// turned off only because they need another one.
    fn turn_off_below(&mut self, higher: &Self) {
        for (option, other, why) in EXCLUSIONS {
            for (on, off) in [(option, other), (other, option)] {
                if let Some(place) = higher.on(on)
                    && let Some(name) = self.turn_off(off)
                {
                    let text = format!("{name} has no effect, because {place} is set, and {why}");
                    self.notices.push(Record::note(text));
                }
            }
        }

        if value(&higher.verbose) > Some(0) {
            // It is obvious that `--verbose` turns off `--quiet`, so this gets no note.
            self.turn_off(OptionId::Quiet);
        }
        // An external id is sent only with a role from the same place.
        if let Some(role) = higher.on(OptionId::RoleArn)
            && let Some(name) = self.turn_off(OptionId::ExternalId)
        {
            let text = format!("{name} is ignored, because {role} is set, which has precedence");
            self.notices
                .push(Record::warning(text).help("set both in the same place"));
        }
        self.ignore_pass_below(higher);
        if cfg!(not(target_os = "linux")) {
            for option in NEEDS_LINUX {
                if let Some(name) = self.turn_off(option) {
                    let text = format!("{name} has no effect, because it requires Linux");
                    self.notices.push(Record::note(text));
                }
            }
        }
    }

    /// Turns off this `pass` if `higher` has `clean-env` or `pass`, because it must not weaken
    /// them.
    fn ignore_pass_below(&mut self, higher: &Self) {
        let is_ignored =
            higher.on(OptionId::CleanEnv).is_some() || higher.place(OptionId::Pass).is_some();
        if is_ignored && let Some(pass) = self.pass.take() {
            self.ignored_pass.extend(pass.value);
        }
        // `pass: []` is meant to replace every `pass` with lower precedence, so ignored patterns
        // need no warning.
        if value(&higher.pass).is_some_and(|pass| pass.is_empty()) {
            self.ignored_pass.clear();
        }
    }

    /// Turns off an option, and all options that need it. Returns the place where the option was
    /// on.
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

    /// The place where an option is turned on. Only `agent` and `clean-env` (`0` or `false`) and
    /// `fallback-region` (an empty list) can be set to off. Any other option that is set is on,
    /// even `quiet` with `0`.
    fn on(&self, option: OptionId) -> Option<&Place> {
        let without_fallback = value(&self.fallback_regions).is_some_and(|list| list.is_empty());
        let is_off = (option == OptionId::Agent && value(&self.agent) == Some(AgentChoice::Off))
            || (option == OptionId::CleanEnv && value(&self.clean_env) == Some(false))
            || (option == OptionId::FallbackRegion && without_fallback);
        if is_off { None } else { self.place(option) }
    }

    /// Reports options without another one that they need and, outside Linux, flags that require
    /// Linux. In variables and declarations, [`Self::turn_off_below`] has already turned off the
    /// options that require Linux, so that the same declaration can be used on a Mac.
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
