//! The rule of precedence: which entry holds a variable, a path or a credential.

use std::collections::{BTreeSet, HashMap};

use super::entry::{Claim, Naming, Origin, Subject, Target};
use super::env_name::EnvName;

/// The entry or variable that already holds the target of another entry, which therefore sets nothing.
#[derive(Clone, Debug)]
pub enum Holder {
    /// An entry that takes precedence.
    Entry(Subject),
    /// The inherited variable of this name, which `--keep-existing` keeps.
    Kept(String),
    /// Several entries or kept variables: each variable that an `env-from` entry can give has a holder of its own.
    Several,
}

/// The variables, paths and credentials that are held, while entries are added in the order of precedence: the latest layer comes first.
///
/// The first entry that claims a variable, a path or a credential holds it, and a kept variable is held from the beginning. The plan asks
/// with the entries that certainly set their targets, so that what they override isn't read. The resolution asks again, once it knows
/// whether an optional entry is absent and which keys an object has.
pub struct Claims<'a> {
    kept: &'a BTreeSet<String>,
    holders: HashMap<Claim, Subject>,
}

impl<'a> Claims<'a> {
    /// Starts with the inherited variables that `--keep-existing` keeps.
    pub fn new(kept: &'a BTreeSet<String>) -> Self {
        Self {
            kept,
            holders: HashMap::new(),
        }
    }

    /// Makes an entry hold everything that its target claims.
    pub fn add(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            self.holders.insert(claim, entry.clone());
        }
    }

    /// Returns what holds a part of an entry's target already.
    ///
    /// A reference in an inherited variable is resolved even if the variable is kept.
    pub fn holder(&self, target: &Target, origin: &Origin) -> Option<Holder> {
        for claim in target.claims() {
            if let Some(entry) = self.holders.get(&claim) {
                return Some(Holder::Entry(entry.clone()));
            }
        }

        if *origin == Origin::Inherited {
            return None;
        }
        self.kept_variable(target.variable()?)
    }

    /// Returns what holds a variable already.
    pub fn variable_holder(&self, name: &EnvName) -> Option<Holder> {
        match self.holders.get(&Claim::Variable(name.clone())) {
            Some(entry) => Some(Holder::Entry(entry.clone())),
            None => self.kept_variable(name),
        }
    }

    /// True if every variable that an object can give is held already, so that the object need not be read.
    pub fn cover(&self, naming: &Naming) -> bool {
        let Some(names) = naming.names() else {
            return false;
        };
        let mut holders = names.iter().map(|name| self.variable_holder(name));
        !names.is_empty() && holders.all(|holder| holder.is_some())
    }

    fn kept_variable(&self, name: &EnvName) -> Option<Holder> {
        self.kept
            .contains(name.as_str())
            .then(|| Holder::Kept(name.to_string()))
    }
}
