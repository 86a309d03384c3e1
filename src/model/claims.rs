//! The rule of precedence, which decides what sets a variable, a path or a credential if several
//! entries name it.
//!
//! Entries are added in the order of precedence: the latest layer comes first, and within a layer,
//! single entries come before the objects of `env-from`. The first entry that claims a variable, a
//! path or a credential holds it, and later ones are overridden:
//!
//! ```text
//! order of precedence                               claims                holder
//! 1. --env DB_HOST=prod/db:host                     DB_HOST               this entry
//! 2. secrets-exec.yaml: DB_HOST: old/db:host        DB_HOST               already held by 1: overridden
//! 3. secrets-exec.yaml: TOKEN: {…, optional: true}  TOKEN, unless absent  this entry, if its secret exists
//! 4. base.yaml: TOKEN: { value: none }              TOKEN                 this entry, if 3 is absent
//! 5. base.yaml: env-from: [prod/app]                each key's variable   each key for itself
//! ```
//!
//! The rule is applied twice. The plan knows which entries certainly set something, so it leaves
//! out the entries that these override, and the secrets of overridden entries aren't read. The
//! resolution applies the rule again, when it knows whether an optional entry is absent and which
//! keys an object has.

use std::collections::{BTreeSet, HashMap};

use super::entry::{Claim, Naming, Origin, Subject, Target};
use super::env_variables::EnvName;

/// The entry or variable that already holds the target of another entry, so that the other entry
/// has no effect.
#[derive(Clone, Debug)]
pub enum Holder {
    /// An entry with higher precedence.
    Entry(Subject),
    /// The inherited variable with this name, because of `--keep-existing`.
    Kept(String),
    /// Several entries or inherited variables. Each variable that an `env-from` entry can set has a
    /// holder of its own.
    Several,
}

/// The variables, paths and credentials that are held so far.
///
/// The variables that `--keep-existing` keeps are held from the beginning.
pub struct Claims<'a> {
    kept_names: &'a BTreeSet<String>,
    holders: HashMap<Claim, Subject>,
}

impl<'a> Claims<'a> {
    /// Creates the claims of a launch in which only inherited variables are held: those that
    /// `--keep-existing` keeps.
    pub fn new(kept_names: &'a BTreeSet<String>) -> Self {
        Self {
            kept_names,
            holders: HashMap::new(),
        }
    }

    /// Makes an entry the holder of every variable, path and credential that its target claims. An
    /// earlier holder is replaced, so callers ask [`Self::holder`] first.
    pub fn add(&mut self, target: &Target, entry: &Subject) {
        for claim in target.claims() {
            self.holders.insert(claim, entry.clone());
        }
    }

    /// Returns what holds a target, or a part of it. Returns `None` if an entry with this origin
    /// can set all of the target.
    ///
    /// A reference in an inherited variable is resolved although `--keep-existing` keeps the
    /// variable, because the value replaces the text of the reference itself.
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

    /// Returns the holder of a variable. Returns `None` if nothing holds it.
    pub fn variable_holder(&self, name: &EnvName) -> Option<Holder> {
        match self.holders.get(&Claim::Variable(name.clone())) {
            Some(entry) => Some(Holder::Entry(entry.clone())),
            None => self.kept_variable(name),
        }
    }

    /// True if every variable that an object can set is held already, so that the object doesn't
    /// have to be read. False if the variables depend on the object's keys, or if there aren't any.
    pub fn hold_all(&self, naming: &Naming) -> bool {
        let Some(names) = naming.variable_names() else {
            return false;
        };
        let mut holders = names.iter().map(|name| self.variable_holder(name));
        !names.is_empty() && holders.all(|holder| holder.is_some())
    }

    /// Returns an inherited variable as the holder of its own name. Returns `None` unless
    /// `--keep-existing` keeps the variable.
    fn kept_variable(&self, name: &EnvName) -> Option<Holder> {
        self.kept_names
            .contains(name.as_str())
            .then(|| Holder::Kept(name.to_string()))
    }
}
