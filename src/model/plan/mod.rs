//! The plan of a launch: the layers merged, and their references looked up.

mod layer;
mod lookup;

pub use layer::{Layer, UnitCredentials};
pub use lookup::ValueSource;

use std::collections::BTreeSet;

use crate::model::claims::{Claims, Holder};
use crate::model::entry::{
    EnvFrom, FilePlace, FileTarget, Naming, OnMissing, Subject, Target, Transform,
};
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::reference::{Aliases, Locator, SecretRef};
use lookup::Lookup;

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

/// The source from which an entry sets its target.
#[derive(Debug)]
pub enum PlannedSource {
    Value(ValueSource),
    Object(ObjectSource),
    /// Nothing, whatever is read: the target is held already. References are not even looked up.
    Overridden(Holder),
}

/// An object of `env-from`, whose keys give variables.
#[derive(Debug)]
pub struct ObjectSource {
    pub reference: SecretRef,
    pub naming: Naming,
}

impl PlannedSource {
    /// The references that the entry reads.
    pub fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Value(source) => source.references(),
            Self::Object(object) => vec![&object.reference],
            Self::Overridden(_) => Vec::new(),
        }
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
    let mut overridden = Vec::new();

    let mut applied = Vec::new();
    for entry in layer.entries {
        match claims.holder(&entry.target, &entry.subject.origin) {
            Some(holder) => {
                let source = PlannedSource::Overridden(holder);
                overridden.push(Planned::new(entry.target, entry.subject, source));
            }
            None => applied.push(entry),
        }
    }
    for entry in applied {
        // An optional entry may be absent, so it overrides nothing here.
        if entry.on_missing != OnMissing::Omit {
            claims.add(&entry.target, &entry.subject);
        }
        if let Some(source) = lookup.value(entry.source, &entry.subject) {
            planned.push(Planned {
                transform: entry.transform,
                on_missing: entry.on_missing,
                ..Planned::new(entry.target, entry.subject, PlannedSource::Value(source))
            });
        }
    }

    for EnvFrom {
        reference,
        naming,
        subject,
    } in layer.env_from
    {
        let target = Target::Variables(naming.prefix.clone());
        if claims.cover(&naming) {
            let source = PlannedSource::Overridden(Holder::Several);
            overridden.push(Planned::new(target, subject, source));
        } else if let Some(reference) = lookup.object(&reference, &subject) {
            let source = PlannedSource::Object(ObjectSource { reference, naming });
            planned.push(Planned::new(target, subject, source));
        }
    }

    planned.extend(overridden);
    for (number, entry) in planned.iter_mut().enumerate() {
        entry.id = EntryId {
            layer: layer_number,
            number,
            key: None,
        };
    }
    planned
}

impl Planned {
    /// Returns an entry without an id, whose value is taken as it is, and must exist.
    fn new(target: Target, subject: Subject, source: PlannedSource) -> Self {
        Self {
            id: EntryId::default(),
            target,
            subject,
            source,
            transform: Transform::default(),
            on_missing: OnMissing::Fail,
        }
    }
}
