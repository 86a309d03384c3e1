//! What is to be set, and what must be read for it: layers merged, references looked up.

use std::collections::{BTreeSet, HashSet};

use crate::alias::Aliases;
use crate::binding::{Absence, Binding, Claim, Entry, EntrySource, EnvName, Origin, Recipe, Subject};
use crate::environment::{Inherited, Retained};
use crate::expansion::{Expansion, ExpansionEntry};
use crate::reference::{Reference, ReferenceError, SecretRef};
use crate::suggest;

/// The entries of one declaration file, of the inherited variables, or of the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// Serve this layer and all later ones.
    pub aliases: Aliases,
    /// Each variable and each path once.
    pub entries: Vec<Entry>,
    /// Objects whose keys become variables, where no entry of this layer says otherwise.
    pub expansions: Vec<ExpansionEntry>,
}

impl Layer {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.expansions.is_empty()
    }
}

/// A reference that leads nowhere.
#[derive(Debug, PartialEq)]
pub struct PlanError {
    /// What it is for.
    pub subject: Subject,
    /// The reference as it was written.
    pub written: String,
    /// What is wrong with it.
    pub error: ReferenceError,
}

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
    pub expansions: Vec<Expansion>,
}

impl Plan {
    /// Merges the layers, the later over the earlier, and looks up what is left.
    ///
    /// An optional entry counts as not written when it is absent, so it covers nothing for certain. With
    /// `--keep-existing`, what `kept` has already is dropped; an empty variable does not count as had, and a reference in an
    /// inherited variable is there to be replaced.
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
                if entry.absence != Absence::Omit {
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
                |entry: &ExpansionEntry| !entry.naming.names().is_some_and(|names| names.iter().all(is_settled));
            let expansions = layer.expansions.into_iter().filter(is_needed);
            let expansions = expansions.filter_map(|entry| lookup.expand(entry)).collect();
            planned.push(PlannedLayer { bindings, expansions });
        }
        if errors.is_empty() { Ok(Self { layers: planned, aliases: in_force, kept }) } else { Err(errors) }
    }

    /// The layers, the latest first.
    pub fn layers(&self) -> &[PlannedLayer] {
        &self.layers
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
        match &binding.recipe {
            Recipe::Literal(text) => Some(text),
            Recipe::Secret(_) | Recipe::Composed(_) | Recipe::Template { .. } => None,
        }
    }
}

/// Looks references up, and gathers those that lead nowhere.
struct Lookup<'a> {
    aliases: &'a Aliases,
    inherited: &'a Inherited,
    errors: &'a mut Vec<PlanError>,
}

impl Lookup<'_> {
    fn locate(&mut self, reference: &Reference, subject: &Subject) -> Option<SecretRef> {
        let located = reference.locate(self.aliases, self.inherited);
        let error = |error| PlanError { subject: subject.clone(), written: reference.to_string(), error };
        located.map_err(|problem| self.errors.push(error(problem))).ok()
    }

    /// What an alias that a template names stands for.
    fn alias(&mut self, name: &str, subject: &Subject) -> Option<SecretRef> {
        match (self.aliases.get(name), Reference::parse(name)) {
            (Some(_), Ok(reference)) => self.locate(&reference, subject),
            (None, _) | (_, Err(_)) => {
                let nearest = suggest::nearest(name, self.aliases.names()).map(str::to_owned);
                let error = ReferenceError::NoAlias { name: name.to_owned(), nearest };
                self.errors.push(PlanError { subject: subject.clone(), written: name.to_owned(), error });
                None
            }
        }
    }

    fn bind(&mut self, entry: Entry) -> Option<Binding> {
        let Entry { target, source, transform, absence, origin } = entry;
        let mut subject = Subject { label: target.to_string(), origin, written: None };
        let recipe = match source {
            EntrySource::Literal(text) => Recipe::Literal(text),
            EntrySource::Reference(reference) => {
                subject.written = Some(reference.to_string());
                Recipe::Secret(self.locate(&reference, &subject)?)
            }
            EntrySource::Composed(parts) => Recipe::Composed(parts),
            EntrySource::Template(template) => {
                subject.written = Some("template".to_owned());
                let names = template.names(self.aliases.names()).into_iter().map(str::to_owned);
                let inputs = names.map(|name| self.alias(&name, &subject).map(|reference| (name, reference)));
                // Collected first, so that every unknown name is reported.
                let inputs: Vec<_> = inputs.collect();
                let inputs = inputs.into_iter().collect::<Option<_>>()?;
                Recipe::Template { template, inputs }
            }
        };
        Some(Binding { target, recipe, transform, absence, subject })
    }

    fn expand(&mut self, entry: ExpansionEntry) -> Option<Expansion> {
        let ExpansionEntry { reference, naming, origin } = entry;
        let subject = Subject { label: "env-from".to_owned(), origin, written: Some(reference.to_string()) };
        let reference = self.locate(&reference, &subject)?;
        Some(Expansion { reference, naming, subject })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::Transform;
    use crate::target::Target;

    fn layer(entries: &[(&str, &str, Absence)]) -> Layer {
        let entries = entries
            .iter()
            .map(|(name, reference, absence)| Entry {
                target: Target::Env(EnvName::parse(name).unwrap()),
                source: EntrySource::Reference(Reference::parse(reference).unwrap()),
                transform: Transform::default(),
                absence: absence.clone(),
                origin: Origin::Argument("--env"),
            })
            .collect();
        Layer { entries, ..Layer::default() }
    }

    fn ids(plan: &Plan) -> Vec<&str> {
        let bindings = plan.layers().iter().flat_map(|layer| &layer.bindings);
        let locators: BTreeSet<_> = bindings.flat_map(|binding| binding.recipe.locators()).collect();
        locators.into_iter().map(|locator| locator.id.as_str()).collect()
    }

    #[test]
    fn twenty_keys_of_one_secret_are_one_locator() {
        let entries: Vec<_> = (0..20).map(|n| (format!("V{n}"), format!("prod/db:k{n}"))).collect();
        let entries: Vec<_> =
            entries.iter().map(|(name, reference)| (name.as_str(), reference.as_str(), Absence::Fail)).collect();
        let plan = Plan::new(vec![layer(&entries)], &Inherited::default(), None).unwrap();
        assert_eq!(ids(&plan), ["prod/db"]);
    }

    #[test]
    fn what_is_overridden_is_neither_looked_up_nor_read() {
        let layers = vec![layer(&[("A", "${UNSET}/one", Absence::Fail)]), layer(&[("A", "two", Absence::Fail)])];
        assert_eq!(ids(&Plan::new(layers, &Inherited::default(), None).unwrap()), ["two"]);
    }

    #[test]
    fn an_optional_entry_covers_nothing_for_certain() {
        let layers = vec![layer(&[("A", "one", Absence::Fail)]), layer(&[("A", "two", Absence::Omit)])];
        assert_eq!(ids(&Plan::new(layers, &Inherited::default(), None).unwrap()), ["one", "two"]);
    }

    #[test]
    fn what_the_target_already_has_is_kept_unless_it_is_empty() {
        let inherited = Inherited::new([("A".into(), "here".into()), ("B".into(), "".into())].into_iter());
        let kept = inherited.retain(&crate::environment::Retention::default());
        let layers = vec![layer(&[("A", "${UNSET}/one", Absence::Fail), ("B", "two", Absence::Fail)])];
        assert_eq!(ids(&Plan::new(layers, &inherited, Some(&kept)).unwrap()), ["two"]);
    }
}
