//! Options that need, or exclude, each other. Within one place two that exclude each other are an error; the one of a higher place turns the
//! other off, so that one declaration serves a laptop, too. An option that goes with another one must not come from a lower place.

use super::table::{OptionId, TypedOptions};
use super::value::AgentChoice;
use crate::model::problem::Problem;

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
        "one endpoint serves one region",
    ),
    (
        OptionId::Local,
        OptionId::Agent,
        "each is the only source of values",
    ),
    (OptionId::Cache, OptionId::Local, CACHED),
    (OptionId::Cache, OptionId::Agent, CACHED),
];

const CACHED: &str = "only what AWS itself answers is cached";

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
                    self.turn_off(off, &format!("--{on} is given, and {why}"));
                }
            }
        }
        // A lower place must not pass on more variables, and its external id may belong to another role.
        for (companion, option) in [
            (OptionId::Pass, OptionId::CleanEnv),
            (OptionId::ExternalId, OptionId::RoleArn),
        ] {
            if higher.is_on(option) && self.is_on(companion) {
                let place = self.place_of(companion);
                self.ignored.push(format!(
                    "{place}{companion} is ignored, because {option} is set in a place with higher precedence: set both there"
                ));
                self.unset(companion);
            }
        }
        if cfg!(not(target_os = "linux")) {
            for option in NEEDS_LINUX {
                self.turn_off(option, "it needs Linux");
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
                .push(format!("{place}{option} is off, since {why}"));
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
    pub(super) fn conflicts(&self) -> Vec<Problem> {
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
                conflicts.push(Problem::usage(format!("--{option} needs Linux")));
            }
        }
        conflicts
    }
}
