//! Layers and their precedence: an entry of a later layer overrides those of earlier layers.

use std::collections::{BTreeSet, HashMap};

use super::lookup::{Binding, Lookup};
use crate::model::entry::{Claim, Entry, EntryId, EnvFrom, OnMissing, Origin, Subject};
use crate::model::reference::{Aliases, SecretRef};

/// The entries of one declaration, of the inherited variables, or of the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// Aliases for this layer and all later ones.
    pub aliases: Aliases,
    /// Entries, no two of which set the same variable or path.
    pub entries: Vec<Entry>,
    /// Objects whose keys give variables. An entry of this layer overrides a key.
    pub env_from: Vec<EnvFrom>,
    /// The credentials of units, each unit once. A launch passes over them.
    pub credentials: Vec<UnitCredentials>,
}

/// The credentials that one unit may load, or each unit whose name matches a pattern.
#[derive(Debug)]
pub struct UnitCredentials {
    /// The name or the pattern.
    pub unit: String,
    /// Their targets are credentials of that unit.
    pub entries: Vec<Entry>,
}

impl Layer {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.env_from.is_empty()
    }
}

/// A layer, apart from what later layers and kept variables override.
#[derive(Debug, Default)]
pub struct PlannedLayer {
    pub bindings: Vec<Binding>,
    pub env_from: Vec<EnvFrom<SecretRef>>,
    /// The rest of the layer, which is not looked up.
    pub overridden: Vec<Override>,
}

/// An entry, or a variable of an `env-from` source, that sets nothing.
#[derive(Clone, Debug)]
pub struct Override {
    pub entry: EntryId,
    pub subject: Subject,
    pub by: OverriddenBy,
}

/// The reason that an entry sets nothing.
#[derive(Clone, Debug)]
pub enum OverriddenBy {
    /// This entry sets its variable or path.
    Entry(Subject),
    /// `--keep-existing` keeps the variable.
    Kept(String),
    /// Each variable that the source can give is set by another entry or kept.
    Others,
}

/// The variables and paths that are set already, while layers are added from the latest to the earliest.
pub struct Precedence {
    /// The inherited variables that `--keep-existing` keeps.
    pub kept: BTreeSet<String>,
    /// Each with the entry that sets it.
    claimed: HashMap<Claim, Subject>,
    /// The number of entries so far.
    count: usize,
}

impl Precedence {
    pub fn new(kept: BTreeSet<String>) -> Self {
        Self {
            kept,
            claimed: HashMap::new(),
            count: 0,
        }
    }

    /// Adds the next earlier layer: sets aside what is set already, and looks up the rest.
    ///
    /// An optional entry may be absent, so it overrides nothing here.
    pub fn add(&mut self, layer: Layer, lookup: &mut Lookup<'_>) -> PlannedLayer {
        let mut planned = PlannedLayer::default();
        let mut applied = Vec::new();
        for entry in layer.entries {
            let entry = Entry {
                id: self.next_id(),
                ..entry
            };
            match self.overriding(&entry) {
                Some(by) => planned.overridden.push(Override {
                    entry: entry.id,
                    subject: entry.subject,
                    by,
                }),
                None => applied.push(entry),
            }
        }
        for entry in applied {
            if entry.on_missing != OnMissing::Omit {
                self.claimed.extend(
                    entry
                        .target
                        .claims()
                        .into_iter()
                        .map(|claim| (claim, entry.subject.clone())),
                );
            }
            planned.bindings.extend(lookup.bind(entry));
        }
        for object in layer.env_from {
            let object = EnvFrom {
                id: self.next_id(),
                ..object
            };
            if self.covers(&object) {
                let (entry, subject, by) = (object.id, object.subject, OverriddenBy::Others);
                planned.overridden.push(Override { entry, subject, by });
            } else {
                planned.env_from.extend(lookup.bind_env_from(object));
            }
        }
        planned
    }

    fn next_id(&mut self) -> EntryId {
        self.count += 1;
        EntryId(self.count)
    }

    /// Returns what overrides the entry: an entry of a later layer, or a kept variable.
    ///
    /// A reference in an inherited variable is resolved even if the variable is kept.
    fn overriding(&self, entry: &Entry) -> Option<OverriddenBy> {
        if let Some(other) = entry
            .target
            .claims()
            .iter()
            .find_map(|claim| self.claimed.get(claim))
        {
            return Some(OverriddenBy::Entry(other.clone()));
        }
        let name = entry
            .target
            .variable()
            .filter(|name| self.kept.contains(name.as_str()))?;
        (entry.subject.origin != Origin::Inherited).then(|| OverriddenBy::Kept(name.to_string()))
    }

    /// True if every variable that the source can give is set already, so that it need not be read.
    fn covers(&self, source: &EnvFrom) -> bool {
        let Some(names) = source.naming.names() else {
            return false;
        };
        let mut names = names.into_iter();
        names.len() > 0
            && names.all(|name| {
                self.kept.contains(name.as_str())
                    || self.claimed.contains_key(&Claim::Variable(name))
            })
    }
}
