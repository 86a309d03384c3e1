//! What is to be set, and what must be read for it: layers merged, references looked up.

mod binding;
mod layer;
mod lookup;

pub use binding::{Binding, EnvFrom, ValueSource};
pub use layer::Layer;
pub use lookup::PlanError;

use std::collections::{BTreeSet, HashSet};

use crate::model::entry::{Claim, Entry, EnvFromEntry, OnMissing, Origin};
use crate::model::env_name::EnvName;
use crate::model::inherited::Inherited;
use crate::model::reference::Aliases;
use crate::model::reference::Locator;
use crate::model::retention::Retained;

use lookup::Lookup;

/// What is to be set.
#[derive(Debug)]
pub struct Plan {
    /// The latest layer, which wins, first.
    layers: Vec<PlannedLayer>,
    aliases: Aliases,
    /// Variables that the target has already and keeps.
    kept: BTreeSet<String>,
}

/// What is left of a layer: nothing that a later one covers for certain.
#[derive(Debug, Default)]
pub struct PlannedLayer {
    /// Variables and files.
    pub bindings: Vec<Binding>,
    /// Objects whose keys become variables.
    pub env_from: Vec<EnvFrom>,
}

impl Plan {
    /// Merges the layers, the later over the earlier, and looks up what is left.
    ///
    /// An optional entry counts as not written when it is absent, so it covers nothing for certain. With
    /// `--keep-existing`, what `kept` has already is dropped; an empty variable does not count as had, and a reference
    /// in an inherited variable is there to be replaced.
    ///
    /// # Errors
    /// Every reference that cannot be looked up.
    pub fn new(layers: Vec<Layer>, inherited: &Inherited, kept: Option<&Retained>) -> Result<Self, Vec<PlanError>> {
        let kept: BTreeSet<String> = kept.map(|kept| kept.filled().collect()).unwrap_or_default();
        let keeps = |entry: &Entry| entry.target.variable().is_some_and(|name| kept.contains(name.as_str()));
        let mut in_force = Aliases::default();
        let mut stacked = Vec::new();
        for layer in layers {
            in_force.extend(&layer.aliases);
            stacked.push((in_force.clone(), layer));
        }
        let mut claimed: HashSet<Claim> = HashSet::new();
        let mut planned = Vec::new();
        let mut errors = Vec::new();
        for (aliases, layer) in stacked.into_iter().rev() {
            let mut lookup = Lookup { aliases: &aliases, inherited, errors: &mut errors };
            let mut bindings = Vec::new();
            let mut covered = Vec::new();
            for entry in layer.entries {
                let claims = entry.target.claims();
                let replaced = claims.iter().any(|claim| claimed.contains(claim));
                if replaced || keeps(&entry) && entry.origin != Origin::Inherited {
                    continue;
                }
                if entry.on_missing != OnMissing::Omit {
                    covered.extend(claims);
                }
                bindings.extend(lookup.bind(entry));
            }
            claimed.extend(covered);
            // What could only give what is settled is not read.
            let is_settled = |name: &String| {
                let claim = EnvName::parse(name).map(Claim::Variable);
                kept.contains(name) || claim.is_ok_and(|claim| claimed.contains(&claim))
            };
            let is_needed =
                |entry: &EnvFromEntry| !entry.naming.names().is_some_and(|names| names.iter().all(is_settled));
            let env_from = layer.env_from.into_iter().filter(is_needed);
            let env_from = env_from.filter_map(|entry| lookup.expand(entry)).collect();
            planned.push(PlannedLayer { bindings, env_from });
        }
        if errors.is_empty() { Ok(Self { layers: planned, aliases: in_force, kept }) } else { Err(errors) }
    }

    /// The layers, the latest first.
    pub fn layers(&self) -> &[PlannedLayer] {
        &self.layers
    }

    /// Every locator that may be read: what an optional entry covers, for example, is read only if that entry is absent.
    #[cfg_attr(not(test), expect(dead_code, reason = "a launch reads in rounds; commands that read nothing need it"))]
    pub fn locators(&self) -> BTreeSet<&Locator> {
        let bindings =
            self.layers.iter().flat_map(|layer| &layer.bindings).flat_map(|binding| binding.value_source.locators());
        let objects = self.layers.iter().flat_map(|layer| &layer.env_from).map(|object| &object.reference.locator);
        bindings.chain(objects).collect()
    }

    /// Whether the target has the variable already and keeps it.
    pub fn keeps(&self, name: &str) -> bool {
        self.kept.contains(name)
    }

    /// The aliases that are in force at the end, for suggestions.
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// The text that a variable will have, where the plan alone tells it.
    pub fn literal(&self, name: &str) -> Option<&str> {
        let mut bindings = self.layers.iter().flat_map(|layer| &layer.bindings);
        let binding = bindings.find(|binding| binding.target.variable().is_some_and(|other| other.as_str() == name))?;
        match &binding.value_source {
            ValueSource::Literal(text) => Some(text),
            ValueSource::Secret(_) | ValueSource::Composed(_) | ValueSource::Template { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::EntrySource;
    use crate::model::entry::Target;
    use crate::model::entry::Transform;
    use crate::model::reference::Reference;
    use crate::model::retention::Retention;

    fn layer(entries: &[(&str, &str, OnMissing)]) -> Layer {
        let entries = entries
            .iter()
            .map(|(name, reference, on_missing)| Entry {
                target: Target::Env(EnvName::parse(name).unwrap()),
                source: EntrySource::Reference(Reference::parse(reference).unwrap()),
                transform: Transform::default(),
                on_missing: on_missing.clone(),
                origin: Origin::Argument("--env"),
            })
            .collect();
        Layer { entries, ..Layer::default() }
    }

    fn ids(plan: &Plan) -> Vec<String> {
        plan.locators().into_iter().map(|locator| locator.id.to_string()).collect()
    }

    #[test]
    fn twenty_keys_of_one_secret_are_one_locator() {
        let entries: Vec<_> = (0..20).map(|n| (format!("V{n}"), format!("prod/db:k{n}"))).collect();
        let entries: Vec<_> =
            entries.iter().map(|(name, reference)| (name.as_str(), reference.as_str(), OnMissing::Fail)).collect();
        let plan = Plan::new(vec![layer(&entries)], &Inherited::default(), None).unwrap();
        assert_eq!(ids(&plan), ["prod/db"]);
    }

    #[test]
    fn what_is_overridden_is_neither_looked_up_nor_read() {
        let layers = vec![layer(&[("A", "${UNSET}/one", OnMissing::Fail)]), layer(&[("A", "two", OnMissing::Fail)])];
        assert_eq!(ids(&Plan::new(layers, &Inherited::default(), None).unwrap()), ["two"]);
    }

    #[test]
    fn an_optional_entry_covers_nothing_for_certain() {
        let layers = vec![layer(&[("A", "one", OnMissing::Fail)]), layer(&[("A", "two", OnMissing::Omit)])];
        assert_eq!(ids(&Plan::new(layers, &Inherited::default(), None).unwrap()), ["one", "two"]);
    }

    #[test]
    fn what_the_target_already_has_is_kept_unless_it_is_empty() {
        let inherited = Inherited::new([("A".into(), "here".into()), ("B".into(), "".into())].into_iter());
        let kept = inherited.retain(&Retention::default());
        let layers = vec![layer(&[("A", "${UNSET}/one", OnMissing::Fail), ("B", "two", OnMissing::Fail)])];
        assert_eq!(ids(&Plan::new(layers, &inherited, Some(&kept)).unwrap()), ["two"]);
    }
}
