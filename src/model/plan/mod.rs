//! The plan of a launch: the layers merged, and their references looked up.

mod lookup;

pub use lookup::{ObjectSource, PlannedSource, ValueSource};

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::model::claims::{Claims, Holder};
use crate::model::entry::{
    Entry, EntrySource, FilePlace, FileTarget, OnMissing, Subject, Target, Transform,
};
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::reference::{Aliases, Locator, SecretRef};
use lookup::Lookup;

/// The entries of one declaration, of the inherited variables, or of the command line, as they are written.
#[derive(Debug, Default)]
pub struct Layer {
    /// Aliases for this layer and all later ones.
    pub aliases: Aliases,
    /// The entries. No two of them set the same variable, path or credential. The objects of `env-from` come last, because any other entry of
    /// the layer overrides their keys.
    pub entries: Vec<Entry>,
    /// The names and patterns of units under `credentials:`. A unit that is listed without credentials doesn't get those of a pattern either.
    pub units: Vec<String>,
}

/// The variables and files to set, and the secrets to request for them.
#[derive(Debug)]
pub struct Plan {
    /// The layers from the latest, which overrides the others, to the earliest. In each come the values, then the objects of `env-from`,
    /// and then the entries that are overridden.
    pub entries: Vec<Planned>,
    /// The aliases of all layers, for suggestions.
    pub aliases: Aliases,
    /// The inherited variables that `--keep-existing` keeps.
    pub kept: BTreeSet<String>,
    /// The inherited variables, for templates.
    pub inherited: Inherited,
}

/// An entry of a plan.
#[derive(Debug)]
pub struct Planned {
    pub id: EntryId,
    pub target: Target,
    /// The name of the entry in messages.
    pub subject: Subject,
    pub source: PlannedSource,
    pub transform: Transform,
    pub pattern: Option<Regex>,
    pub on_missing: OnMissing,
}

/// The place of an entry in its plan. The names of two entries in messages may be equal: two on one line, or in a file that is given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The number of its layer, from 0 for the latest.
    pub layer: usize,
    /// The number of the entry in its layer.
    pub number: usize,
    /// The number of a key in the object of `env-from`; `None` for the entry itself.
    pub key: Option<usize>,
}

impl EntryId {
    /// True for an object and its keys.
    pub fn is_same_entry(self, other: Self) -> bool {
        (self.layer, self.number) == (other.layer, other.number)
    }
}

impl Plan {
    /// Merges the layers, which are in order from the earliest to the latest, and looks up the entries that apply.
    ///
    /// `kept` is set with `--keep-existing`: entries for its variables that are not empty are overridden.
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

        let kept = kept
            .map(|kept| kept.filled_names().collect())
            .unwrap_or_default();
        let mut claims = Claims::new(&kept);
        let mut errors = Vec::new();
        let mut entries = Vec::new();
        for (number, (aliases, layer)) in with_aliases.into_iter().rev().enumerate() {
            let lookup = Lookup {
                aliases: &aliases,
                inherited,
                errors: &mut errors,
            };
            entries.extend(planned(number, layer, &mut claims, lookup));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            entries,
            aliases,
            kept,
            inherited: inherited.clone(),
        })
    }

    /// Every locator to request: those of all entries but the ones that an explicit entry of a later layer overrides. What turns out to be
    /// covered, by an optional entry or a key, is read for nothing: in parallel it costs no time.
    pub fn locators(&self) -> BTreeSet<&Locator> {
        self.references()
            .map(|(_, reference)| &reference.locator)
            .collect()
    }

    /// The entries that set a value, those of the latest layer first.
    pub fn values(&self) -> impl Iterator<Item = (&Planned, &ValueSource)> {
        self.entries.iter().filter_map(|entry| match &entry.source {
            PlannedSource::Value(source) => Some((entry, source)),
            PlannedSource::Object(_) | PlannedSource::Overridden(_) => None,
        })
    }

    /// Every reference that may be requested, and its entry: first those of values, then the objects of `env-from`.
    pub fn references(&self) -> impl Iterator<Item = (&Planned, &SecretRef)> {
        let is_object = |entry: &&Planned| matches!(entry.source, PlannedSource::Object(_));
        let values = self.entries.iter().filter(move |entry| !is_object(entry));
        let objects = self.entries.iter().filter(is_object);
        values.chain(objects).flat_map(|entry| {
            let references = entry.source.references();
            references
                .into_iter()
                .map(move |reference| (entry, reference))
        })
    }

    /// The entries whose literal or template holds `${NAME}`, which is expanded in references alone.
    pub fn unexpanded(&self) -> impl Iterator<Item = &Subject> {
        self.values().filter_map(|(entry, source)| {
            let text = match source {
                ValueSource::Literal(text) => text,
                ValueSource::Template { template, .. } => &template.text,
                ValueSource::Secret(_) | ValueSource::Composed(_) => return None,
            };
            let mut ends = text
                .split("${")
                .skip(1)
                .filter_map(|rest| rest.split_once('}'));
            ends.any(|(name, _)| is_name(name))
                .then_some(&entry.subject)
        })
    }

    /// True if a file with a `path` may be delivered.
    pub fn has_path(&self) -> bool {
        self.values().any(|(entry, _)| {
            matches!(
                &entry.target,
                Target::File(FileTarget {
                    place: FilePlace::Path(_),
                    ..
                })
            )
        })
    }

    /// Returns the text of a variable that is set to a literal.
    pub fn literal(&self, name: &str) -> Option<&str> {
        let (_, source) = self.values().find(|(entry, _)| {
            entry
                .target
                .variable()
                .is_some_and(|other| other.as_str() == name)
        })?;
        let ValueSource::Literal(text) = source else {
            return None;
        };
        Some(text)
    }
}

/// Returns the entries of the next earlier layer, and adds what they certainly set to `claims`. An entry whose reference cannot be looked up
/// is left out, and its error is added to those of `lookup`.
fn planned(
    layer_number: usize,
    layer: Layer,
    claims: &mut Claims<'_>,
    mut lookup: Lookup<'_>,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    for entry in layer.entries {
        let holder = match &entry.source {
            EntrySource::Object(_, naming) => claims.cover(naming).then_some(Holder::Several),
            EntrySource::Reference(_)
            | EntrySource::Literal(_)
            | EntrySource::Composed(_)
            | EntrySource::Template(_) => claims.holder(&entry.target, &entry.subject.origin),
        };
        // An optional entry may be absent, so it overrides nothing here.
        if holder.is_none() && entry.on_missing != OnMissing::Omit {
            claims.add(&entry.target, &entry.subject);
        }

        let source = match holder {
            Some(holder) => Some(PlannedSource::Overridden(holder)),
            None => lookup.source(entry.source, &entry.subject),
        };
        if let Some(source) = source {
            planned.push(Planned {
                id: EntryId::default(),
                target: entry.target,
                subject: entry.subject,
                source,
                transform: entry.transform,
                pattern: entry.pattern,
                on_missing: entry.on_missing,
            });
        }
    }

    planned.sort_by_key(|entry| matches!(entry.source, PlannedSource::Overridden(_)));
    for (number, entry) in planned.iter_mut().enumerate() {
        entry.id = EntryId {
            layer: layer_number,
            number,
            key: None,
        };
    }
    planned
}
