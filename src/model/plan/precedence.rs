//! Layers and their precedence: an entry of a later layer overrides those of earlier layers.

use std::collections::{BTreeSet, HashSet};

use super::lookup::{Binding, EntryId, EnvFrom, Lookup};
use crate::model::entry::{Claim, Entry, EnvFromEntry, OnMissing, Origin};
use crate::model::env_name::EnvName;
use crate::model::reference::Aliases;

/// The entries of one declaration, of the inherited variables, or of the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// Aliases for this layer and all later ones.
    pub aliases: Aliases,
    /// Entries, no two of which set the same variable or path.
    pub entries: Vec<Entry>,
    /// Objects whose keys give variables. An entry of this layer overrides a key.
    pub env_from: Vec<EnvFromEntry>,
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

    /// Adds all credentials to the entries.
    pub fn include_credentials(&mut self) {
        let units = std::mem::take(&mut self.credentials);
        self.entries.extend(units.into_iter().flat_map(|credentials| credentials.entries));
    }
}

/// A layer, apart from what later layers and kept variables override.
#[derive(Debug, Default)]
pub struct PlannedLayer {
    pub bindings: Vec<Binding>,
    pub env_from: Vec<EnvFrom>,
    /// The rest of the layer, which is not looked up.
    pub overridden: Overridden,
}

/// The entries that later layers and kept variables override.
#[derive(Debug, Default)]
pub struct Overridden {
    pub entries: Vec<(EntryId, Entry)>,
    pub env_from: Vec<(EntryId, EnvFromEntry)>,
}

/// The variables and paths that are set already, while layers are added from the latest to the earliest.
pub struct Precedence {
    /// The inherited variables that `--keep-existing` keeps.
    pub kept: BTreeSet<String>,
    claimed: HashSet<Claim>,
    /// The number of entries so far.
    count: usize,
}

impl Precedence {
    pub fn new(kept: BTreeSet<String>) -> Self {
        Self { kept, claimed: HashSet::new(), count: 0 }
    }

    /// Adds the next earlier layer: sets aside what is set already, and looks up the rest.
    ///
    /// An optional entry may be absent, so it overrides nothing here.
    pub fn add(&mut self, layer: Layer, lookup: &mut Lookup<'_>) -> PlannedLayer {
        let entries = self.numbered(layer.entries);
        let (entries, overridden): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, entry)| self.applies(entry));
        let required = entries.iter().filter(|(_, entry)| entry.on_missing != OnMissing::Omit);
        self.claimed.extend(required.flat_map(|(_, entry)| entry.target.claims()));
        let bindings = entries.into_iter().filter_map(|(id, entry)| lookup.bind(id, entry)).collect();
        let objects = self.numbered(layer.env_from);
        let (covered, env_from): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(_, object)| self.covers(object));
        let env_from = env_from.into_iter().filter_map(|(id, object)| lookup.bind_env_from(id, object)).collect();
        PlannedLayer { bindings, env_from, overridden: Overridden { entries: overridden, env_from: covered } }
    }

    fn numbered<T>(&mut self, entries: Vec<T>) -> Vec<(EntryId, T)> {
        let first = self.count;
        self.count += entries.len();
        (first..).map(EntryId).zip(entries).collect()
    }

    /// True unless a later layer or a kept variable overrides the entry.
    ///
    /// A reference in an inherited variable is resolved even if the variable is kept.
    fn applies(&self, entry: &Entry) -> bool {
        let is_claimed = entry.target.claims().iter().any(|claim| self.claimed.contains(claim));
        let is_kept = entry.target.variable().is_some_and(|name| self.kept.contains(name.as_str()));
        !is_claimed && (!is_kept || entry.origin == Origin::Inherited)
    }

    /// True if every variable that the object can give is set already, so that the object need not be read.
    fn covers(&self, object: &EnvFromEntry) -> bool {
        let is_set = |name: &String| {
            let claim = EnvName::parse(name).map(Claim::Variable);
            self.kept.contains(name) || claim.is_ok_and(|claim| self.claimed.contains(&claim))
        };
        object.naming.names().is_some_and(|names| names.iter().all(is_set))
    }
}
