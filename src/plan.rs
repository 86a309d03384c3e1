//! What is to be set, and what must be read for it: the layers merged, each variable once.

use std::rc::Rc;

use crate::alias::Aliases;
use crate::binding::{Absence, Binding, Entry, EntrySource, EnvName, Origin, Recipe};
use crate::environment::{Inherited, Retained};
use crate::reference::{Locator, ReferenceError};

/// The entries of one declaration file, or of the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// Serve this layer and all later ones.
    pub aliases: Aliases,
    /// Each variable once.
    pub entries: Vec<Entry>,
}

/// A reference that leads nowhere.
#[derive(Debug, PartialEq)]
pub struct PlanError {
    /// The variable it is for.
    pub name: EnvName,
    /// Where it was written.
    pub origin: Origin,
    /// The reference as it was written.
    pub written: String,
    /// What is wrong with it.
    pub error: ReferenceError,
}

/// What is to be set: for each variable the bindings that may give its value, the first that is there wins.
#[derive(Debug)]
pub struct Plan {
    variables: Vec<Vec<Binding>>,
    aliases: Aliases,
}

impl Plan {
    /// Merges the layers, the later over the earlier, and looks up what is left.
    ///
    /// An optional entry of a later layer counts as not written when it is absent, so what it covers stays behind it.
    /// With `--keep-existing`, what `kept` has already is dropped; an empty variable does not count as had.
    ///
    /// # Errors
    /// Every reference that cannot be looked up.
    pub fn new(layers: Vec<Layer>, inherited: &Inherited, kept: Option<&Retained>) -> Result<Self, Vec<PlanError>> {
        let mut aliases = Aliases::default();
        let mut chains: Vec<Vec<(Entry, Rc<Aliases>)>> = Vec::new();
        for layer in layers {
            aliases.extend(&layer.aliases);
            let in_force = Rc::new(aliases.clone());
            for entry in layer.entries {
                add(&mut chains, entry, &in_force);
            }
        }
        let has = |(entry, _): &(Entry, _)| kept.is_some_and(|kept| kept.is_filled(entry.name.as_str()));
        chains.retain(|chain| !chain.iter().any(has));
        let mut errors = Vec::new();
        let mut bind_all = |chain: Vec<(Entry, Rc<Aliases>)>| {
            let bound = chain.into_iter().map(|(entry, aliases)| bind(entry, &aliases, inherited));
            bound.filter_map(|binding| binding.map_err(|error| errors.push(error)).ok()).collect()
        };
        let variables = chains.into_iter().map(&mut bind_all).collect();
        if errors.is_empty() { Ok(Self { variables, aliases }) } else { Err(errors) }
    }

    /// For each variable its bindings; each but the last is optional and gives way to the next when it is absent.
    pub fn variables(&self) -> impl Iterator<Item = &[Binding]> {
        self.variables.iter().map(Vec::as_slice)
    }

    /// The aliases that are in force at the end, for suggestions.
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// The text that a variable will have, where the plan alone tells it.
    pub fn literal(&self, name: &str) -> Option<&str> {
        let chain = self.variables().find(|chain| chain.iter().any(|binding| binding.name.as_str() == name))?;
        match chain {
            [Binding { recipe: Recipe::Literal(text), .. }, ..] => Some(text),
            _ => None,
        }
    }
}

impl Binding {
    /// What must be read for it.
    pub fn locator(&self) -> Option<&Locator> {
        match &self.recipe {
            Recipe::Secret { reference, .. } => Some(&reference.locator),
            Recipe::Literal(_) => None,
        }
    }
}

fn add(chains: &mut Vec<Vec<(Entry, Rc<Aliases>)>>, entry: Entry, aliases: &Rc<Aliases>) {
    let covered = chains.iter_mut().find(|chain| chain.iter().any(|(other, _)| other.name == entry.name));
    let added = (entry, Rc::clone(aliases));
    match (covered, &added.0.absence) {
        (Some(chain), Absence::Omit) => chain.insert(0, added),
        (Some(chain), Absence::Fail | Absence::Default(_)) => *chain = vec![added],
        (None, _) => chains.push(vec![added]),
    }
}

fn bind(entry: Entry, aliases: &Aliases, inherited: &Inherited) -> Result<Binding, PlanError> {
    let Entry { name, source, transform, absence, origin } = entry;
    let recipe = match source {
        EntrySource::Literal(text) => Recipe::Literal(text),
        EntrySource::Reference(reference) => {
            let written = reference.to_string();
            match reference.locate(aliases, inherited) {
                Ok(reference) => Recipe::Secret { reference, written },
                Err(error) => return Err(PlanError { name, origin, written, error }),
            }
        }
    };
    Ok(Binding { name, recipe, transform, absence, origin })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::binding::Transform;
    use crate::reference::Reference;

    fn layer(entries: &[(&str, &str, Absence)]) -> Layer {
        let entries = entries
            .iter()
            .map(|(name, reference, absence)| Entry {
                name: EnvName::parse(name).unwrap(),
                source: EntrySource::Reference(Reference::parse(reference).unwrap()),
                transform: Transform::default(),
                absence: absence.clone(),
                origin: Origin::Argument("--env"),
            })
            .collect();
        Layer { aliases: Aliases::default(), entries }
    }

    /// What is read when nothing is absent.
    fn ids(plan: &Plan) -> Vec<&str> {
        let locators: BTreeSet<_> = plan.variables().filter_map(|chain| chain[0].locator()).collect();
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
    fn what_is_overridden_is_not_read() {
        let plan = Plan::new(
            vec![layer(&[("A", "one", Absence::Fail)]), layer(&[("A", "two", Absence::Fail)])],
            &Inherited::default(),
            None,
        )
        .unwrap();
        assert_eq!(ids(&plan), ["two"]);
    }

    #[test]
    fn an_optional_entry_keeps_what_it_covers_behind_it() {
        let plan = Plan::new(
            vec![layer(&[("A", "one", Absence::Fail)]), layer(&[("A", "two", Absence::Omit)])],
            &Inherited::default(),
            None,
        )
        .unwrap();
        assert_eq!(ids(&plan), ["two"]);
        assert_eq!(plan.variables().next().unwrap().len(), 2);
    }

    #[test]
    fn what_the_target_already_has_is_kept_unless_it_is_empty() {
        let inherited = Inherited::new([("A".into(), "here".into()), ("B".into(), "".into())].into_iter());
        let kept = inherited.retain(&crate::environment::Retention::default());
        let layers = vec![layer(&[("A", "${UNSET}/one", Absence::Fail), ("B", "two", Absence::Fail)])];
        assert_eq!(ids(&Plan::new(layers, &inherited, Some(&kept)).unwrap()), ["two"]);
    }

    #[test]
    fn what_is_overridden_is_not_looked_up_either() {
        let layers = vec![layer(&[("A", "${UNSET}/one", Absence::Fail)]), layer(&[("A", "two", Absence::Fail)])];
        assert_eq!(ids(&Plan::new(layers, &Inherited::default(), None).unwrap()), ["two"]);
    }
}
