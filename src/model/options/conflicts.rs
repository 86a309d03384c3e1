//! Options that need, or exclude, each other. Within one place two that exclude each other are an error; the one of a higher place turns the
//! other off, so that one declaration serves a laptop, too. An option that goes with another one must not come from a lower place.

use super::table::TypedOptions;
use super::value::AgentChoice;
use crate::model::problem::Problem;

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
    (
        "endpoint-url",
        "fallback-region",
        "one endpoint serves one region",
    ),
    ("local", "agent", "each is the only source of values"),
    ("cache", "local", CACHED),
    ("cache", "agent", CACHED),
];

const CACHED: &str = "only what AWS itself answers is cached";

const NEEDS_LINUX: [&str; 2] = ["cache", "on-rotation"];

impl TypedOptions {
    /// Returns the options that exclude each other, each pair with the reason. Two places may have one of a pair each.
    pub fn exclusions(
        &self,
    ) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
        EXCLUSIONS
            .iter()
            .filter(|(option, other, _)| self.is_on(option) && self.is_on(other))
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
        for (companion, option) in [("pass", "clean-env"), ("external-id", "role-arn")] {
            if higher.is_on(option) && self.is_on(companion) {
                let place = self.place_of(companion);
                self.ignored.push(format!(
                    "{place}{companion} is ignored, because {option} is set in a place with higher precedence: set both there"
                ));
                self.unset(companion);
            }
        }
        for option in NEEDS_LINUX
            .into_iter()
            .filter(|_| cfg!(not(target_os = "linux")))
        {
            self.turn_off(option, "it needs Linux");
        }
    }

    /// Returns the place of an option in a declaration, for the beginning of a line; an empty text for any other place.
    fn place_of(&self, option: &str) -> String {
        let place = self.places.get(option);
        place.map(|place| format!("{place}: ")).unwrap_or_default()
    }

    /// Turns an option off, and those that need it.
    fn turn_off(&mut self, option: &'static str, why: &str) {
        if self.is_on(option) {
            let place = self.place_of(option);
            self.turned_off
                .push(format!("{place}{option} is off, since {why}"));
            self.unset(option);
            NEEDS
                .iter()
                .filter(|(_, needed)| *needed == option)
                .for_each(|(other, _)| self.unset(other));
        }
    }

    /// True if the option is set, and not to `false`.
    fn is_on(&self, option: &str) -> bool {
        match option {
            "agent" => matches!(self.agent, Some(AgentChoice::Default | AgentChoice::At(_))),
            "agent-fallback" => self.agent_fallback == Some(true),
            "clean-env" => self.clean_env == Some(true),
            option => self.sets(option),
        }
    }

    /// Returns the problem of each option that lacks another, or needs Linux.
    pub(super) fn conflicts(&self) -> Vec<Problem> {
        let mut conflicts = Vec::new();
        for (option, needed) in NEEDS
            .iter()
            .filter(|(option, needed)| self.is_on(option) && !self.is_on(needed))
        {
            conflicts.push(match self.places.get(option) {
                Some(place) => {
                    Problem::configuration(format!("{place}: {option} requires {needed}"))
                }
                None => Problem::usage(format!("--{option} requires --{needed}")),
            });
        }
        for option in NEEDS_LINUX
            .into_iter()
            .filter(|option| cfg!(not(target_os = "linux")) && self.is_on(option))
        {
            conflicts.push(Problem::usage(format!("--{option} needs Linux")));
        }
        conflicts
    }
}
