//! The plan of a launch: the layers merged, and their references looked up.

mod lookup;
mod precedence;

pub use lookup::{Binding, ValueSource};
pub use precedence::{Layer, OverriddenBy, Override, PlannedLayer, UnitCredentials};

use std::collections::BTreeSet;

use crate::model::entry::{EntryId, FilePlace, FileTarget, Subject, Target};
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::reference::{Aliases, Locator, SecretRef};
use lookup::Lookup;
use precedence::Precedence;

/// The variables and files to set, and the secrets to request for them.
#[derive(Debug)]
pub struct Plan {
    /// From the latest, which overrides the others, to the earliest.
    pub layers: Vec<PlannedLayer>,
    /// The aliases of all layers, for suggestions.
    pub aliases: Aliases,
    /// The inherited variables that `--keep-existing` keeps.
    pub kept: BTreeSet<String>,
    /// The inherited variables, for templates.
    pub inherited: Inherited,
}

impl Plan {
    /// Merges the layers, which are in order from the earliest to the latest, and looks up the entries that apply.
    ///
    /// `kept` is set with `--keep-existing`: entries for its variables that are not empty are dropped.
    ///
    /// # Errors
    /// Every reference that cannot be looked up.
    pub fn new(
        layers: Vec<Layer>,
        inherited: &Inherited,
        kept: Option<&Inherited>,
    ) -> Result<Self, Vec<Problem>> {
        let mut aliases = Aliases::default();
        let mut with_aliases = Vec::new();
        for layer in layers {
            aliases.extend(layer.aliases.clone());
            with_aliases.push((aliases.clone(), layer));
        }
        let mut precedence = Precedence::new(
            kept.map(|kept| kept.filled_names().collect())
                .unwrap_or_default(),
        );
        let mut errors = Vec::new();
        let mut planned = Vec::new();
        for (aliases, layer) in with_aliases.into_iter().rev() {
            let mut lookup = Lookup {
                aliases: &aliases,
                inherited,
                errors: &mut errors,
            };
            planned.push(precedence.add(layer, &mut lookup));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            layers: planned,
            aliases,
            kept: precedence.kept,
            inherited: inherited.clone(),
        })
    }

    /// Every locator to request: those of all entries but the ones that an explicit entry of a later layer overrides. What turns out to be
    /// covered, by an optional entry or a key, is read for nothing: in parallel it costs no time.
    pub fn locators(&self) -> BTreeSet<&Locator> {
        self.references()
            .map(|(_, _, reference)| &reference.locator)
            .collect()
    }

    /// The entries that apply, those of the latest layer first.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.layers.iter().flat_map(|layer| &layer.bindings)
    }

    /// Every reference that may be requested, and its entry.
    pub fn references(&self) -> impl Iterator<Item = (EntryId, &Subject, &SecretRef)> {
        let of_bindings = self.bindings().flat_map(|binding| {
            binding
                .source
                .references()
                .into_iter()
                .map(|reference| (binding.id, &binding.subject, reference))
        });
        let objects = self.layers.iter().flat_map(|layer| &layer.env_from);
        of_bindings.chain(objects.map(|object| (object.id, &object.subject, &object.reference)))
    }

    /// The entries whose literal or template holds `${NAME}`, which is expanded in references alone.
    pub fn unexpanded(&self) -> impl Iterator<Item = &Subject> {
        self.bindings().filter_map(|binding| {
            let text = match &binding.source {
                ValueSource::Literal(text) => text,
                ValueSource::Template { template, .. } => &template.text,
                ValueSource::Secret(_) | ValueSource::Composed(_) => return None,
            };
            let mut ends = text
                .split("${")
                .skip(1)
                .filter_map(|rest| rest.split_once('}'));
            ends.any(|(name, _)| is_name(name))
                .then_some(&binding.subject)
        })
    }

    /// True if a file with a `path` may be delivered.
    pub fn has_path(&self) -> bool {
        self.bindings().any(|binding| {
            matches!(
                &binding.target,
                Target::File(FileTarget {
                    place: FilePlace::Path(_),
                    ..
                })
            )
        })
    }

    /// Returns the text of a variable that is set to a literal.
    pub fn literal(&self, name: &str) -> Option<&str> {
        let binding = self.bindings().find(|binding| {
            binding
                .target
                .variable()
                .is_some_and(|other| other.as_str() == name)
        })?;
        let ValueSource::Literal(text) = &binding.source else {
            return None;
        };
        Some(text)
    }
}
